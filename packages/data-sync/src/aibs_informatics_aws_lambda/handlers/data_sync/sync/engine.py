"""Syncs: from a request to what was done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.sync import (
    DataSyncRequest,
    DataSyncResponse,
    Deadline,
    MaxDelete,
)
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..entries import Entry, Listing
from ..local.locks import held_lock
from ..local.staging import find_staging_root, staging_folder
from ..locations import Location, resolve
from ..progress import NullProgress, Progress
from ..s3.client import S3
from ..sources import find_source
from .deadline import OutOfTimeError, TimeBudget, make_time_budget
from .diff import DiffOptions
from .executor import ExecutionContext, execute, remove_sources
from .filters import PathFilter, check_filters_supported, make_filter
from .planner import Plan, PlanOptions, make_plan
from .report import Report, find_report_location, written_report
from .result import NoProgressError, Outcome, make_response
from .routes import Route, check_overlap, folder_route, single_route

logger = logging.getLogger(__name__)


class Engine:
    """Does syncs, one after the other, over the same connections to S3.

    Args:
        progress: is told how far they have come.
        seconds_left: tells how long the Lambda function may still run; 0 outside of one.
    """

    def __init__(
        self,
        progress: Progress | None = None,
        seconds_left: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._progress = progress or NullProgress()
        self._seconds_left = seconds_left
        self._s3: dict[int, S3] = {}

    def budget(self, *deadlines: Deadline | None) -> TimeBudget:
        """Return the budget for the earliest of some deadlines."""
        return make_time_budget(deadlines, self._seconds_left)

    def sync(self, request: DataSyncRequest, limit: TimeBudget | None = None) -> DataSyncResponse:
        """Do one sync and return what was moved.

        Args:
            request: the sync.
            limit: when to stop, beside the deadline of the request.

        Raises:
            FileNotFoundError: the source is missing, and ``fail_if_missing`` is set.
            ValueError: the request, or a name in the source, makes no sense; nothing was changed.
            NoProgressError: the time was up before anything was done.
            OSError: a file cannot be read or written.
            AWSError: S3 refuses or cannot be reached.
        """
        budget = self.budget(request.deadline, limit.seconds_left if limit else None)
        source, destination = resolve(request.source_path), resolve(request.destination_path)
        check_filters_supported(request.filter_config, source, destination)
        selects = make_filter(request.filter_config, source, request.filter_root)
        s3 = partial(self._find_s3, request.max_concurrency)
        found = find_source(source, s3)
        if not found.exists:
            return _missing(request)
        routes = [
            (route, entries)
            for route, entries in _routes(request, source, destination, found)
            if not check_overlap(route, delete=request.delete, retain=request.retain_source_data)
        ]
        if not routes:
            logger.info("%s is source and destination: nothing to do", source)
            return make_response(request, Outcome(), None)
        details = find_report_location(request)
        first = routes[0][0]
        with ExitStack() as stack:
            if request.require_lock and _changes(request) and first.is_remote_to_local:
                stack.enter_context(held_lock(Path(destination)))
            client = None if all(route.is_local for route, _ in routes) else s3()
            plans = []
            for route, entries in routes:
                others = frozenset(r.target.path for r, _ in routes if r is not route)
                options = _plan_options(request, route, selects, others)
                if details or budget.is_limited:
                    options = replace(options, lists_all=True)
                plan = _make_plan(route, budget.limit(entries), options, client)
                plans.append(stack.enter_context(closing(plan)))
            _check_deletions(request, plans)
            context = ExecutionContext(
                pool=stack.enter_context(ThreadPoolExecutor(request.max_concurrency)),
                concurrency=request.max_concurrency,
                s3=client,
                staging=stack.enter_context(_staging(request, first, plans)),
                changes=_changes(request),
                verifies=bool(request.verify),
                fsync=bool(request.fsync),
                progress=self._progress,
                report=stack.enter_context(_report(details, s3)),
                budget=budget,
            )
            outcome = execute(plans, context)
            if outcome.is_complete and not request.retain_source_data and not request.verify:
                _remove_sources(plans, context, outcome, is_whole=selects is None)
        return make_response(request, outcome, details)

    def _find_s3(self, connections: int) -> S3:
        if connections not in self._s3:
            self._s3[connections] = S3(connections)
        return self._s3[connections]


def _missing(request: DataSyncRequest) -> DataSyncResponse:
    message = f"there is nothing at the source {request.source_path}"
    was_removed = bool(request.continuation and request.continuation.only_removes)
    if request.fail_if_missing and not was_removed:
        raise FileNotFoundError(f"{message}: check the path, or give fail_if_missing: false")
    if not was_removed:
        logger.warning("%s: nothing is synced", message)
    return make_response(request, Outcome(), None)


def _changes(request: DataSyncRequest) -> bool:
    return not (request.dry_run or request.verify)


def _routes(
    request: DataSyncRequest, source: Location, destination: Location, found: Listing
) -> Iterator[tuple[Route, Iterable[Entry]]]:
    """Yield the routes, with the entries that take them.

    There are two if a key names both an object and what lies below it.
    """
    prefix = request.source_path_prefix
    rest = iter(found.below)
    first = next(rest, None)
    if found.single and first and not isinstance(destination, S3Path):
        raise ValueError(
            f"{source} is an object and has objects below it: a local path cannot be a file and "
            f"a folder; name {source}/ to sync what lies below"
        )
    if found.single:
        yield single_route(source, destination, prefix), [found.single]
    if first or not found.single:
        below = chain([first] if first else [], rest)
        yield folder_route(source, destination, prefix), below


def _plan_options(
    request: DataSyncRequest,
    route: Route,
    selects: PathFilter | None,
    reserved_paths: frozenset[str],
) -> PlanOptions:
    before = request.continuation
    diff = DiffOptions(
        force=request.force and not route.is_local,
        size_only=request.size_only and not route.is_local,
        verify=bool(request.verify),
        resume_after=before.through if before and not route.single else None,
    )
    # What was moved is extraneous to a source that is being removed.
    mirrors = request.delete and not route.is_local and not (before and before.only_removes)
    return PlanOptions(
        selects=selects,
        diff=diff,
        mirror=not route.single and (mirrors or diff.verify),
        retain=request.retain_source_data or route.is_remote_to_local,
        protects_excluded=bool(request.protect_excluded),
        reserved_paths=reserved_paths,
        lists_all=diff.verify,
    )


def _make_plan(
    route: Route, entries: Iterable[Entry], options: PlanOptions, s3: S3 | None
) -> Plan:
    try:
        return make_plan(route, entries, options, s3)
    except OutOfTimeError:
        raise NoProgressError(
            f"the time was up before {route.source.name()} was listed: give more time, or sync "
            "parts of it"
        ) from None


def _check_deletions(request: DataSyncRequest, plans: Sequence[Plan]) -> None:
    if request.max_delete is None or request.verify:
        return
    count, there = sum(len(plan.extraneous) for plan in plans), sum(plan.there for plan in plans)
    if count > _most_deletions(request.max_delete, there):
        raise ValueError(
            f"{count} of {there} entries would be deleted at {request.destination_path}, and "
            f"max_delete allows {request.max_delete}: nothing was changed; check the paths, or "
            "allow more"
        )


def _most_deletions(max_delete: MaxDelete, there: int) -> int:
    """Return how many entries may be deleted of those that are there."""
    if isinstance(max_delete, str):
        return int(there * float(max_delete.rstrip("%")) / 100)
    return int(there * max_delete) if 0 < max_delete < 1 else int(max_delete)


def _report(path: DataLocation | None, s3: Callable[[], S3]) -> AbstractContextManager[Report]:
    if path is None:
        return nullcontext(Report())
    return written_report(resolve(path), s3)


@contextmanager
def _staging(
    request: DataSyncRequest, route: Route, plans: Sequence[Plan]
) -> Iterator[str | None]:
    config = request.remote_to_local_config
    is_used = config.use_custom_tmp_dir and route.single and route.is_remote_to_local
    if not is_used or not _changes(request) or not any(len(plan.steps) for plan in plans):
        yield None
        return
    chosen = config.custom_tmp_dir
    root = find_staging_root(route.target.path) if chosen is None else resolve(chosen)
    with staging_folder(str(root)) as folder:
        yield folder


def _remove_sources(
    plans: Sequence[Plan], context: ExecutionContext, outcome: Outcome, *, is_whole: bool
) -> None:
    if any(plan.route.is_remote_to_local for plan in plans):
        logger.warning("The source stays: objects are not removed after a sync to local files")
    else:
        remove_sources(plans, context, outcome, is_whole=is_whole)
