"""The execution of a plan: transfers first, and deletions only after all of them succeeded."""

import errno
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError

from ..local.files import set_modified
from ..local.folders import Folder, Folders, mode_below
from ..local.staging import Staging
from ..progress import Item, activity
from ..s3.client import S3
from ..s3.crt_clients import DEFAULT_CONNECTIONS
from ..s3.errors import ArchivedError, ChangedError
from ..s3.requests import PART_BYTES, Response, head, read_stored
from ..settings import (
    MEMORY_KEY,
    WORKERS,
    count_buffered_bytes,
    count_downloads,
    count_open_files,
)
from .archived import describe, is_archived
from .context import ExecutionContext
from .deadline import OutOfTimeError
from .deletions import delete_extraneous, hold_source, remove_sources
from .diff import CHANGED, Step
from .latency import Latency
from .planner import Plan
from .report import NO_EVIDENCE, Evidence, ReportAction
from .result import Outcome
from .resumption import Resumption, latest
from .routes import Route
from .snapshot import as_found
from .touches import Touches
from .transfers.local_copy import LocalCopy, copy_folders
from .transfers.method import TransferMethod
from .turns import Turns
from .window import AdaptiveWindow, AnyFuture, Window

logger = logging.getLogger(__name__)

T = TypeVar("T")

_State: TypeAlias = Literal["planned", "compared", "received", "published"]

# Requests for small entries that wait at each connection, so that none of these is ever idle.
_WAITING = 4
_WAITING_FOR_LIMITS = 4 * _WAITING

_MOST_DOWNLOADS = count_downloads(count_open_files())
_MOST_BUFFERED_BYTES = count_buffered_bytes(os.environ.get(MEMORY_KEY, "")) // WORKERS
_HAS_MEMORY_OF_A_FUNCTION = MEMORY_KEY in os.environ

# Once a file is older than this, whatever changes it gives it another time in whole seconds.
_RECENT_SECONDS = 2.0

# Errors about the time of a file of another user, or on a disk that cannot be written.
_NOT_PERMITTED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})

# There, so many transfers are put in turns of their folders. Those that a deadline leaves over may
# be listed in a response.
_IN_TURNS = 8192
_IN_TURNS_UNTIL_A_DEADLINE = 512


def execute(plans: Sequence[Plan], context: ExecutionContext) -> Outcome:
    """Transfer and delete what the plans say.

    Returns:
        What was done until the end, or until the deadline passed.

    Raises:
        OSError: a file cannot be read or written, or has changed.
        AWSError: S3 refuses or cannot be reached. In both cases nothing more is deleted, and
            nothing is published.
    """
    outcome = Outcome()
    # Held from now on, as transfers may take hours in which a path may come to lead elsewhere.
    sources = [hold_source(plan) for plan in plans] if context.removes_sources else []
    for plan in plans:
        if plan.resumption and not plan.route.single:
            outcome.resumption = plan.resumption
            outcome.entry_files_through = plan.entry_files_through
        if plan.archived.length:
            _note_all_archived(plan, context, outcome)
        outcome.counts.files_unchanged += plan.unchanged
        outcome.counts.bytes_unchanged += plan.unchanged_bytes
    try:
        for plan in plans:
            _PlanExecution(plan, context, outcome).run()
        deletes = context.may_delete and not context.verifies and any(p.extraneous for p in plans)
        if context.changes and (deletes or context.removes_sources or context.publish):
            # A report is evidence: without it, nothing is deleted.
            context.report.secure()
        if deletes:
            activity.phase = "deleting"
        for plan in plans:
            if context.may_delete or context.verifies:
                delete_extraneous(plan, context, outcome)
        if context.publish is not None and context.may_delete:
            context.publish(outcome)
    except OutOfTimeError:
        outcome.is_complete = False
        return outcome
    if outcome.counts.files_archived:
        size = outcome.counts.bytes_archived or 0
        logger.warning(describe(outcome.counts.files_archived, size, outcome.archived))
    if context.removes_sources and context.may_delete:
        activity.phase = "deleting"
        remove_sources(plans, sources, context, outcome)
    return outcome


