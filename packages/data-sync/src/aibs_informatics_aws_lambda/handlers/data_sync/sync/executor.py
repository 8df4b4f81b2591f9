"""Doing what was planned: transfers first, and deletions only if all of them succeeded."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from ..local.files import touch
from ..progress import NullProgress, OnBytes, Progress
from ..s3.client import PART_BYTES, S3
from ..s3.requests import delete_one, put_text
from .deadline import OutOfTimeError, TimeBudget
from .deletions import (
    Deletion,
    OnDeleted,
    remove_empty_parents,
    remove_files,
    remove_folder,
    remove_objects,
    remove_source_files,
)
from .diff import Step
from .planner import MOVE_MARKER, Plan
from .report import Evidence, Report, ReportAction
from .result import Outcome
from .routes import Route
from .transfers.download import Download
from .transfers.local_copy import LocalCopy
from .transfers.s3_copy import S3Copy
from .transfers.upload import Upload
from .window import Window

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Requests for small entries that wait at each connection, so that none of these is ever idle.
_WAITING: Final = 4

# Where putting a file in its location takes longer, as on NFS, several are put there at a time.
_SLOW_SECONDS: Final = 0.001


@dataclass(frozen=True)
class ExecutionContext:
    """What a sync is done with.

    Args:
        pool: threads for work on local files.
        concurrency: how many transfers are under way at a time.
        s3: what asks S3, where one side is there.
        staging: the folder in which a single object is staged, if not beside its target.
        changes: whether anything is changed, or only counted.
        verifies: whether contents are compared byte for byte where checksums leave it open.
        fsync: whether files are flushed to the disk before they are put in their location.
        progress: is told how far the transfers have come.
        report: takes what was done with each entry.
        budget: the time there is.
    """

    pool: Executor
    concurrency: int
    s3: S3 | None = None
    staging: str | None = None
    changes: bool = True
    verifies: bool = False
    fsync: bool = False
    progress: Progress = field(default_factory=NullProgress)
    report: Report = field(default_factory=Report)
    budget: TimeBudget = field(default_factory=TimeBudget)

    def the_s3(self) -> S3:
        """Return what asks S3, where a route has made sure that there is one."""
        if self.s3 is None:
            raise ValueError("there is no connection to S3 in a sync of local files")
        return self.s3


class Mover(Protocol):
    """Moves entries in one direction."""

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[Any]:
        """Begin to transfer an entry, and tell how much of it has moved."""

    def finish(self, step: Step, result: Any) -> Evidence:
        """Put what was transferred in its location."""

    def is_same(self, step: Step, check: Callable[[], None]) -> bool:
        """Tell whether what is at the target has the content of an entry, as far as checksums say.

        ``check`` is called now and then, and raises if the time is up.
        """

    def has_same_bytes(self, step: Step, check: Callable[[], None]) -> bool:
        """Tell whether both are the same when all of it is read."""

    def abandon(self) -> None:
        """Take away what is left of transfers that did not end."""


def execute(plans: Sequence[Plan], context: ExecutionContext) -> Outcome:
    """Transfer what is to be transferred, then delete what is extraneous.

    Returns:
        What was done until the end, or until the time was up.

    Raises:
        OSError: a file cannot be read or written, or has changed.
        AWSError: S3 refuses or cannot be reached. In both cases nothing was deleted.
    """
    outcome = Outcome()
    for plan in plans:
        outcome.counts.files_unchanged += plan.unchanged
        outcome.counts.bytes_unchanged += plan.unchanged_bytes
        context.progress.plan(plan.pending, plan.pending_bytes)
    try:
        for plan in plans:
            _Transfers(plan, context, outcome).run()
        for plan in plans:
            _delete_extraneous(plan, context, outcome)
    except OutOfTimeError:
        outcome.is_complete = False
    return outcome


def remove_sources(
    plans: Sequence[Plan], context: ExecutionContext, outcome: Outcome, *, is_whole: bool
) -> None:
    """Remove what was synced at the source, as long as there is time.

    Args:
        plans: what was done; all of it has succeeded.
        context: what it is done with.
        outcome: takes how many entries that were.
        is_whole: whether nothing was filtered out, so that folders go as well.

    Raises:
        OSError: a file has changed meanwhile, or cannot be removed.
        AWSError: an object has changed meanwhile, or cannot be removed.
    """
    try:
        for plan in plans:
            with _marked_move(plan, context):
                _remove_source(plan, context, outcome, is_whole=is_whole)
    except OutOfTimeError:
        outcome.is_complete, outcome.only_removes = False, True


@contextmanager
def _marked_move(plan: Plan, context: ExecutionContext) -> Iterator[None]:
    """Leave a mark at the destination until the source is removed."""
    target = plan.route.target
    if not context.changes or target.bucket is None or not (plan.mirror or plan.resumes_move):
        yield
        return
    s3, key = context.the_s3(), target.at(MOVE_MARKER)
    s3.ask(put_text(target.bucket, key, f"{plan.route.source.name()} is being removed\n"))
    yield
    s3.ask(delete_one(target.bucket, key))


def _remove_source(
    plan: Plan, context: ExecutionContext, outcome: Outcome, *, is_whole: bool
) -> None:
    source = plan.route.source

    def gone(step: Step) -> None:
        outcome.counts.files_removed += 1
        context.report.add(plan.route, step, "remove")

    deletions = (Deletion(source.at(s.entry.relative), s, s.entry.etag) for s in plan.steps)
    if not context.changes:
        for deletion in deletions:
            gone(deletion.step)
    elif source.bucket is not None:
        _remove_objects(source.bucket, deletions, context, gone)
    else:
        remove_source_files(context.budget.limit(deletions), gone)
        if is_whole and not plan.route.single:
            remove_folder(source.path)
        elif not plan.route.single:
            remove_empty_parents(source.path, plan.steps)


class _Transfers:
    """The transfers of one plan."""

    def __init__(self, plan: Plan, context: ExecutionContext, outcome: Outcome) -> None:
        self._plan = plan
        self._context = context
        self._outcome = outcome
        self._mover = _make_mover(plan.route, context)
        self._window = Window(_WAITING * context.concurrency)
        # What turned out to differ when its content was compared.
        self._differing: deque[Step] = deque()
        # The targets of what is not done yet, in order, each with the one before it.
        self._open: dict[str, str | None] = {}
        # How much of large entries has moved.
        self._moved: dict[str, int] = {}
        self._seconds_to_publish = _Average()
        self._transferred = 0
        self._transferred_bytes = 0

    def run(self) -> None:
        """Do them.

        Raises:
            OutOfTimeError: the time was up; the outcome says how far they have come.
        """
        try:
            self._take_all()
        except OutOfTimeError:
            self._end_in_time()
            raise
        except BaseException:
            self._give_up()
            raise
        finally:
            # Once: a model takes its time to have a field set.
            self._outcome.counts.files_transferred += self._transferred
            self._outcome.counts.bytes_transferred += self._transferred_bytes

    def _take_all(self) -> None:
        resume_after = self._outcome.resume_after
        try:
            for number, step in enumerate(self._context.budget.limit(self._plan.steps)):
                self._open[step.target] = resume_after
                self._take(step)
                self._transfer_differing()
                # Beyond, targets are in no order.
                if number < self._plan.ordered:
                    resume_after = max(resume_after or "", step.target)
            while not self._window.is_empty() or self._differing:
                self._window.drain(self._context.budget.seconds_left)
                self._context.budget.check()
                self._transfer_differing()
        finally:
            self._outcome.resume_after = resume_after

    def _end_in_time(self) -> None:
        """Let end what ends in time, and give up the rest."""
        self._differing.clear()
        try:
            self._window.drain(self._context.budget.seconds_left)
        except OutOfTimeError:
            logger.debug("Comparisons have not ended in time")
        finally:
            self._give_up()
        if self._open:
            first, self._outcome.resume_after = next(iter(self._open.items()))
            self._outcome.unfinished = self._plan.route.target.name(first)

    def _give_up(self) -> None:
        if self._context.s3:
            self._context.s3.cancel()
        self._context.pool.shutdown(cancel_futures=True)
        self._mover.abandon()

    def _take(self, step: Step) -> None:
        if step.action == "transfer":
            self._transfer(step)
        elif step.action == "compare":
            self._window.add(
                lambda: self._context.pool.submit(self._is_same, step),
                lambda future: self._end_comparison(step, future),
                _WAITING,
            )
        else:
            self._keep(step, _evidence_of(step))

    def _is_same(self, step: Step) -> bool:
        check = self._context.budget.check
        if self._mover.is_same(step, check):
            return True
        return self._context.verifies and self._mover.has_same_bytes(step, check)

    def _end_comparison(self, step: Step, future: Future[bool]) -> None:
        if self._result_of(step, future):
            self._context.progress.advance(1, step.entry.size)
            self._keep(step, _evidence_of(step)._replace(verified=True))
        else:
            self._differing.append(step)

    def _transfer_differing(self) -> None:
        while self._differing:
            self._transfer(self._differing.popleft())

    def _transfer(self, step: Step) -> None:
        if self._context.changes:
            self._window.add(
                lambda: self._started(step),
                lambda future: self._finish(step, self._result_of(step, future)),
                _weight(step),
            )
        else:
            self._note_transfer(step, _evidence_of(step))

    def _started(self, step: Step) -> Future[Any]:
        return self._attempt(step, lambda: self._mover.start(step, self._counter(step)))

    def _counter(self, step: Step) -> OnBytes | None:
        """Return what takes how much of a large entry has moved."""
        if step.entry.size <= PART_BYTES:
            return None
        return lambda size: self._window.call(lambda: self._move(step, size))

    def _move(self, step: Step, size: int) -> None:
        # Not more than there is, as what has failed is sent again.
        before = self._moved.get(step.target, 0)
        now = min(before + size, step.entry.size)
        self._moved[step.target] = now
        self._context.progress.advance(0, now - before)

    def _result_of(self, step: Step, future: Future[T]) -> T:
        return self._attempt(step, future.result)

    def _finish(self, step: Step, result: Any) -> None:
        if self._seconds_to_publish.value < _SLOW_SECONDS and not self._context.fsync:
            self._note_transfer(step, self._publish(step, result))
            return
        self._window.add(
            lambda: self._context.pool.submit(self._publish, step, result),
            lambda future: self._note_transfer(step, future.result()),
            _weight(step),
        )

    def _publish(self, step: Step, result: Any) -> Evidence:
        start = time.perf_counter()
        evidence = self._attempt(step, lambda: self._mover.finish(step, result))
        self._seconds_to_publish.add(time.perf_counter() - start)
        return evidence

    def _note_transfer(self, step: Step, evidence: Evidence) -> None:
        del self._open[step.target]
        self._context.progress.advance(1, step.entry.size - self._moved.pop(step.target, 0))
        if self._context.verifies:
            self._note_difference(step, evidence)
            return
        self._context.report.add(self._plan.route, step, "transfer", evidence)
        self._transferred += 1
        self._transferred_bytes += step.entry.size

    def _note_difference(self, step: Step, evidence: Evidence) -> None:
        done: ReportAction = "missing" if step.reason == "missing" else "different"
        if done == "missing":
            self._outcome.verification.files_missing += 1
        else:
            self._outcome.verification.files_different += 1
        self._context.report.add(self._plan.route, step, done, evidence)

    def _keep(self, step: Step, evidence: Evidence) -> None:
        del self._open[step.target]
        # Scanners take a file for stale by its time, and this one was asked for just now.
        if self._plan.route.target.bucket is None and self._context.changes:
            touch(self._plan.route.target.at(step.target))
        if self._plan.was_counted(step):
            return
        done: ReportAction = "equal" if self._context.verifies else "keep"
        self._context.report.add(self._plan.route, step, done, evidence)
        self._outcome.verification.files_equal += 1
        self._outcome.counts.files_unchanged += 1
        self._outcome.counts.bytes_unchanged += step.entry.size

    def _attempt(self, step: Step, action: Callable[[], T]) -> T:
        """Do something with an entry, and report the error that it ends in."""
        try:
            return action()
        except OutOfTimeError:
            raise
        except Exception as error:
            self._context.report.add(self._plan.route, step, "transfer", error=error)
            raise


class _Average:
    """An average in which what is recent counts more."""

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, value: float) -> None:
        self.value += 0.1 * (value - self.value)


def _weight(step: Step) -> int:
    return 1 if step.entry.size <= PART_BYTES else _WAITING


def _evidence_of(step: Step) -> Evidence:
    """Return what the listings tell of the content of an entry."""
    etag = step.entry.etag or step.target_etag
    is_equal = step.action == "keep" and step.entry.etag is not None
    same = is_equal and step.entry.etag == step.target_etag
    return Evidence(f"etag:{etag}" if etag else None, verified=same)


def _make_mover(route: Route, context: ExecutionContext) -> Mover:
    if route.is_local:
        return LocalCopy(route, context.pool, context.budget.check, fsync=context.fsync)
    if route.target.bucket is None:
        return Download(
            route,
            context.the_s3(),
            context.staging,
            fsync=context.fsync,
            reports=context.report.is_read,
        )
    if route.source.bucket is None:
        return Upload(route, context.the_s3(), reports=context.report.is_read)
    return S3Copy(route, context.the_s3(), context.pool, reports=context.report.is_read)


def _delete_extraneous(plan: Plan, context: ExecutionContext, outcome: Outcome) -> None:
    target = plan.route.target

    def gone(step: Step) -> None:
        context.report.add(plan.route, step, "extra" if context.verifies else "delete")
        if context.verifies:
            outcome.verification.files_extra += 1
            return
        outcome.counts.files_deleted += 1
        outcome.counts.bytes_deleted += step.entry.size

    deletions = (Deletion(target.at(step.target), step) for step in plan.extraneous)
    if not context.changes:
        for deletion in deletions:
            gone(deletion.step)
    elif target.bucket is not None:
        _remove_objects(target.bucket, deletions, context, gone)
    else:
        remove_files(context.budget.limit(deletions), gone)


def _remove_objects(
    bucket: str, deletions: Iterable[Deletion], context: ExecutionContext, gone: OnDeleted
) -> None:
    window = Window(context.concurrency)
    remove_objects(context.the_s3(), bucket, deletions, window, gone, context.budget)
