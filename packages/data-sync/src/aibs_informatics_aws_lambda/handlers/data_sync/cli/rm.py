"""``data-sync rm``: remove files and folders from EFS and local disks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from aibs_informatics_aws_lambda.common.cli.errors import (
    CommandError,
    ExitCode,
    PayloadError,
    UsageError,
    in_one_line,
)
from aibs_informatics_aws_lambda.common.json_io import load_json_object
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.removals import RemoveDataPathsRequest
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..file_system import RemoveDataPathsHandler
from ..housekeeping.removal_requests import read_removal, removal_guard_for
from ..local.delete import stat_tree
from ..locations import resolve
from .arguments import PROGRAM, Parser, add_output_options, parse_path
from .housekeeping import with_plain_log
from .messages import show_log
from .output import format_count, format_size, print_json, print_lines

Removable: TypeAlias = DataLocation

_PROGRAM: Final = f"{PROGRAM} rm"

_DESCRIPTION: Final = """\
Remove files and folders, with all that is in them, from EFS and local disks. A link is removed,
never what it leads to. On a terminal there is a question before; elsewhere --yes has to be given.
"""

_EXAMPLES: Final = f"""\
examples:
  what would be removed, and then that:
    {_PROGRAM} --dry-run /mnt/efs/scratch/run-1 /mnt/efs/scratch/run-2
    {_PROGRAM} /mnt/efs/scratch/run-1 /mnt/efs/scratch/run-2

  what was found to be stale, if it still is what was found:
    {PROGRAM} stale /mnt/efs/scratch --days 30 --plan stale.json
    {_PROGRAM} --yes --plan stale.json
"""

_MOST_SHOWN: Final = 10


def run(arguments: Sequence[str]) -> ExitCode:
    """Remove what the arguments name.

    Raises:
        UsageError: they name nothing, or nobody can be asked; nothing was removed.
        PayloadError: the plan cannot be used; nothing was removed.
        DeclinedError: the answer to the question was not yes; nothing was removed.
    """
    options = _parser().parse_args(arguments)
    request = _request(options)
    show_log(_PROGRAM, verbose=options.verbose)
    paths, _ = read_removal(request)
    if options.dry_run:
        print_lines(_preview(_measure(paths), request))
        return ExitCode.DONE
    if not options.yes:
        _ask(paths)
    answer = with_plain_log(RemoveDataPathsHandler()).handle(request)
    if options.json:
        print_json(answer)
    else:
        size = format_size(answer.size_bytes_removed)
        print_lines([f"{format_count(len(answer.paths_removed), 'path')} removed ({size})"])
    return ExitCode.PARTLY_FAILED if answer.paths_changed else ExitCode.DONE


class DeclinedError(CommandError):
    """Somebody was asked, and did not agree."""


def _ask(paths: Sequence[Removable]) -> None:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on: give --yes to remove without a question")
    found = _measure(paths)
    for line in _sizes(found[:_MOST_SHOWN]):
        sys.stderr.write(f"{line}\n")
    if len(found) > _MOST_SHOWN:
        sys.stderr.write(f"... and {len(found) - _MOST_SHOWN:,} more\n")
    sys.stderr.write(f"Remove {_total(found)}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise DeclinedError("nothing was removed")


def _measure(paths: Sequence[Removable]) -> list[tuple[Removable, int]]:
    """Return the paths with their sizes in bytes; refuse what must not be removed."""
    guard = removal_guard_for(paths)
    extents = [(path, stat_tree(guard.check(Path(resolve(path))))) for path in paths]
    return [(path, extent.size_bytes if extent else 0) for path, extent in extents]


def _preview(
    found: Sequence[tuple[Removable, int]], request: RemoveDataPathsRequest
) -> Iterator[str]:
    yield from _sizes(found)
    condition = " if unchanged since the plan was made" if request.plan else ""
    yield f"{_total(found)} would be removed{condition}"


def _sizes(found: Sequence[tuple[Removable, int]]) -> Iterator[str]:
    sizes = [format_size(size) for _, size in found]
    width = max(map(len, sizes), default=0)
    for (path, _), size in zip(found, sizes, strict=True):
        yield f"{size:>{width}}  {path}"


def _total(found: Sequence[tuple[Removable, int]]) -> str:
    size = format_size(sum(size for _, size in found))
    return f"{format_count(len(found), 'path')} ({size})"


def _request(options: argparse.Namespace) -> RemoveDataPathsRequest:
    if options.plan is None:
        if not options.paths:
            raise UsageError("there is nothing to remove: give paths, or --plan")
        return RemoveDataPathsRequest(paths=options.paths)
    try:
        document = load_json_object(options.plan)
        if document.get("plan") is None:
            raise ValueError(f"it holds none: {PROGRAM} stale --plan makes one")
        paths = options.paths or document.get("paths")
        return RemoveDataPathsRequest.from_dict({"paths": paths, "plan": document["plan"]})
    except (ValueError, OSError) as error:
        raise PayloadError(f"cannot use the plan {options.plan}: {in_one_line(error)}") from error


def _parse_removable(text: str) -> Removable:
    path = parse_path(text)
    if isinstance(path, S3Path):
        raise argparse.ArgumentTypeError(f"{path} is on S3, where nothing is removed")
    return path


def _parser() -> Parser:
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES)
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", type=_parse_removable, help="on EFS or local"
    )
    parser.add_argument(
        "--plan",
        metavar="FILE",
        type=Path,
        help=f"what {PROGRAM} stale --plan has written: what has changed since is not removed; "
        "without PATH, all of it",
    )
    parser.add_argument(
        "--dry-run", "-n", action="store_true", help="tell what would be removed; change nothing"
    )
    parser.add_argument("--yes", "-y", action="store_true", help="remove without a question")
    add_output_options(parser)
    return parser