def _note_all_archived(plan: Plan, context: ExecutionContext, outcome: Outcome) -> None:
    for step in plan.archived:
        if not plan.was_in_other_sync(step):
            _note_archived(plan.route, step, context, outcome)


def _note_archived(route: Route, step: Step, context: ExecutionContext, outcome: Outcome) -> None:
    """Count and report an archived object that is left out."""
    context.report.add(route, step, "archived")
    counts = outcome.counts
    counts.files_archived = (counts.files_archived or 0) + 1
    counts.bytes_archived = (counts.bytes_archived or 0) + step.entry.size
    outcome.archived = outcome.archived or route.source.name(step.entry.relative)


class _PlanExecution:
    """The transfers of one plan, and what they share."""

    def __init__(self, plan: Plan, context: ExecutionContext, outcome: Outcome) -> None:
        self.plan = plan
        self.context = context
        self.folders = _target_folders(plan.route)
        self.seconds_to_publish = Latency()
        on_published = self.seconds_to_publish.add
        self.method = _choose_method(plan.route, context, self.folders, on_published)
        target = plan.route.target
        if target.bucket is not None and context.changes and plan.pending:
            # Nothing was listed there with `force`.
            context.the_target_s3().measure_distance(target.bucket)
        self.window = _make_window(plan.route, context)
        self._touching: Touches[tuple[_Transfer, Evidence], _Target] | None = None
        # Transfers of entries whose comparison has shown another content.
        self.differing: deque[_Transfer] = deque()
        # Scanners take a file for stale by its time, and one that is in sync was just asked for.
        is_local = plan.route.target.bucket is None
        self.touches = (is_local or context.preserves) and context.changes
        self._has_warned_of_touches = False
        # Files are kept where they are published.
        self.keeps_objects = context.backup is not None and not is_local
        self._outcome = outcome
        self.is_given_up = False
        self._before = plan.resumption or Resumption()
        self._reached: str | None = None
        self._publishes = False
        self._published = plan.entry_files_through
        self._unfinished: dict[str, _Transfer] = {}
        # Targets compared once more, and too early, each with the target before it.
        self._too_recent: dict[str, str | None] = {}

    def run(self) -> None:
        """Run the transfers.

        Raises:
            OutOfTimeError: the deadline passed; the outcome says which entries are done.
        """
        activity.items = self._transferring
        try:
            self._start_all()
        except OutOfTimeError:
            self._end_in_time()
            raise
        except BaseException:
            self._give_up()
            raise
        finally:
            activity.items = tuple
            if self._touching:
                self._touching.close()
            self._note_progress()

    def _transferring(self) -> Iterator[Item]:
        """Yield the entries that are being transferred, the oldest first, in any thread."""
        whole = self.plan.route.target.path.rpartition("/")[2]
        # Copied at once: transfers come and go meanwhile.
        for transfer in list(self._unfinished.values()):
            if transfer.is_running:
                step = transfer.step
                yield Item(step.target or whole, transfer.bytes_done, step.entry.size)

    def _start_all(self) -> None:
        steps = self.plan.steps
        self._transfer_each(enumerate(steps.data()))
        self._note_progress()
        # A reader of a store finds what its entry files name: all of that has arrived by now.
        self._publishes, self._reached = True, None
        lacks_data = bool(self._outcome.counts.files_archived)
        for wave in steps.transfer_waves():
            found = self._unpublished(wave)
            if lacks_data:
                # What they name is left out, and must be restored first.
                found = (numbered for numbered in found if numbered[1].action == "keep")
            self._transfer_each(found if self.context.may_delete else self._left_out(found))
        if not self.context.may_delete or self._outcome.counts.files_vanished:
            self.method.discard([])
        if self.plan.route.is_local and self.context.changes:
            self._finish_folders()

    def _transfer_each(self, steps: Iterable[tuple[int, Step]]) -> None:
        """Transfer entries, by their numbers, in parallel, and wait for all of them."""
        budget, rest = self.context.budget, iter(steps)
        for number, step in budget.limit(rest) if budget.is_limited else rest:
            transfer = _Transfer(step, number, self, self._reached)
            self._unfinished[step.target] = transfer
            self._reached = step.target
            transfer.guard(transfer.begin)
            self._transfer_differing()
            if self._may_take_turns and self.seconds_to_publish.are_all_long():
                self._transfer_in_turns(rest)
        self._start_touching()
        while not self.window.is_empty() or self.differing:
            self.window.drain(budget.seconds_left)
            budget.check()
            self._transfer_differing()
            self._start_touching()

    @property
    def _may_take_turns(self) -> bool:
        """Whether entries may be transferred to several folders at a time, in any order."""
        return self.plan.route.target.bucket is None and not self._publishes

    def _transfer_in_turns(self, steps: Iterable[tuple[int, Step]]) -> None:
        """Transfer entries, those of several folders in turn."""
        turns: Turns[_Transfer] = Turns()
        is_limited = self.context.budget.is_limited
        most = _IN_TURNS_UNTIL_A_DEADLINE if is_limited else _IN_TURNS
        for number, step in steps:
            previous = turns.last.step.target if turns.last else self._reached
            transfer = _Transfer(step, number, self, previous)
            self._unfinished[step.target] = transfer
            turns.add(step.target.rpartition("/")[0], transfer)
            if len(turns) > most:
                self._begin_next(turns)
        while turns:
            self._begin_next(turns)

    def _begin_next(self, turns: "Turns[_Transfer]") -> None:
        self.context.budget.check_start()
        transfer = turns.take()
        self._reached = latest(self._reached, transfer.step.target)
        transfer.guard(transfer.begin)
        self._transfer_differing()

    def _unpublished(self, wave: Iterable[tuple[int, Step]]) -> Iterator[tuple[int, Step]]:
        """Yield the steps on entry files that no earlier call of the same sync has finished."""
        for number, step in wave:
            is_done = self._published is not None and step.reason not in CHANGED
            if step.target == self._published:
                self._published = None
            if is_done:
                self._reached = step.target
            else:
                yield number, step

    def _finish_folders(self) -> None:
        route = self.plan.route
        if self.context.removes_sources and not route.single:
            copy_folders(route.source.path, self.folders)
        self.folders.set_modes()

    def _left_out(self, steps: Iterable[tuple[int, Step]]) -> Iterator[tuple[int, Step]]:
        """Yield the steps on entry files that are unchanged; others name data that is missing."""
        for number, step in steps:
            if step.action == "keep":
                yield number, step
                continue
            self._reached = step.target
            error = ValueError("not transferred, as other files failed that its readers expect")
            self.note_failure(step, error)

    def note_failure(self, step: Step, error: Exception) -> None:
        """Note that an entry could not be transferred, or raise the error if the sync ends.

        Raises:
            Exception: the error.
        """
        failures, path = self.context.failures, self.plan.route.source.name(step.entry.relative)
        if failures is None:
            raise error
        is_of_source = isinstance(error, OSError) and self._is_of_source(error)
        transferred = self._outcome.counts.files_transferred
        failures.check(path, error, transferred, is_of_source=is_of_source)
        failures.note(path, error)
        self.context.progress.advance(1, step.entry.size)

    def _is_of_source(self, error: OSError) -> bool:
        """Return whether an error is that of a local source file."""
        source, target = self.plan.route.source, self.plan.route.target
        if source.bucket is not None or target.bucket is not None:
            return source.bucket is None
        # It is a number if the operation was one on a file descriptor.
        name = error.filename
        return isinstance(name, str | bytes) and os.fsdecode(name).startswith(source.path)

    def skips(self, error: Exception) -> bool:
        """Return whether an error is that of an archived object that is left out."""
        # A move would remove it.
        skips = self.context.skips_archived and not self.context.removes_sources
        return skips and isinstance(error, ArchivedError)

    def note_archived(self, step: Step) -> None:
        """Count and report an archived object that is left out."""
        del self._unfinished[step.target]
        _note_archived(self.plan.route, step, self.context, self._outcome)
        self.context.progress.advance(1, step.entry.size)

    def note_vanished(self, step: Step, error: Exception) -> None:
        """Count and report an object of a snapshot that no longer exists."""
        del self._unfinished[step.target]
        route, counts = self.plan.route, self._outcome.counts
        self.context.report.add(route, step, "transfer", error=error)
        if not counts.files_vanished:
            uri = route.source.name(step.entry.relative)
            logger.warning("%s no longer exists, and others may not: they are left out", uri)
        counts.files_vanished = (counts.files_vanished or 0) + 1
        self.context.progress.advance(1, step.entry.size)

    def _transfer_differing(self) -> None:
        while self.differing:
            transfer = self.differing.popleft()
            transfer.guard(transfer.transfer)

    def _end_in_time(self) -> None:
        """Let the transfers end that do so in time, and give up the others."""
        self.differing.clear()
        try:
            self.window.drain(self.context.budget.seconds_left)
        except OutOfTimeError:
            logger.debug("Comparisons did not end in time")
        finally:
            self._give_up()
        if self._unfinished:
            first = next(iter(self._unfinished.values()))
            self._outcome.unfinished = self.plan.route.target.name(first.step.target)
            logger.debug("%s was only %s", self._outcome.unfinished, first.state)

    def _note_progress(self) -> None:
        if self.plan.route.single:
            # A single object is done before anything below its key is started.
            return
        if self._publishes:
            if not self.context.may_delete:
                return
            first = next(iter(self._unfinished.values()), None)
            self._outcome.entry_files_through = first.previous if first else self._reached
            return
        unfinished = {
            target: one.previous
            for target, one in self._unfinished.items()
            if self._reached is not None and target <= self._reached
        }
        self._outcome.resumption = self._before.after(self._reached, unfinished, self._too_recent)

    def _give_up(self) -> None:
        limits = self.context.limits
        if limits:
            limits.interrupt()
        for s3 in self.context.clients:
            s3.cancel()
        if self._touching:
            self._touching.close()
        self.context.pool.shutdown(cancel_futures=True)
        self.is_given_up = True
        self.window.settle()
        if limits:
            limits.resume()
        left = [transfer.received for transfer in self._unfinished.values() if transfer.received]
        self.method.discard(left)

    def note_transfer(self, step: Step, number: int, evidence: Evidence) -> None:
        """Count and report an entry that was transferred, or would be."""
        del self._unfinished[step.target]
        if not self.context.changes and self.plan.was_counted(step):
            return
        if self.context.removes_sources and evidence.etag:
            self.plan.arrivals.note(number, evidence.etag)
        if self.context.verifies:
            self._note_difference(step, evidence)
            return
        self.context.report.add(self.plan.route, step, "transfer", evidence)
        counts = self._outcome.counts
        counts.files_transferred += 1
        counts.bytes_transferred += step.entry.size
        self.window.note_work(step.entry.size)

    def note_stays(self, step: Step, number: int) -> None:
        """Count and report an entry that stays at both sides, as it may not replace its target."""
        self.plan.arrivals.note_stays(number)
        self.note_unchanged(step, NO_EVIDENCE)

    def _note_difference(self, step: Step, evidence: Evidence) -> None:
        action: ReportAction = "missing" if step.reason == "missing" else "different"
        if action == "missing":
            self._outcome.verification.files_missing += 1
        else:
            self._outcome.verification.files_different += 1
        self.context.report.add(self.plan.route, step, action, evidence)

    def touch(self, transfer: "_Transfer", evidence: Evidence) -> bool:
        """Touch the target of an entry, or do so later with others, and tell whether it is done.

        Where times are preserved, the attributes are restored instead.
        """
        if self._touching is None:
            in_s3 = self.plan.route.target.bucket is not None
            find, touch = self._find_target, self._touch
            self._touching = Touches(self.window, find, touch, _end_touching, in_s3=in_s3)
        return self._touching.add((transfer, evidence))

    def _start_touching(self) -> None:
        if self._touching:
            self._touching.start()

    def _find_target(self, touched: "tuple[_Transfer, Evidence]") -> "_Target":
        step, target = touched[0].step, self.plan.route.target
        if target.bucket is not None:
            return _Target(step, None, "", 0.0)
        folder, name = self.folders.locate(target.at(step.target))
        return _Target(step, folder, name, self.context.time_of_copy(step.entry))

    def _touch(self, target: "_Target") -> None:
        step, folder, name, modified = target
        if folder is None or self.context.preserves:
            self.method.restore(step, folder, name)
            return
        checksums = self.context.checksums
        try:
            if not (checksums and checksums.touch(folder, name, step.entry.size, modified)):
                set_modified(folder, name, modified)
        except OSError as error:
            if error.errno not in _NOT_PERMITTED:
                raise
            # Only its owner may give a file another time than now, which would hide changes
            # where times alone tell them.
            if not self.context.size_only:
                self._touch_now(folder, name)

    def _touch_now(self, folder: Folder, name: str) -> None:
        """Give a file the time of now, if that is permitted: it is in sync all the same."""
        try:
            set_modified(folder, name)
        except OSError as error:
            if error.errno not in _NOT_PERMITTED:
                raise
            if not self._has_warned_of_touches:
                self._has_warned_of_touches = True
                logger.warning(
                    "The times of files that are in sync stay as they are, such as %s: %s. A scan "
                    "may take them for stale",
                    folder.path + name,
                    error.strerror,
                )

    def note_unchanged(self, step: Step, evidence: Evidence) -> None:
        """Count and report an entry that is in sync."""
        transfer = self._unfinished.pop(step.target)
        if self.plan.was_counted(step):
            if step.action == "compare" and time.time() < step.entry.modified + _RECENT_SECONDS:
                self._too_recent[step.target] = transfer.previous
            return
        action: ReportAction = "equal" if self.context.verifies else "keep"
        self.context.report.add(self.plan.route, step, action, evidence)
        self._outcome.verification.files_equal += 1
        self._outcome.counts.files_unchanged += 1
        self._outcome.counts.bytes_unchanged += step.entry.size


