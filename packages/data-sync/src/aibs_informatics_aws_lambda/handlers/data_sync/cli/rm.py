"""``data-sync rm``: remove files, folders and objects."""

from collections.abc import Sequence
from pathlib import Path

from aibs_informatics_aws_lambda.common.cli import errors
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.locations import DataLocation, parse_removable_path

from .arguments import PROGRAM, Parser, add_output_options, as_argument, positive
from .connection import add_connection_options, use_connection
from .messages import configure_logging

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
    if objects:
        from .rm_objects import remove_objects

        return remove_objects(objects, options)
    # Models and handlers, which take most of the start-up time.
    from .rm_files import remove_files

    use_connection(options)
    return remove_files(options)


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
