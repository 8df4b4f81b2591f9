"""``data-sync SRC DST``: make a destination what a source is."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode
from aibs_informatics_aws_lambda.common.collector import paused_collector
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest, DataSyncResponse

from .arguments import PROGRAM
from .messages import show_log
from .output import print_json, print_lines
from .progress import show_progress
from .summary import summary_of, verification_in_words
from .sync_arguments import make_parser, request_of

if TYPE_CHECKING:
    from .pool import Outcome


_MOST_FAILURES: Final = 20
_STOPPED: Final = "stopped at the deadline: the same command goes on from here"


def run(arguments: Sequence[str]) -> ExitCode:
    """Sync as the arguments ask for, and print what was done.

    Raises:
        UsageError: they do not make sense; nothing was done.
        Exception: whatever the sync raises.
    """
    options = make_parser().parse_args(arguments)
    request = request_of(options)
    show_log(PROGRAM, verbose=options.verbose)
    if options.jobs > 1 and not request.dry_run:
        return _sync_in_batches(request, options)
    return _sync(request, options)


def _sync(request: DataSyncRequest, options: argparse.Namespace) -> ExitCode:
    with paused_collector():
        from ..sync.engine import Engine

    start = time.monotonic()
    with show_progress(quiet=options.quiet) as progress:
        answer = Engine(progress).sync(request)
    if options.json:
        print_json(answer)
    elif not options.quiet:
        print_lines(_lines(answer, time.monotonic() - start))
    return _exit_code(answer)


def _sync_in_batches(request: DataSyncRequest, options: argparse.Namespace) -> ExitCode:
    from .parallel import Jobs, sync_in_batches

    jobs = Jobs(options.jobs, options.batch_bytes)
    start = time.monotonic()
    with show_progress(quiet=options.quiet) as progress:
        outcome = sync_in_batches(request, jobs, progress)
    if options.json:
        print_json(outcome.as_answer())
    elif not options.quiet:
        print_lines(_lines_of_batches(outcome, request, time.monotonic() - start))
    _report_failures(outcome, options)
    if len(outcome.failed) == outcome.syncs:
        return ExitCode.FAILED
    return ExitCode.PARTLY_FAILED if outcome.failed or outcome.left else ExitCode.DONE


def _lines_of_batches(outcome: Outcome, request: DataSyncRequest, seconds: float) -> Iterator[str]:
    yield summary_of(outcome.counts, seconds)
    if request.report_path:
        yield f"report: {request.report_path}"
    if outcome.left:
        yield _STOPPED


def _report_failures(outcome: Outcome, options: argparse.Namespace) -> None:
    for failed in outcome.failed[:_MOST_FAILURES]:
        if options.debug:
            sys.stderr.write(failed.trace)
        sys.stderr.write(
            f"{PROGRAM}: error: batch {failed.batch} of {outcome.batches}, "
            f"{failed.request.source_path}: {failed.message}\n"
        )
    more = len(outcome.failed) - _MOST_FAILURES
    if more > 0:
        sys.stderr.write(f"{PROGRAM}: error: {more:,} more syncs have failed\n")


def _lines(answer: DataSyncResponse, seconds: float) -> Iterator[str]:
    result = answer.result
    if result.verification:
        yield verification_in_words(result.verification)
    else:
        yield summary_of(result, seconds, dry_run=bool(answer.request.dry_run))
    if result.details:
        yield f"report: {result.details}"
    if answer.incomplete:
        yield _STOPPED


def _exit_code(answer: DataSyncResponse) -> ExitCode:
    found = answer.result.verification
    differs = found and (found.files_different or found.files_missing or found.files_extra)
    return ExitCode.PARTLY_FAILED if differs or answer.incomplete else ExitCode.DONE
