"""The sync engine: resolve, plan, execute, report."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, TypeAlias

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..cpu_affinity import shared_cpu, use_all_cpus
from ..entries import Entry
from ..local.locks import held_lock
from ..local.staging import find_staging_root, staging_folder
from ..local.threads import threads
from ..local.walk import BegunWalk, OnFailure
from ..locations import Root, resolve
from ..progress import NullProgress, Progress, activity
from ..rate_limits import RateLimits, SharedStates
from ..s3.client import S3
from ..s3.crt_clients import DEFAULT_CONNECTIONS, MOST_CONCURRENCY
from ..settings import DEFAULT_MAX_CONCURRENCY, DEFAULT_RETRIES, WORKERS
from .archived import describe as describe_archived
from .backup import Backup, LocalBackup, S3Backup, find_backup_root
from .context import ExecutionContext
from .deadline import UNLIMITED, OutOfTimeError, TimeBudget, make_time_budget
from .diff import DiffOptions
from .executor import execute
from .failures import Failures
from .filters import compile_patterns
from .move_marker import finish_move
from .planner import Plan, PlanOptions, make_plan, rule_at
from .report import ForwardedReport, Report, find_report_location, written_report
from .request import SyncRequest
from .resolve import Branch, ResolvedSync, resolve_sync
from .result import NoProgressError, Outcome, SyncResponse, find_resumption, make_response
from .resumption import Resumption
from .routes import Route, folder_route
from .snapshot import keep_confirmed_deletions

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection
    from aibs_informatics_aws_lambda.storage.data_sync.sync import (
        Deadline,
        MaxDelete,
        SyncContinuation,
    )

    from ..local.checksum_cache import ChecksumCache
    from .s3_switch import S3Switch
    from .store_report import StoreSummary
    from .switch import LocalSwitch

    Switch: TypeAlias = LocalSwitch | S3Switch

logger = logging.getLogger(__name__)

_REWRITES_SHOWN = 10

# What a move removes must not have changed after its transfer, whose time another clock tells. S3
# refuses requests of machines whose clock differs by more than 15 minutes.
_CLOCK_SKEW_OF_MOVES = 15 * 60


class Engine:
    """Runs syncs, one after the other, over the same connections to S3.

    Args:
        progress: receives the progress of the syncs.
        seconds_left: returns the time until the Lambda function times out; 0 outside of Lambda.
        listener: receives what is done with each entry, in addition to the report.
        shared: the states of rate limits, if other processes share them.
        clients: returns the S3 client for a number of connections, and so on; by default new ones,
            one for each number of connections, service and identity.
        listed: the time before which no listing has begun, in seconds since 1970 UTC; by default
            that at which each sync starts.
        walks: walks of local folders that have begun, by folder, for one sync.
    """

    def __init__(
        self,
        progress: Progress | None = None,
        seconds_left: Callable[[], float] = lambda: 0.0,
        listener: Report | None = None,
        shared: SharedStates | None = None,
        clients: Callable[..., S3] | None = None,
        listed: float | None = None,
        walks: Mapping[str, BegunWalk] | None = None,
    ) -> None:
        self._progress = progress or NullProgress()
        self._listener = listener
        self._seconds_left = seconds_left
        self._s3 = clients or cache(S3)
        self._listed = listed
        self._walks = dict(walks or {})
        # One limit for all syncs that have it.
        self._make_limits = cache(partial(RateLimits, shared=shared))

    def client(self, request: SyncRequest) -> S3:
        """Return the S3 client for the source of a request."""
        connection = request.source_connection
        return self._clients(request)(*() if connection is None else (connection,))

    def _clients(self, request: SyncRequest) -> Callable[..., S3]:
        """Return what makes the S3 client of a request for a connection."""
        connections, limits = _connections(request), self._limits(request)
        if limits is None and request.retries is None:
            return partial(self._s3, connections)
        return partial(self._s3, connections, limits=limits, retries=request.retries)

    def _limits(self, request: SyncRequest) -> RateLimits | None:
        if request.bandwidth is None and request.requests_per_second is None:
            return None
        return self._make_limits(request.bandwidth, request.requests_per_second)

    def budget(self, *deadlines: Deadline | None) -> TimeBudget:
        """Return the time budget for the earliest of some deadlines."""
        if all(deadline is None for deadline in deadlines):
            return UNLIMITED
        return make_time_budget(deadlines, self._seconds_left)

    def sync(
        self,
        request: SyncRequest,
        limit: TimeBudget | None = None,
        restrict: Callable[[Sequence[Plan]], None] = lambda _: None,
        *,
        lists_targets: bool = False,
    ) -> SyncResponse:
        """Run one sync and return what was transferred and deleted.

        Args:
            request: the sync.
            limit: a time budget in addition to the deadline of the request.
            restrict: drops steps of the plans that are not to be executed.
            lists_targets: whether the destination is listed even if all files are transferred.

        Raises:
            FileNotFoundError: the source is missing, and ``fail_if_missing`` is set.
            ValueError: the request, or a name in the source, is invalid; nothing was changed.
            NoProgressError: the deadline passed before anything was done.
            OSError: a file cannot be read or written.
            AWSError: S3 refuses or cannot be reached.
        """
        budget = self.budget(request.deadline, limit.seconds_left if limit else None)
        activity.phase = "listing"
        with closing(self._call(request, budget, lists_targets)) as call:
            resolved = call.resolve()
            if not resolved.branches:
                return call.report_nothing(resolved)
            with call.locked(resolved), call.switched(resolved) as switch:
                compared = switch.redirect(resolved) if switch else resolved
                with call.plan(compared, restrict) as plans:
                    outcome = call.execute(plans, switch)
            return call.report(outcome)

    @contextmanager
    def plan(self, request: SyncRequest) -> Iterator[list[Plan]]:
        """Give the plans of a sync, which is not executed.

        Raises:
            ValueError: the request, or a name in the source, is invalid.
            OSError: a file cannot be read.
            AWSError: S3 refuses or cannot be reached.
        """
        with (
            closing(self._call(request, self.budget(request.deadline))) as call,
            call.plan(call.resolve()) as plans,
        ):
            yield plans

    def _call(
        self, request: SyncRequest, budget: TimeBudget, lists_targets: bool = False
    ) -> _Call:
        s3, limits = self._clients(request), self._limits(request)
        listed = time.time() if self._listed is None else self._listed
        walks = self._walks
        listener, progress = self._listener, self._progress
        return _Call(request, budget, progress, s3, listener, limits, listed, walks, lists_targets)


class _Call:
    """One call of a sync, in steps: each takes what the one before has returned.

    Args:
        request: the sync.
        budget: the time that is left.
        progress: receives the progress of the sync.
        s3: returns the S3 client for a number of connections, and a connection if that is not the
            one of the environment; it is called only for what is in S3.
        listener: receives what is done with each entry.
        limits: the limits of bytes and requests per second, if there are any.
        listed: the time, in seconds since 1970 UTC, before which the source was not listed.
        walks: walks of local folders that have begun, by folder, which are removed when they are
            used.
        lists_targets: whether the destination is listed even if all files are transferred.
    """

    def __init__(
        self,
        request: SyncRequest,
        budget: TimeBudget,
        progress: Progress,
        s3: Callable[..., S3],
        listener: Report | None,
        limits: RateLimits | None,
        listed: float,
        walks: dict[str, BegunWalk],
        lists_targets: bool,
    ) -> None:
        self._request = request
        self._budget = budget
        self._progress = progress
        self._make_s3 = s3
        self._limited: list[S3] = []
        make = self._limited_s3 if budget.is_limited else self._make_s3
        self._s3: Callable[[], S3] = make
        source, target = request.source_connection, request.destination_connection
        self._source_s3 = make if source is None else partial(make, source)
        self._target_s3 = make if target is None else partial(make, target)
        self._timer: Timer | None = None
        self._listener = listener
        self._limits = limits
        self._backup_root: Root | None = None
        has_report = request.report_path is not None or request.include_detailed_response
        self._report_location = find_report_location(request) if has_report else None
        self._stores = (
            _make_store_summary(request, self._source_s3, self._target_s3)
            if request.stores
            else None
        )
        self._changes = not (request.dry_run or request.verify)
        self._lists_targets = lists_targets
        self._listed = listed
        self._walks = walks
        self._there: Iterable[Entry] | None = None
        self._failures = Failures() if request.continue_on_error else None

    def resolve(self) -> ResolvedSync:
        """Resolve the request, and begin to list the source."""
        try:
            begun = self._walks.pop(str(self._request.source_path), None)
            resolved = resolve_sync(self._request, self._source_s3, self._on_failure, begun)
        except OutOfTimeError:
            raise _too_slow(str(self._request.source_path)) from None
        if self._request.backup_path is not None:
            self._backup_root = find_backup_root(self._request, resolved)
        return resolved

    def close(self) -> None:
        """Let requests to S3 take their time again."""
        if self._timer:
            self._timer.cancel()
            for s3 in self._limited:
                s3.resume()

    def _limited_s3(self, *connection: S3Connection) -> S3:
        """Return an S3 client, whose requests end with the time that is left."""
        s3 = self._make_s3(*connection)
        if s3 not in self._limited:
            self._limited.append(s3)
        if self._timer is None:
            self._timer = Timer(self._budget.seconds_left or 0.0, self._stop)
            self._timer.daemon = True
            self._timer.start()
        return s3

    def _stop(self) -> None:
        for s3 in self._limited:
            s3.stop()

    @property
    def _on_failure(self) -> OnFailure | None:
        return None if self._failures is None else self._failures.note

    @contextmanager
    def locked(self, resolved: ResolvedSync) -> Iterator[None]:
        """Hold the lock of the destination, if one is required."""
        is_remote_to_local = resolved.branches[0].route.is_remote_to_local
        if self._request.require_lock and self._changes and is_remote_to_local:
            with held_lock(Path(resolved.destination.path)):
                yield
        else:
            yield

    @contextmanager
    def switched(self, resolved: ResolvedSync) -> Iterator[Switch | None]:
        """Give the switch of a destination folder, if one is asked for and anything is changed."""
        request, route = self._request, resolved.branches[0].route
        if not request.switch:
            yield None
            return
        # Few syncs have one.
        from .s3_switch import S3Switch, s3_switch
        from .switch import check_possible, find_purpose, local_switch

        check_possible(request, resolved)
        if route.single or (route.target.bucket is None and not self._changes):
            yield None
            return
        if not self._changes:
            self._there = S3Switch(self._target_s3(), route, "").there()
            yield None
            return
        switching: AbstractContextManager[Switch] = (
            local_switch(request, route)
            if route.target.bucket is None
            else s3_switch(request, route, self._target_s3(), find_purpose(request, route))
        )
        with switching as switch:
            self._there = switch.there()
            before = request.continuation
            if before and not before.only_removes and not switch.is_resumed:
                logger.info("The new tree of the previous calls is gone: the sync starts again")
                again = type(before)(calls=before.calls)
                self._request = request.model_copy(update={"continuation": again})
            yield switch

    @contextmanager
    def plan(
        self,
        resolved: ResolvedSync,
        restrict: Callable[[Sequence[Plan]], None] = lambda _: None,
    ) -> Iterator[list[Plan]]:
        """Compare source and destination, and check the limit on deletions."""
        plans, stack = list[Plan](), ExitStack()
        if any(branch.route.is_local for branch in resolved.branches):
            # Both sides are listed, and then files are touched, by the same threads.
            stack.enter_context(threads.use())
        try:
            for branch in resolved.branches:
                plans.append(self._plan_branch(branch, resolved))
            if self._request.delete_only is not None:
                patterns = compile_patterns(self._request.delete_only, "delete_only")
                for plan in plans:
                    plan.keep_deletions(patterns)
            if self._request.inventory is not None:
                for plan in plans:
                    keep_confirmed_deletions(plan, resolved.selects, self._source_s3())
            restrict(plans)
            _check_deletions(self._request, plans)
            _check_archived(self._request, plans)
            if not (self._request.verify or self._request.switch):
                _warn_of_rewrites(plans)
            yield plans
        finally:
            for plan in plans:
                plan.close()
            stack.close()

    def execute(self, plans: Sequence[Plan], switch: Switch | None = None) -> Outcome:
        """Transfer, delete and remove what the plans say."""
        request = self._request
        route = plans[0].route
        concurrency = _concurrency(request)
        with ExitStack() as stack:
            report, listener = stack.enter_context(self._written_report()), self._listener
            if listener is not None:
                report = ForwardedReport(report, listener)
            checksums = self._open_checksums(route)
            if checksums is not None:
                stack.callback(checksums.close)
            pool = stack.enter_context(ThreadPoolExecutor(concurrency, initializer=use_all_cpus))
            context = ExecutionContext(
                pool=pool,
                concurrency=concurrency,
                adapts=_adapts(request),
                source_s3=None if route.source.bucket is None else self._source_s3(),
                target_s3=None if route.target.bucket is None else self._target_s3(),
                staging=stack.enter_context(self._staging(plans)),
                changes=self._changes,
                size_only=request.size_only,
                listed=self._listed,
                verifies=bool(request.verify),
                fsync=bool(request.fsync),
                skips_archived=bool(request.skip_archived),
                removes_sources=not request.retain_source_data and not request.verify,
                progress=self._progress,
                report=report if switch is None else switch.renamed(report),
                budget=self._budget,
                failures=self._failures,
                object_settings=request.object_settings,
                publish=None if switch is None else switch.publish,
                limits=self._limits,
                retries=DEFAULT_RETRIES if request.retries is None else request.retries,
                preserves=bool(request.preserve),
                trusts_times=bool(request.preserve)
                and not (request.ignore_times or request.verify),
                backup=self._make_backup(plans, pool),
                lists_snapshot=request.inventory is not None,
                checksums=checksums,
            )
            activity.phase = "verifying" if request.verify else "comparing"
            pending = sum(plan.pending for plan in plans)
            self._progress.plan(pending, sum(plan.pending_bytes for plan in plans))
            try:
                stopped = switch and self._prepare(switch, plans, context)
                # It takes turns with the threads that send and receive.
                with shared_cpu():
                    outcome = stopped or execute(plans, context)
                if context.backup is not None:
                    outcome.counts.files_backed_up = context.backup.count
                return outcome
            finally:
                # The report is written after the deadline.
                self.close()

    def _prepare(
        self, switch: Switch, plans: Sequence[Plan], context: ExecutionContext
    ) -> Outcome | None:
        try:
            return switch.prepare(plans, context)
        except OutOfTimeError:
            raise _too_slow(str(self._request.destination_path)) from None

    def report(self, outcome: Outcome) -> SyncResponse:
        """Return the response for an outcome."""
        response = make_response(self._request, outcome, self._report_location, self._failures)
        if self._stores is not None:
            self._stores.add_to(response.result)
        return response

    def report_nothing(self, resolved: ResolvedSync) -> SyncResponse:
        """Return the response if there is nothing to sync; or fail, as the source is missing."""
        request = self._request
        if resolved.exists:
            logger.info("%s is source and destination: nothing to do", resolved.source.name())
            return make_response(request, Outcome(), None)
        message = f"the source {request.source_path} does not exist"
        was_removed = bool(request.continuation and request.continuation.only_removes)
        if self._finishes_move(resolved):
            logger.info("%s: an earlier move removed it, and is finished now", message)
            was_removed = True
        if request.fail_if_missing and not was_removed:
            raise FileNotFoundError(f"{message}: correct the path, or set fail_if_missing: false")
        if not was_removed:
            logger.warning("%s: nothing is synced", message)
        return make_response(request, Outcome(), None)

    def _finishes_move(self, resolved: ResolvedSync) -> bool:
        """Finish a move that was killed once its source was gone. Return whether there was one."""
        request, destination = self._request, resolved.destination
        if request.retain_source_data or not self._changes or destination.bucket is None:
            return False
        route = folder_route(resolved.source, destination)
        return finish_move(self._target_s3(), route.source, route.target)

    def _plan_branch(self, branch: Branch, resolved: ResolvedSync) -> Plan:
        route, entries = branch
        source_s3 = None if route.source.bucket is None else self._source_s3()
        target_s3 = None if route.target.bucket is None else self._target_s3()
        options = self._plan_options(branch, resolved)
        if self._budget.is_limited:
            entries = self._budget.limit(entries)
        try:
            return make_plan(route, entries, options, target_s3, source_s3)
        except OutOfTimeError:
            raise _too_slow(route.source.name()) from None

    def _plan_options(self, branch: Branch, resolved: ResolvedSync) -> PlanOptions:
        request, route, before = self._request, branch.route, self._request.continuation
        moves = not request.retain_source_data and not route.is_remote_to_local
        is_within_s3 = route.source.bucket is not None and route.target.bucket is not None
        diff = DiffOptions(
            # What is equal is so even if a sync would transfer it.
            force=request.force and not request.verify,
            size_only=request.size_only,
            verify=bool(request.verify),
            ignore_times=bool(request.ignore_times),
            preserve=bool(request.preserve) and not is_within_s3,
            existing=request.existing or "replace",
            moves=moves,
            resumption=_resumption(before, route),
            clock_skew=_CLOCK_SKEW_OF_MOVES if moves else 1,
            is_entry_file=lambda target: rule_at(route, target) is not None,
            allows=resolved.limits.allow if resolved.limits else None,
        )
        # What was moved is extraneous to a source that is being removed.
        deletes = request.delete and not (before and before.only_removes)
        # What a list does not name is not known to be missing.
        is_whole = not route.single and request.files_from is None
        others = (other.route for other in resolved.branches if other is not branch)
        return PlanOptions(
            selects=resolved.selects,
            diff=diff,
            mirror=is_whole and ((deletes and _may_delete(request, route)) or diff.verify),
            retain=not moves,
            protects_excluded=bool(request.protect_excluded),
            reserved_paths=frozenset(other.target.path for other in others),
            lists_all=diff.verify or self._budget.is_limited or self._has_report,
            entry_files_through=before.entry_files_through if before else None,
            on_failure=self._on_failure,
            backs_up=self._backup_root is not None,
            lists_targets=self._lists_targets,
            entry_files=None if route.single else request.entry_files,
            there=self._list_there(route),
        )

    def _list_there(self, route: Route) -> Iterable[Entry] | None:
        """Return the entries at the destination, if they are listed already."""
        if self._there is not None or route.single or route.target.bucket is not None:
            return self._there
        begun = self._walks.pop(route.target.path.rstrip("/"), None)
        return begun and begun(None)

    def _make_backup(self, plans: Sequence[Plan], pool: Executor) -> Backup | None:
        root = self._backup_root
        if root is None or not self._changes:
            return None
        route = plans[0].route
        if root.bucket is None:
            return LocalBackup(route, root)
        is_tree = sum(bool(plan.steps or plan.extraneous) for plan in plans) > 1
        return S3Backup(route.target, root, self._target_s3(), pool, is_tree=is_tree)

    def _open_checksums(self, route: Route) -> ChecksumCache | None:
        """Return the checksum cache, if local files are compared by their checksums."""
        request = self._request
        is_within_s3 = route.source.bucket is not None and route.target.bucket is not None
        if request.checksum_cache is None or request.size_only or is_within_s3:
            return None
        path = Path(resolve(request.checksum_cache)).resolve()
        for root in (route.source, route.target):
            if root.bucket is None and path.is_relative_to(Path(root.path).resolve()):
                # It would change while it is synced.
                logger.warning(
                    "the checksum cache %s is not used: it is below %s. Name another file, or use "
                    "none",
                    path,
                    root,
                )
                return None
        # Few functions have one.
        from ..local.checksum_cache import ChecksumCache

        # What is verified, or removed from the source afterwards, is read.
        reads = bool(request.retain_source_data and not request.verify)
        return ChecksumCache(str(path), reads=reads)

    def _written_report(self) -> AbstractContextManager[Report]:
        if not self._has_report:
            return nullcontext(Report())
        location = None if self._report_location is None else resolve(self._report_location)
        shape = None if self._stores is None else self._stores.write
        listed = (self._request.source_path, self._request.destination_path)
        return written_report(location, self._s3, shape, listed)

    @property
    def _has_report(self) -> bool:
        return self._report_location is not None or self._stores is not None

    @contextmanager
    def _staging(self, plans: Sequence[Plan]) -> Iterator[str | None]:
        config, route = self._request.remote_to_local_config, plans[0].route
        is_used = config.use_custom_tmp_dir and route.single and route.is_remote_to_local
        if not is_used or not self._changes or not any(len(plan.steps) for plan in plans):
            yield None
            return
        chosen = config.custom_tmp_dir
        root = find_staging_root(route.target.path) if chosen is None else resolve(chosen)
        with staging_folder(str(root)) as folder:
            yield folder


def _make_store_summary(
    request: SyncRequest, source_s3: Callable[[], S3], target_s3: Callable[[], S3]
) -> StoreSummary:
    # Few syncs are reported by store.
    from .store_report import NamedFiles, StoreSummary

    reader = NamedFiles(str(request.source_path), source_s3, target_s3)
    is_part = request.filter_config or request.skip_archived or request.continuation
    is_whole = not is_part and request.deadline is None and request.entry_files is None
    return StoreSummary(reader, is_change=not request.verify, is_whole=is_whole)


def _too_slow(source: str) -> NoProgressError:
    return NoProgressError(
        f"the deadline passed before {source} was listed: allow more time, or sync parts of it"
    )


def _resumption(before: SyncContinuation | None, route: Route) -> Resumption | None:
    if before is None:
        return None
    # A single object is done before anything below its key is started.
    return Resumption(through="") if route.single else find_resumption(before)


def _concurrency(request: SyncRequest) -> int:
    """Return the number of transfers at a time."""
    chosen = max(1, request.max_concurrency // WORKERS)
    if chosen > MOST_CONCURRENCY and not _adapts(request):
        logger.warning(
            "%s transfers at a time instead of %s: no more fit in the limit of open files. Raise "
            "the limit (ulimit -n)",
            MOST_CONCURRENCY,
            f"{chosen:,}",
        )
    return min(chosen, MOST_CONCURRENCY)


def _connections(request: SyncRequest) -> int:
    return DEFAULT_CONNECTIONS if _adapts(request) else request.max_concurrency


def _adapts(request: SyncRequest) -> bool:
    # Requests carry the default as a number, so that it cannot be chosen.
    return request.max_concurrency == DEFAULT_MAX_CONCURRENCY


def _may_delete(request: SyncRequest, route: Route) -> bool:
    # By default, a copy between local paths deletes nothing, whatever `delete` says.
    return bool(request.local_mirror) or not route.is_local


def _warn_of_rewrites(plans: Sequence[Plan]) -> None:
    for plan in plans:
        for path in plan.rewrites.found[:_REWRITES_SHOWN]:
            name = plan.route.target.name(path.removeprefix(plan.route.target.path))
            logger.warning(
                "store %s is rewritten in place: readers may see a mixture of old and new files "
                "until the sync ends. With --switch (switch: true) they see one or the other",
                name,
            )
        more = plan.rewrites.count - _REWRITES_SHOWN
        if more > 0:
            logger.warning("%s more stores are rewritten in place", f"{more:,}")


def _check_archived(request: SyncRequest, plans: Sequence[Plan]) -> None:
    archived = [plan for plan in plans if plan.archived.length]
    if not archived or request.skip_archived or request.dry_run:
        return
    count = sum(plan.archived.length for plan in archived)
    size = sum(step.entry.size for plan in archived for step in plan.archived)
    first = next(iter(archived[0].archived))
    found = describe_archived(count, size, archived[0].route.source.name(first.entry.relative))
    raise AWSError(
        f"{found}. Nothing was changed. To sync all other objects, set skip_archived: true"
    )


def _check_deletions(request: SyncRequest, plans: Sequence[Plan]) -> None:
    if request.max_delete is None or request.verify:
        return
    count, there = sum(len(plan.extraneous) for plan in plans), sum(plan.there for plan in plans)
    if count > _most_deletions(request.max_delete, there):
        raise ValueError(
            f"{count} of {there} entries would be deleted at {request.destination_path}, and "
            f"max_delete allows {request.max_delete}. Nothing was changed: check the paths, or "
            "raise the limit"
        )


def _most_deletions(max_delete: MaxDelete, there: int) -> int:
    """Return how many entries may be deleted of those that are at the destination."""
    if isinstance(max_delete, str):
        return int(there * float(max_delete.rstrip("%")) / 100)
    return int(there * max_delete) if 0 < max_delete < 1 else int(max_delete)
