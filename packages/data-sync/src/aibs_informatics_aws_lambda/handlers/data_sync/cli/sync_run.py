"""Execution of ``data-sync SRC DST``, and its output."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, UsageError
from aibs_informatics_aws_lambda.common.cli.output import escaped

from ..sync.engine import Engine
from ..sync.request import SyncRequest, as_model
from ..sync.result import Counts, SyncResponse
from .arguments import PROGRAM
from .connection import given_connection
from .failed_files import FailedFiles
from .output import print_json, print_lines
from .page_report import page_report
from .progress import watch
from .summary import (
    Requests,
    count_requests,
    format_counts,
    format_requests,
    format_verification,
)
from .sync_request import check_selected

if TYPE_CHECKING:
    from ..sync.planner import Plan
    from ..sync.report import Report
    from .begun_listings import BegunListings
    from .pool import ParallelResult


logger = logging.getLogger(__name__)

_STREAM = Path("-")
_MAX_FAILURES_SHOWN = 20
_STOPPED = "stopped at the deadline: run the same command again to continue"


def run_sync(request: SyncRequest, options: argparse.Namespace, begun: BegunListings) -> ExitCode:
    """Run a sync and print its counts.

    Args:
        request: the sync.
        options: the options of the command.
        begun: the listings that were begun ahead.

    Raises:
        UsageError: the options are invalid. Nothing has been done.
        Exception: the sync failed.
    """
    with _stored_list(request) as stored:
        if stored.report_path == _STREAM:
            return _with_report_on_stdout(stored, options, begun)
        return _run(stored, options, begun)


@contextmanager
def _stored_list(request: SyncRequest) -> Iterator[SyncRequest]:
    """Store a list of files on stdin, which is read more than once."""
    if request.files_from != _STREAM:
        yield request
        return
    with TemporaryDirectory(prefix="data-sync-") as folder:
        path = Path(folder, "stdin")
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield request.model_copy(update={"files_from": path})


def _with_report_on_stdout(
    request: SyncRequest, options: argparse.Namespace, begun: BegunListings
) -> ExitCode:
    """Run a sync and print its report, and the counts to stderr."""
    if options.json or options.verbose or request.dry_run or request.verify:
        raise UsageError("--report - is not for --json, -v, --dry-run and --verify")
    with TemporaryDirectory(prefix="data-sync-") as folder, redirect_stdout(sys.stderr):
        path = Path(folder, "report.jsonl")
        try:
            return _run(request.model_copy(update={"report_path": path}), options, begun)
        finally:
            with redirect_stdout(sys.__stdout__):
                if path.exists():
                    with path.open(encoding="utf-8") as lines:
                        print_lines(line.rstrip("\n") for line in lines)


def _run(request: SyncRequest, options: argparse.Namespace, begun: BegunListings) -> ExitCode:
    if options.jobs > 1 and not request.dry_run:
        return _sync_in_batches(request, options)
    return _sync(request, options, begun)


def _is_shown(request: SyncRequest, options: argparse.Namespace) -> bool:
    """Return whether each action is shown on stdout."""
    is_detailed = options.verbose or request.dry_run or request.verify
    return bool(is_detailed) and not (options.json or options.quiet)


def _sync(request: SyncRequest, options: argparse.Namespace, begun: BegunListings) -> ExitCode:
    start = time.monotonic()
    with page_report(request) as page, ExitStack() as stack:
        listener = _listener(request, options, stack)
        progress = stack.enter_context(watch(options))
        check = partial(check_selected, request)
        engine = Engine(
            progress,
            listener=listener,
            clients=begun.clients,
            listed=begun.started,
            walks=begun.walks,
        )
        if options.stores and _is_shown(request, options) and request.report_path is None:
            response = _sync_by_store(engine, request, check)
        else:
            # What is shown, or planned, says what would be replaced.
            lists = bool(request.dry_run)
            response = page.finish(engine.sync(page.request, restrict=check, lists_targets=lists))
    if options.json:
        print_json(response.to_model())
    elif not options.quiet:
        requests = count_requests(by_operation=options.verbose)
        print_lines(_lines(response, options, time.monotonic() - start, requests))
    if request.filter_config:
        _warn_of_filters(request, _count_files(response))
    failed = FailedFiles()
    failed.add(response)
    failed.print(deletes=_deletes(request))
    return failed.exit_code(response.result) or _exit_code(response)


def _sync_by_store(
    engine: Engine, request: SyncRequest, restrict: Callable[[Sequence[Plan]], None]
) -> SyncResponse:
    """Sync, and print a line for each store, and for each change elsewhere."""
    from .store_lines import print_report, report_by_store

    with report_by_store(request) as (reported, path):
        response = engine.sync(reported, restrict=restrict)
        print_report(path)
    # The report is gone.
    response.result.details = None
    return response


def _listener(
    request: SyncRequest, options: argparse.Namespace, stack: ExitStack
) -> Report | None:
    """Return what receives the actions: lines on stdout, the plan file, both or neither."""
    listener: Report | None = None
    if _is_shown(request, options) and not options.stores:
        from .actions import ActionLines

        listener = ActionLines()
    if options.plan_file is not None:
        from ..sync.plan_file import written_plan
        from ..sync.report import ForwardedReport

        planned = request.model_copy(update={"dry_run": None, "report_path": None, "stores": None})
        written = written_plan(options.plan_file, planned, given_connection(options))
        plan = stack.enter_context(written)
        listener = plan if listener is None else ForwardedReport(plan, listener)
    return listener


def _sync_in_batches(request: SyncRequest, options: argparse.Namespace) -> ExitCode:
    from .parallel import sync_in_batches

    start = time.monotonic()
    with (
        page_report(request) as page,
        watch(options) as progress,
    ):
        result = sync_in_batches(
            as_model(page.request),
            progress,
            processes=options.jobs,
            batch_bytes=options.batch_bytes,
        )
        page.finish_batches(result)
    if options.json:
        print_json(result.to_response())
    elif not options.quiet:
        requests = count_requests(result.requests, by_operation=options.verbose)
        line = format_counts(result.counts, time.monotonic() - start, requests)
        print_lines([line, *_lines_of_batches(result, options)])
    _print_failures(result, options)
    result.failed_files.print(deletes=_deletes(request))
    if request.filter_config:
        _warn_of_filters(request, _count_synced(result.counts))
    if result.failed and len(result.failed) == result.syncs and not _count_synced(result.counts):
        return ExitCode.FAILED
    is_partial = result.failed or result.failed_files.count or result.unfinished
    return ExitCode.PARTLY_FAILED if is_partial else ExitCode.DONE


def _deletes(request: SyncRequest) -> bool:
    return request.delete or not request.retain_source_data


def _count_synced(counts: Counts) -> int:
    return counts.files_transferred + counts.files_unchanged


def _lines_of_batches(result: ParallelResult, options: argparse.Namespace) -> Iterator[str]:
    if options.report_path and options.report_path != _STREAM:
        yield f"report: {options.report_path}"
    if result.unfinished:
        yield _STOPPED


def _print_failures(result: ParallelResult, options: argparse.Namespace) -> None:
    for failed in result.failed[:_MAX_FAILURES_SHOWN]:
        if options.debug:
            sys.stderr.write(failed.trace)
        sys.stderr.write(
            f"{PROGRAM}: error: batch {failed.batch_number} of {result.batches}, "
            f"{escaped(f'{failed.request.source_path}: {failed.message}')}\n"
        )
    more = len(result.failed) - _MAX_FAILURES_SHOWN
    if more > 0:
        sys.stderr.write(f"{PROGRAM}: error: {more:,} more syncs failed\n")


def _lines(
    response: SyncResponse, options: argparse.Namespace, seconds: float, requests: Requests
) -> Iterator[str]:
    result = response.result
    if result.verification:
        found = format_verification(result.verification)
        yield ", ".join([f"{found} in {seconds:.1f} s", *format_requests(requests)])
    else:
        yield format_counts(result, seconds, requests, dry_run=bool(response.request.dry_run))
    # The file of a report on stdout is temporary.
    if result.details and options.report_path != _STREAM:
        yield f"report: {result.details}"
    if response.incomplete:
        yield _STOPPED


def _warn_of_filters(request: SyncRequest, count: int) -> None:
    if not count:
        logger.warning("the filters match no file at %s", request.source_path)


def _count_files(response: SyncResponse) -> int:
    counts, found = response.result, response.result.verification
    if counts.files_failed:
        return counts.files_failed
    if found:
        return found.files_equal + found.files_different + found.files_missing
    return _count_synced(counts)


def _exit_code(response: SyncResponse) -> ExitCode:
    found = response.result.verification
    differs = found and (
        found.files_different
        or found.files_missing
        or found.files_extra
        or found.promised_missing
        or found.metadata_damaged
    )
    return ExitCode.PARTLY_FAILED if differs or response.incomplete else ExitCode.DONE
