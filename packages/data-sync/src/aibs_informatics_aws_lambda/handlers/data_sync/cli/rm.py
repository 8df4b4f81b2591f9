"""``data-sync rm``: remove files and folders from EFS and local disks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from aibs_informatics_aws_lambda.common.cli.errors import (
    CommandError,
    ExitCode,
    PayloadError,
    UsageError,
    error_message,
)
from aibs_informatics_aws_lambda.common.json_io import load_json_object
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.removals import (
    RemoveDataPathsRequest,
    parse_removable_path,
)
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..file_system import RemoveDataPathsHandler
from ..housekeeping.removal_requests import check_removal, read_removal, stat_path
from .arguments import PROGRAM, Parser, add_output_options, as_argument
from .housekeeping import with_plain_log
from .messages import configure_logging
from .output import format_count, format_size, print_json, print_lines

_PROGRAM: Final = f"{PROGRAM} rm"

_DESCRIPTION: Final = """\
Remove files and folders recursively from EFS and local disks. Symbolic links are removed, not
followed. Asks for confirmation on a terminal; elsewhere --yes is required.
"""

_EXAMPLES: Final = f"""\
examples:
  show what would be removed, then remove it:
    {_PROGRAM} --dry-run /mnt/efs/scratch/run-1 /mnt/efs/scratch/run-2
    {_PROGRAM} /mnt/efs/scratch/run-1 /mnt/efs/scratch/run-2

  remove stale files that have not changed since the scan:
    {PROGRAM} stale /mnt/efs/scratch --days 30 --plan stale.json
    {_PROGRAM} --yes --plan stale.json
"""

_MOST_SHOWN: Final = 10


def run(arguments: Sequence[str]) -> ExitCode:
    """Remove the paths given by the arguments.

    Raises:
        UsageError: no path is given, or confirmation is not possible. Nothing was removed.
        PayloadError: the plan file is invalid. Nothing was removed.
        DeclinedError: the user did not confirm. Nothing was removed.
    """
    options = _parser().parse_args(arguments)
    request = _request(options)
    configure_logging(_PROGRAM, verbose=options.verbose)
    paths, _ = read_removal(request)
    if options.dry_run:
        print_lines(_preview(_measure(paths), request))
        return ExitCode.DONE
    if not options.yes:
        _confirm(paths)
    response = with_plain_log(RemoveDataPathsHandler()).handle(request)
    if options.json:
        print_json(response)
    else:
        size = format_size(response.size_bytes_removed)
        print_lines([f"{format_count(len(response.paths_removed), 'path')} removed ({size})"])
    return ExitCode.PARTLY_FAILED if response.paths_changed else ExitCode.DONE


class DeclinedError(CommandError):
    """The user did not confirm."""


def _confirm(paths: Sequence[DataLocation]) -> None:
    if not sys.stdin.isatty():
        raise UsageError("cannot ask for confirmation without a terminal: give --yes")
    found = _measure(paths)
    for line in _sizes(found[:_MOST_SHOWN]):
        sys.stderr.write(f"{line}\n")
    if len(found) > _MOST_SHOWN:
        sys.stderr.write(f"... and {len(found) - _MOST_SHOWN:,} more\n")
    sys.stderr.write(f"Remove {_total(found)}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise DeclinedError("nothing was removed")


def _measure(paths: Sequence[DataLocation]) -> list[tuple[DataLocation, int]]:
    """Return the paths with their sizes in bytes.

    Raises:
        ValueError: a path must not be removed.
    """
    found = [stat_path(*target) for target in check_removal(paths, planned=None)]
    sizes = (tree.size_bytes if tree else 0 for tree in found)
    return list(zip(paths, sizes, strict=True))


def _preview(
    found: Sequence[tuple[DataLocation, int]], request: RemoveDataPathsRequest
) -> Iterator[str]:
    yield from _sizes(found)
    condition = " if unchanged since the plan was made" if request.plan else ""
    yield f"{_total(found)} would be removed{condition}"


def _sizes(found: Sequence[tuple[DataLocation, int]]) -> Iterator[str]:
    sizes = [format_size(size) for _, size in found]
    width = max(map(len, sizes), default=0)
    for (path, _), size in zip(found, sizes, strict=True):
        yield f"{size:>{width}}  {path}"


def _total(found: Sequence[tuple[DataLocation, int]]) -> str:
    size = format_size(sum(size for _, size in found))
    return f"{format_count(len(found), 'path')} ({size})"


def _request(options: argparse.Namespace) -> RemoveDataPathsRequest:
    if options.plan is None:
        if not options.paths:
            raise UsageError("nothing to remove: give paths or --plan")
        return RemoveDataPathsRequest(paths=options.paths)
    try:
        document = load_json_object(options.plan)
        if document.get("plan") is None:
            raise ValueError(f"it has no plan. Write one with {PROGRAM} stale --plan")
        paths = options.paths or document.get("paths")
        return RemoveDataPathsRequest.from_dict({"paths": paths, "plan": document["plan"]})
    except (ValueError, OSError) as error:
        raise PayloadError(
            f"cannot use the plan {options.plan}: {error_message(error)}"
        ) from error


@as_argument
def _parse_removable(text: str) -> DataLocation:
    path = parse_removable_path(text)
    if isinstance(path, S3Path):
        raise ValueError(f"{path} is on S3, which rm does not support")
    return path


def _parser() -> Parser:
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES)
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", type=_parse_removable, help="EFS path or local path"
    )
    parser.add_argument(
        "--plan",
        metavar="FILE",
        type=Path,
        help=f"file written by {PROGRAM} stale --plan: remove its paths, or PATH, if they have "
        "not changed since",
    )
    parser.add_argument(
        "--dry-run",
        "-n",
        action="store_true",
        help="show what would be removed without removing it",
    )
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask for confirmation")
    add_output_options(parser)
    return parser
