"""``data-sync stale``: find files and folders that have not been modified recently."""

import logging
from collections.abc import Sequence
from pathlib import Path

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, UsageError
from aibs_informatics_aws_lambda.common.files import unwritable_reason, write_atomically
from aibs_informatics_aws_lambda.common.json_io import dump_json_line
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..file_system import OutdatedDataPathScannerHandler
from ..housekeeping.models import OutdatedDataPathScannerRequest
from ..locations import resolve
from .arguments import PROGRAM, Parser, add_output_options, not_negative, parse_path, parse_size
from .connection import add_connection_options, use_connection
from .housekeeping import absolute_paths, add_separator, with_plain_log
from .messages import configure_logging
from .output import print_json, print_lines
from .progress import show_waiting

logger = logging.getLogger(__name__)

_PROGRAM = f"{PROGRAM} stale"

_DESCRIPTION = """\
List files and folders that have not been modified for a number of days, sorted, one per line.
Folders end in a slash. The age of a folder is that of its newest file. Nothing is removed.
"""

_EXAMPLES = f"""\
examples:
  find files older than 30 days:
    {_PROGRAM} /mnt/efs/scratch --days 30

  find them, and remove those that have not changed since:
    {_PROGRAM} /mnt/efs/scratch --days 30 --plan stale.json
    {PROGRAM} rm --plan stale.json

  find the oldest files whose removal leaves about 500 GiB:
    {_PROGRAM} /mnt/efs/scratch --days 0 --keep 500GiB
"""


def run(arguments: Sequence[str]) -> ExitCode:
    """List the stale paths below the path given by the arguments.

    Raises:
        UsageError: the plan cannot be written, or is not supported for the path.
    """
    options = make_parser().parse_args(arguments)
    if options.plan:
        _check_plan(options.plan, options.path)
    configure_logging(_PROGRAM, verbose=options.verbose, form=options.log_format)
    use_connection(options)
    request = OutdatedDataPathScannerRequest(
        path=options.path,
        days_since_last_accessed=options.days,
        min_depth=options.min_depth,
        max_depth=options.max_depth,
        min_size_bytes_allowed=options.keep,
        with_plan=options.plan is not None,
    )
    location = resolve(options.path)
    if isinstance(location, Path) and not location.exists():
        # Its name may be mistyped: a job that removes what is stale would never remove anything.
        logger.warning("%s does not exist", options.path)
    with show_waiting(f"scanning {options.path}"):
        response = with_plain_log(OutdatedDataPathScannerHandler()).handle(request)
    if options.plan:
        write_atomically(options.plan, dump_json_line(response.to_dict()) + "\n")
    if options.json:
        print_json(response)
    else:
        print_lines(absolute_paths(options.path, response.paths), options.end)
    return ExitCode.DONE


def _check_plan(plan: Path, path: object) -> None:
    if isinstance(path, S3Path):
        raise UsageError("--plan is not supported for S3: rm --plan removes local files only")
    problem = unwritable_reason(plan)
    if problem:
        raise UsageError(f"cannot write the plan to {plan}: {problem}")


def make_parser() -> Parser:
    """Return the parser."""
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES, usage="%(prog)s --days N [options] PATH")
    parser.add_argument(
        "path", metavar="PATH", type=parse_path, help="S3 URI, EFS path or local path"
    )
    parser.add_argument(
        "--days",
        metavar="N",
        type=not_negative,
        required=True,
        help="age since the last modification",
    )
    parser.add_argument(
        "--min-depth",
        metavar="N",
        type=int,
        default=1,
        help="list no folder above this depth; PATH itself has depth 0 (default: 1)",
    )
    parser.add_argument(
        "--max-depth",
        metavar="N",
        type=int,
        help="do not descend below this depth",
    )
    parser.add_argument(
        "--keep",
        metavar="SIZE",
        type=parse_size,
        default=0,
        help="stop once the remaining size is at or below SIZE, such as 500GiB",
    )
    parser.add_argument(
        "--plan",
        metavar="FILE",
        type=Path,
        help=f"write the list to FILE, for {PROGRAM} rm --plan",
    )
    add_connection_options(parser)
    add_separator(add_output_options(parser))
    return parser
