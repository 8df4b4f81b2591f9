"""``data-sync stale``: find what has not been modified for long."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, UsageError
from aibs_informatics_aws_lambda.common.files import why_unwritable, write_atomically
from aibs_informatics_aws_lambda.common.json_io import dump_json_line
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..file_system import OutdatedDataPathScannerHandler
from ..housekeeping.models import OutdatedDataPathScannerRequest
from .arguments import PROGRAM, Parser, add_output_options, not_negative, parse_path, parse_size
from .housekeeping import absolute_paths, add_separator, with_plain_log
from .messages import show_log
from .output import print_json, print_lines

_PROGRAM: Final = f"{PROGRAM} stale"

_DESCRIPTION: Final = """\
Find files and folders that have not been modified for so many days, one on a line and sorted;
folders end in a slash. A folder is as young as the youngest file in it. Nothing is removed.
"""

_EXAMPLES: Final = f"""\
examples:
  what is a month old:
    {_PROGRAM} /mnt/efs/scratch --days 30

  the same, and remove what is still as it was found:
    {_PROGRAM} /mnt/efs/scratch --days 30 --plan stale.json
    {PROGRAM} rm --plan stale.json

  the oldest, until no more than 500 GiB are left:
    {_PROGRAM} /mnt/efs/scratch --days 0 --keep 500GiB
"""


def run(arguments: Sequence[str]) -> ExitCode:
    """Find what the arguments ask for.

    Raises:
        UsageError: there can be no plan, or it cannot be written; nothing was looked at.
    """
    options = _parser().parse_args(arguments)
    show_log(_PROGRAM, verbose=options.verbose)
    if options.plan:
        _check_plan(options.plan, options.path)
    request = OutdatedDataPathScannerRequest(
        path=options.path,
        days_since_last_accessed=options.days,
        min_depth=options.min_depth,
        max_depth=options.max_depth,
        min_size_bytes_allowed=options.keep,
        with_plan=options.plan is not None,
    )
    answer = with_plain_log(OutdatedDataPathScannerHandler()).handle(request)
    if options.plan:
        write_atomically(options.plan, dump_json_line(answer.to_dict()) + "\n")
    if options.json:
        print_json(answer)
    else:
        print_lines(absolute_paths(options.path, answer.paths), options.end)
    return ExitCode.DONE


def _check_plan(plan: Path, path: object) -> None:
    if isinstance(path, S3Path):
        raise UsageError("--plan is for a removal, and nothing is removed on S3")
    problem = why_unwritable(plan)
    if problem:
        raise UsageError(f"cannot write the plan to {plan}: {problem}")


def _parser() -> Parser:
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("path", metavar="PATH", type=parse_path, help="on S3, on EFS or local")
    parser.add_argument(
        "--days",
        metavar="N",
        type=not_negative,
        required=True,
        help="what was modified longer ago is stale",
    )
    parser.add_argument(
        "--min-depth",
        metavar="N",
        type=int,
        default=1,
        help="folders above are not found as a whole: 0 is PATH itself (default: 1)",
    )
    parser.add_argument(
        "--max-depth",
        metavar="N",
        type=int,
        help="do not look into what lies deeper, unless all above it is stale",
    )
    parser.add_argument(
        "--keep",
        metavar="SIZE",
        type=parse_size,
        default=0,
        help="stop as soon as no more than this is left over, such as 500GiB",
    )
    parser.add_argument(
        "--plan",
        metavar="FILE",
        type=Path,
        help=f"write there what was found, for {PROGRAM} rm --plan",
    )
    add_separator(add_output_options(parser))
    return parser