class _Transfer:
    """The transfer of one entry.

    It is planned, compared if its content decides, received, and published. What takes long goes
    through the window, which calls the next method with the result.

    Args:
        step: the entry.
        number: its number in the plan, from 0.
        execution: the execution that it is part of.
        previous: the target before it in the plan, if any.
    """

    __slots__ = (
        "_execution",
        "_is_settled",
        "_number",
        "_started",
        "bytes_done",
        "previous",
        "received",
        "state",
        "step",
    )

    def __init__(
        self, step: Step, number: int, execution: _PlanExecution, previous: str | None
    ) -> None:
        self.step = step
        self._number = number
        self.state: _State = "planned"
        self.received: tuple[Step, Any] | None = None
        self.previous = previous
        self._execution = execution
        # Whether the entry is known to be what is at the source now.
        self._is_settled = not execution.context.lists_snapshot
        self._started = 0.0
        self.bytes_done = 0

    @property
    def is_running(self) -> bool:
        """Whether the entry is being transferred."""
        return self._started > 0 and self.state != "published"

    def guard(self, action: Callable[..., None], *arguments: Any) -> None:
        """Call a method, and note its error if the sync goes on after it."""
        try:
            action(*arguments)
        except OutOfTimeError:
            raise
        except Exception as error:
            if self._execution.is_given_up:
                raise
            if self._execution.skips(error):
                self._execution.note_archived(self.step)
            else:
                self._execution.note_failure(self.step, error)

    def begin(self) -> None:
        """Compare or transfer the entry, or leave it as it is."""
        if self.step.action == "transfer":
            self.transfer()
        elif self.step.action == "compare":
            end = partial(self.guard, self._end_comparison)
            self._execution.window.add(self._compare, end, _WAITING)
        else:
            self._keep(_evidence_of(self.step))

    def transfer(self) -> None:
        """Receive and publish the entry, or only count it."""
        if self.step.reason == "immutable":
            self._attempt(self._refuse)
        if self._execution.keeps_objects and self.step.there is not None:
            end = partial(self.guard, self._end_keeping)
            self._execution.window.add(self._keep_replaced, end, self._weight)
        elif self._execution.context.changes:
            self._begin_receiving()
        elif self.step.entry.storage_class is None or self._execution.context.verifies:
            self._end(_evidence_of(self.step))
        else:
            end = partial(self.guard, self._end_looking)
            self._execution.window.add(self._look, end)

    def _keep_replaced(self) -> Future[None]:
        context = self._execution.context
        keep = context.backup.keep if context.backup else lambda *_: None
        return context.pool.submit(keep, self._execution.plan.route, self.step)

    def _end_keeping(self, future: Future[None]) -> None:
        self._attempt(future.result)
        if not self._execution.is_given_up:
            self._begin_receiving()

    def _begin_receiving(self) -> None:
        if not (self._is_settled or self.step.entry.size):
            # No request reads an empty object.
            self._settle(self._begin_receiving)
            return
        end = partial(self.guard, self._end_receiving)
        self._execution.window.add(self._receive, end, self._weight, self._buffered_bytes)

    def _is_outdated(self, future: AnyFuture[Any]) -> bool:
        """Return whether a request failed because the object was replaced or deleted long ago."""
        if self._is_settled or self._execution.is_given_up:
            return False
        return isinstance(future.exception(), ChangedError | ResourceNotFoundError)

    def _settle(self, go_on: Callable[[], None]) -> None:
        """Look up an object of a snapshot, and go on with what is there now."""
        self._is_settled = True
        self._execution.window.add(self._look, partial(self.guard, self._end_settling, go_on))

    def _end_settling(self, go_on: Callable[[], None], future: Future[Response]) -> None:
        try:
            found = read_stored(future.result(), is_head=True)
        except ResourceNotFoundError as error:
            self._execution.note_vanished(self.step, error)
            return
        self.step, self.bytes_done = as_found(self.step, found), 0
        if not self._execution.is_given_up:
            go_on()

    def _look(self) -> Future[Response]:
        """Request the metadata of an object, which tells in which tier it is."""
        source = self._execution.plan.route.source
        key = source.at(self.step.entry.relative)
        return self._execution.context.the_source_s3().send(head(source.bucket or "", key))

    def _end_looking(self, future: Future[Response]) -> None:
        if is_archived(self._attempt(future.result).headers):
            self._execution.note_archived(self.step)
        else:
            self._end(_evidence_of(self.step))

    def _refuse(self) -> None:
        target = self._execution.plan.route.target.name(self.step.target)
        raise FileExistsError(
            f"{target} exists and differs from the source, and existing files are immutable: "
            "nothing more was changed"
        )

    @property
    def _weight(self) -> int:
        return 1 if self.step.entry.size <= PART_BYTES else _WAITING

    @property
    def _buffered_bytes(self) -> int:
        size = self.step.entry.size
        for most, copies in self._execution.method.buffered:
            if size <= most:
                return int(size * copies)
        return 0

    def _compare(self) -> Future[bool | None]:
        return self._execution.context.pool.submit(self._is_same)

    def _is_same(self) -> bool | None:
        """Return whether the target has the content; `None` if only size and time say so."""
        method, context, there = self._execution.method, self._execution.context, self.step.there
        if there is not None and there.size != self.step.entry.size:
            return False
        is_same = method.has_same_checksum(self.step, context.budget.check)
        if is_same or not context.verifies:
            return is_same
        return method.has_same_bytes(self.step, context.budget.check)

    def _end_comparison(self, future: Future[bool | None]) -> None:
        if self._is_outdated(future):
            self._settle(self.begin)
            return
        is_same = self._attempt(future.result)
        self.state = "compared"
        if self.step.reason == "existing" and not is_same:
            self._stay()
        elif is_same is not False and not self._execution.is_given_up:
            self._execution.context.progress.advance(1, self.step.entry.size)
            evidence = _evidence_of(self.step)._replace(verified=bool(is_same))
            self._keep(evidence)
        else:
            self._execution.differing.append(self)

    def _stay(self) -> None:
        """Leave an entry at the source whose target has another content, and is not replaced."""
        if not self._execution.is_given_up:
            self._execution.context.progress.advance(1, self.step.entry.size)
            self._execution.note_stays(self.step, self._number)

    def _keep(self, evidence: Evidence) -> None:
        """Touch an entry that is in sync, several at a time where that takes long."""
        execution = self._execution
        if not execution.touches or execution.touch(self, evidence):
            execution.note_unchanged(self.step, evidence)

    def end_touching(self, evidence: Evidence, error: Exception | None) -> None:
        """Note an entry that was touched in another thread, or the error."""
        if error is not None:
            raise error
        if not self._execution.is_given_up:
            self._execution.note_unchanged(self.step, evidence)

    def _receive(self) -> AnyFuture[Any]:
        is_large = self.step.entry.size > PART_BYTES
        on_bytes = self._note_bytes if is_large else None
        self._started, activity.phase = time.time(), "transferring"
        try:
            return self._execution.method.start(self.step, on_bytes)
        except Exception as error:
            self._report(error)
            raise

    def _note_bytes(self, size: int) -> None:
        self._execution.window.call(partial(self._advance, size))

    def _advance(self, size: int) -> None:
        # Not more than there is, as what has failed is sent again.
        done = min(self.bytes_done + size, self.step.entry.size)
        before, self.bytes_done = self.bytes_done, done
        self._execution.context.progress.advance(0, done - before)

    def _end_receiving(self, future: AnyFuture[Any]) -> None:
        if not self._is_settled and self._is_outdated(future):
            self._settle(self._begin_receiving)
            return
        result = self._attempt(future.result)
        self.state, self.received = "received", (self.step, result)
        execution = self._execution
        if execution.is_given_up:
            return
        takes_long = execution.context.fsync or execution.seconds_to_publish.is_slow
        if not takes_long or execution.plan.route.is_local:
            self._end(self._publish(result))
            return
        execution.window.add(
            partial(execution.context.pool.submit, self._publish, result),
            partial(self.guard, self._end_publishing),
            self._weight,
            self._buffered_bytes,
        )

    def _publish(self, result: Any) -> Evidence:
        start, self.received = time.perf_counter(), None
        try:
            evidence = self._execution.method.publish(self.step, result)
        except Exception as error:
            self._report(error)
            raise
        if not self._execution.plan.route.is_local:
            self._execution.seconds_to_publish.add(time.perf_counter() - start)
        return evidence

    def _end_publishing(self, future: Future[Evidence]) -> None:
        self._end(future.result())

    def _end(self, evidence: Evidence) -> None:
        self.state = "published"
        self._execution.context.progress.advance(1, self.step.entry.size - self.bytes_done)
        if self._started and self._execution.context.report.is_read:
            now = time.time()
            seconds = max(round(now - self._started, 3), 0.0)
            evidence = evidence._replace(seconds=seconds, finished=round(now, 3))
        self._execution.note_transfer(self.step, self._number, evidence)

    def _attempt(self, action: Callable[[], T]) -> T:
        """Call a function, and report the error that it raises."""
        try:
            return action()
        except Exception as error:
            self._report(error)
            raise

    def _report(self, error: Exception) -> None:
        """Report the error that the transfer has ended in, unless the sync ends or goes on."""
        execution = self._execution
        if isinstance(error, OutOfTimeError) or execution.is_given_up or execution.skips(error):
            return
        execution.context.report.add(execution.plan.route, self.step, "transfer", error=error)


