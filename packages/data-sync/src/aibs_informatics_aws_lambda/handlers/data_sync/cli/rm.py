"""``data-sync rm``: remove files, folders and objects."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from aibs_informatics_aws_lambda.common.cli import errors
from aibs_informatics_aws_lambda.common.json_io import load_json_object
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.removal_requests import (
    RemoveDataPathsRequest,
    parse_removable_path,
)
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..file_system import RemoveDataPathsHandler
from ..housekeeping.removal import check_removal, read_removal, stat_path
from .arguments import PROGRAM, Parser, add_output_options, as_argument, positive
from .confirmation import check_terminal, confirm
from .connection import add_connection_options, use_connection
from .housekeeping import with_plain_log
from .messages import configure_logging
from .output import format_count, format_size, print_json, print_lines
from .progress import show_waiting

_PROGRAM = f"{PROGRAM} rm"

_DESCRIPTION = """\
Remove files and folders with their contents, and objects. Symbolic links are removed, not
followed. Asks for confirmation on a terminal; elsewhere --yes is required.
"""

_EXAMPLES = f"""\
examples:
  show what would be removed, then remove it:
    {_PROGRAM} --dry-run /mnt/efs/scratch/run-1 /mnt/efs/scratch/run-2
    {_PROGRAM} /mnt/efs/scratch/run-1 /mnt/efs/scratch/run-2

  remove stale files that have not changed since the scan:
    {PROGRAM} stale /mnt/efs/scratch --days 30 --plan stale.json
    {_PROGRAM} --yes --plan stale.json

  remove objects:
    {_PROGRAM} s3://bucket/report.pdf 's3://bucket/tmp/*.log'
    {_PROGRAM} -r --max-delete 1000 s3://bucket/tmp/
"""

_MOST_SHOWN = 10


def run(arguments: Sequence[str]) -> errors.ExitCode:
    """Remove the paths given by the arguments.

    Raises:
        UsageError: no path is given, or confirmation is not possible. Nothing was removed.
        PayloadError: the plan file is invalid. Nothing was removed.
        DeclinedError: the user did not confirm. Nothing was removed.
        CommandError: there is no such object.
    """
    options = make_parser().parse_args(arguments)
    objects = [path for path in options.paths if isinstance(path, S3Path)]
    if objects and (len(objects) < len(options.paths) or options.plan):
        raise errors.UsageError("S3 URIs cannot be combined with local paths or --plan")
    for uri in objects:
        if not options.recursive and (not uri.key or uri.has_folder_suffix()):
            raise errors.UsageError(f"{uri} is a prefix: give -r to remove the objects below it")
    if not objects and options.max_delete is not None:
        raise errors.UsageError("--max-delete is only for objects on S3")
    configure_logging(_PROGRAM, verbose=options.verbose, form=options.log_format)
    use_connection(options)
    if objects:
        from .rm_objects import remove_objects

        return remove_objects(objects, options)
    request = _request(options)
    paths, _ = read_removal(request)
    if options.dry_run:
        print_lines(_preview(_measure(paths), request))
        return errors.ExitCode.DONE
    if not options.yes:
        _confirm(paths)
    with show_waiting("removing files"):
        response = with_plain_log(RemoveDataPathsHandler()).handle(request)
    if options.json:
        print_json(response)
    else:
        size = format_size(response.size_bytes_removed)
        print_lines([f"{format_count(len(response.paths_removed), 'path')} removed ({size})"])
    return errors.ExitCode.PARTLY_FAILED if response.paths_changed else errors.ExitCode.DONE


def _confirm(paths: Sequence[DataLocation]) -> None:
    check_terminal()
    found = _measure(paths)
    details = list(_sizes(found[:_MOST_SHOWN]))
    if len(found) > _MOST_SHOWN:
        details.append(f"... and {len(found) - _MOST_SHOWN:,} more")
    confirm(f"Remove {_total(found)}?", details)


def _measure(paths: Sequence[DataLocation]) -> list[tuple[DataLocation, int]]:
    """Return the paths with their sizes in bytes.

    Raises:
        ValueError: a path must not be removed.
    """
    with show_waiting("listing what would be removed"):
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
            raise errors.UsageError("nothing to remove: give paths or --plan")
        return RemoveDataPathsRequest(paths=options.paths)
    try:
        document = load_json_object(options.plan)
        if document.get("plan") is None:
            raise ValueError(f"it has no plan. Write one with {PROGRAM} stale --plan")
        paths = options.paths or document.get("paths")
        return RemoveDataPathsRequest.from_dict({"paths": paths, "plan": document["plan"]})
    except (ValueError, OSError) as error:
        raise errors.PayloadError(
            f"cannot use the plan {options.plan}: {errors.error_message(error)}"
        ) from error


@as_argument
def _parse_removable(text: str) -> DataLocation:
    return parse_removable_path(text)


def make_parser() -> Parser:
    """Return the parser."""
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES, usage="%(prog)s [options] PATH...")
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        type=_parse_removable,
        help="S3 URI, EFS path or local path",
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
    parser.add_argument(
        "--recursive",
        "-r",
        action="store_true",
        help="on S3: remove the objects below PATH too; local folders always are",
    )
    parser.add_argument(
        "--max-delete",
        metavar="N",
        type=positive,
        help="on S3: fail before any removal if there are more objects",
    )
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask for confirmation")
    add_connection_options(parser)
    add_output_options(parser)
    return parser
