"""``data-sync apply FILE``: do what a plan says, and nothing else."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, PayloadError
from aibs_informatics_aws_lambda.common.cli.output import escaped
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

from ..sync.plan_file import PlanFile
from . import arguments as shared
from .actions import ActionLines
from .connection import add_connection_options, check_side, use_connection
from .failed_files import FailedFiles
from .limit_options import add_bandwidth, add_limits, given_limits
from .messages import configure_logging, format_error
from .output import format_count, print_json, print_lines
from .page_report import page_report
from .progress import watch
from .summary import count_requests, format_counts

_PROGRAM = f"{shared.PROGRAM} apply"

_DESCRIPTION = """\
Do what a plan says, and nothing else. Both sides are listed again: files that have changed since
the plan was made are not touched, but named, and the exit status is 4. If one of them was to be
transferred, nothing is deleted.
"""

_EXAMPLES = f"""\
examples:
  {shared.PROGRAM} --delete --plan mirror.jsonl results s3://bucket/results/
  {_PROGRAM} mirror.jsonl
"""


def run(arguments: Sequence[str]) -> ExitCode:
    """Execute the plan given by the arguments.

    Raises:
        PayloadError: the plan is invalid. Nothing has been done.
        Exception: the sync failed.
    """
    options = make_parser().parse_args(arguments)
    configure_logging(_PROGRAM, verbose=options.verbose, form=options.log_format)
    plan = _read(options.plan_file)
    for name, value in plan.connection.items():
        if not vars(options).get(name):
            setattr(options, name, value)
    use_connection(options)
    _check_endpoints(plan.request, options)
    return _apply(plan, options)


def _check_endpoints(request: DataSyncRequest, options: argparse.Namespace) -> None:
    if isinstance(request.source_path, S3Path):
        check_side(request.source_connection, options, "source")
    if isinstance(request.destination_path, S3Path):
        check_side(request.destination_connection, options, "destination")


def _read(path: Path) -> PlanFile:
    try:
        return PlanFile(path)
    except (ValueError, OSError) as error:
        raise PayloadError(f"cannot use the plan {path}: {format_error(error)}") from error


def _apply(plan: PlanFile, options: argparse.Namespace) -> ExitCode:
    from ..sync.engine import Engine

    changes = {
        "report_path": options.report_path,
        "dry_run": options.dry_run,
        **given_limits(options),
    }
    request = plan.request.model_copy(update=changes)
    start = time.monotonic()
    shows_actions = (options.verbose or options.dry_run) and not options.json
    listener = ActionLines() if shows_actions else None
    with (
        page_report(request) as page,
        watch(options) as progress,
    ):
        engine = Engine(progress, listener=listener)
        # What a plan would replace is compared with what is there, also with --force.
        response = page.finish(
            engine.sync(page.request, restrict=plan.restrict, lists_targets=True)
        )
    changed = _print_changed(plan)
    if options.json:
        print_json(response.to_model())
    elif not options.quiet:
        seconds = time.monotonic() - start
        requests = count_requests(by_operation=options.verbose)
        line = format_counts(response.result, seconds, requests, dry_run=bool(options.dry_run))
        print_lines([line])
    failed = FailedFiles()
    failed.add(response)
    failed.print(deletes=True)
    if changed or response.incomplete:
        return ExitCode.PARTLY_FAILED
    return failed.exit_code(response.result)


def _print_changed(plan: PlanFile) -> int:
    lines, count, keeps = ActionLines(), 0, False
    for planned in plan.changed():
        count += 1
        keeps = keeps or planned.action != "delete"
        line = escaped(lines.format(planned))
        sys.stderr.write(f"{_PROGRAM}: changed since the plan: {line}\n")
    if count:
        # A move has removed the sources that it has transferred.
        kept = (
            ", and nothing was deleted at the destination" if plan.request.delete and keeps else ""
        )
        sys.stderr.write(
            f"{_PROGRAM}: error: {format_count(count, 'planned action')} not done, as files have "
            f"changed{kept}: plan again\n"
        )
    return count


def make_parser() -> shared.Parser:
    """Return the parser."""
    parser = shared.Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES, usage="%(prog)s [options] FILE")
    parser.add_argument(
        "plan_file", metavar="FILE", type=Path, help="plan written by data-sync --plan"
    )
    parser.add_argument(
        "--dry-run",
        "-n",
        action="store_true",
        default=None,
        help="show what would be done without any change",
    )
    parser.add_argument(
        "--report",
        metavar="PATH",
        dest="report_path",
        type=shared.parse_path,
        help="write the action for each file to PATH as JSON Lines, or a page to PATH.html",
    )
    add_connection_options(parser)
    shared.add_output_options(parser, has_quiet=True)
    limits = parser.add_rarely_used("limits")
    add_bandwidth(limits)
    add_limits(limits)
    return parser