class _Target(NamedTuple):
    """A target that is touched.

    Args:
        step: the step on its entry.
        folder: the directory of a file; `None` for an object.
        name: the name of the file in it.
        modified: the modification time that the file is given, in seconds since 1970 UTC.
    """

    step: Step
    folder: Folder | None
    name: str
    modified: float


def _end_touching(touched: tuple[_Transfer, Evidence], error: Exception | None) -> None:
    transfer, evidence = touched
    transfer.guard(transfer.end_touching, evidence, error)


def _make_window(route: Route, context: ExecutionContext) -> Window:
    # Nearby, more requests in flight take more of the processor, and nothing is waited for. With a
    # limit, what has arrived is published before much more is waited for.
    waiting = _WAITING_FOR_LIMITS if context.limits else _WAITING * context.concurrency
    far = max(1, DEFAULT_CONNECTIONS // WORKERS)
    if route.is_remote_to_local and _MOST_DOWNLOADS is not None:
        waiting, far = min(waiting, _MOST_DOWNLOADS), min(far, _MOST_DOWNLOADS)
    is_far = (
        context.adapts and not context.limits and _is_far(context.source_s3, context.target_s3)
    )
    most_bytes = max(_MOST_BUFFERED_BYTES, _bytes_of_two_parts(context))
    return AdaptiveWindow(far, most_bytes=most_bytes) if is_far else Window(waiting, most_bytes)


def _bytes_of_two_parts(context: ExecutionContext) -> int:
    """Return the size of two parts, if that was chosen: with larger ones, files would take turns.

    The library holds four of these parts, too.
    """
    settings = context.object_settings
    if settings is None or _HAS_MEMORY_OF_A_FUNCTION:
        return 0
    return 2 * (settings.part_size or 0) // WORKERS


def _is_far(*sides: S3 | None) -> bool:
    return any(s3.is_far for s3 in sides if s3 is not None)


def _target_folders(route: Route) -> Folders:
    """Return the directories of the targets; copies have the permissions of those they are of."""
    path = route.target.path
    is_copy = route.is_local and not route.single
    mode_of = partial(mode_below, route.source.path) if is_copy else None
    return Folders(path[: path.rfind("/") + 1], mode_of)


def _choose_method(
    route: Route,
    context: ExecutionContext,
    folders: Folders,
    on_published: Callable[[float], None],
) -> TransferMethod:
    """Return the method of transfer. Only its modules are imported: a sync needs one of five."""
    source_s3, target_s3 = context.source_s3, context.target_s3
    if source_s3 is None and target_s3 is None:
        return _local_copy(context)(route, folders, context, on_published)
    if target_s3 is None:
        staging = Staging(folders, context.staging)
        return _download(context)(route, source_s3, staging, context)
    settings = context.object_settings
    if source_s3 is None:
        return _upload(context)(
            route,
            target_s3,
            context.budget.check,
            # With a limit, what is sent is read only when its turn has come.
            pool=None if context.limits else context.pool,
            reports=context.report.is_read,
            moves=context.removes_sources,
            settings=settings,
            checksums=context.checksums,
        )
    if target_s3.can_copy_from(source_s3):
        from .transfers.s3_copy import S3Copy

        return S3Copy(route, source_s3, target_s3, context.pool, settings, context.budget.check)
    from .transfers.streamed_copy import StreamedCopy

    return StreamedCopy(route, source_s3, target_s3, context)


def _local_copy(context: ExecutionContext) -> type[LocalCopy]:
    if context.preserves:
        from .transfers.preserve import PreservingLocalCopy

        return PreservingLocalCopy
    return LocalCopy


def _download(context: ExecutionContext) -> Callable[..., TransferMethod]:
    if context.preserves:
        from .transfers.preserve import PreservingDownload

        return partial(PreservingDownload, trusts_times=context.trusts_times)
    from .transfers.download import Download

    return Download


def _upload(context: ExecutionContext) -> Callable[..., TransferMethod]:
    if context.preserves:
        from .transfers.preserve import PreservingUpload

        return partial(PreservingUpload, trusts_times=context.trusts_times)
    from .transfers.upload import Upload

    return Upload


def _evidence_of(step: Step) -> Evidence:
    """Return what the listings tell of the content of an entry."""
    # The object at the target of a transfer is replaced: its ETag tells nothing of the content.
    etag = step.entry.etag or (None if step.action == "transfer" else step.target_etag)
    is_equal = step.action == "keep" and step.entry.etag is not None
    same = is_equal and step.entry.etag == step.target_etag
    return Evidence(f"etag:{etag}" if etag else None, verified=same)
