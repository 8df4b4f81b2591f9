"""Batches of syncs, run in several processes of this machine."""

from __future__ import annotations

import logging
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.resource_tracker import ensure_running
from typing import Final, NamedTuple

from aibs_informatics_aws_lambda.storage.data_sync.batch import (
    BatchDataSyncResponse,
    BatchDataSyncResult,
)
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncCounts, DataSyncRequest

from ..progress import Progress
from ..sync.result import add_counts
from .messages import OWN_LOGGERS
from .progress import Extent
from .worker import Done, Line, Message, work

logger = logging.getLogger(__name__)

# Until what is under way is given up and what is half done is cleaned up.
_TIMEOUT_SECONDS: Final = 10.0


class Batch(NamedTuple):
    """Syncs that one process does.

    Args:
        syncs: the requests.
        extent: what they are about in all.
    """

    syncs: Sequence[DataSyncRequest]
    extent: Extent


class Failed(NamedTuple):
    """A sync that has failed.

    Args:
        request: the sync.
        batch: the number of its batch, counted from 1.
        message: why, in one line.
        trace: the traceback, if there is one.
    """

    request: DataSyncRequest
    batch: int
    message: str
    trace: str


@dataclass
class Outcome:
    """What became of batches.

    Args:
        batches: how many there are.
        syncs: how many syncs these have.
        counts: of the syncs that have succeeded.
        failed: those that have failed.
        left: how many syncs were not done, or not all of them, when the time was up.
    """

    batches: int
    syncs: int
    counts: DataSyncCounts = field(default_factory=DataSyncCounts)
    failed: list[Failed] = field(default_factory=list)
    left: int = 0

    def as_answer(self) -> BatchDataSyncResponse:
        """Return what a handler of batches would answer."""
        result = BatchDataSyncResult(
            **self.counts.to_dict(),
            total_requests_count=self.syncs,
            successful_requests_count=self.syncs - len(self.failed) - self.left,
            failed_requests_count=len(self.failed),
        )
        # Their reports have become part of one, and would be written nowhere another time.
        failed = [f.request.model_copy(update={"report_path": None}) for f in self.failed]
        return BatchDataSyncResponse(
            result=result,
            failed_requests=failed,
            incomplete=True if self.left else None,
        )

    def add_lost(self, number: int, batch: Batch, message: str) -> None:
        """Count all syncs of a batch as failed."""
        self.failed.extend(Failed(sync, number, message, "") for sync in batch.syncs)


def run_batches(
    batches: Sequence[Batch], processes: int, progress: Progress, until: float = float("inf")
) -> Outcome:
    """Run batches, each in the first process that is free. One that fails does not end the others.

    Args:
        batches: what is run.
        processes: in how many processes, at most.
        progress: is told how far all of them have come.
        until: no batch begins after this, as `time.monotonic` tells it.
    """
    outcome = Outcome(len(batches), sum(len(batch.syncs) for batch in batches))
    waiting = deque(enumerate(batches, 1))
    for batch in batches:
        progress.plan(*batch.extent)
    with _worker_pool(min(processes, len(batches))) as pool:
        for worker in pool:
            worker.take(*waiting.popleft())
        busy = list(pool)
        while busy:
            ready = wait([worker.connection for worker in busy])
            for worker in [worker for worker in busy if worker.connection in ready]:
                if not worker.hear(outcome, progress):
                    continue
                if worker.is_alive and waiting and time.monotonic() < until:
                    worker.take(*waiting.popleft())
                else:
                    busy.remove(worker)
    for number, batch in waiting:
        if time.monotonic() >= until:
            outcome.left += len(batch.syncs)
        else:
            outcome.add_lost(number, batch, "no process is left to do it")
    return outcome


class _Worker:
    """A process that syncs batches, and what is known of it."""

    def __init__(self) -> None:
        # Not a copy of this process, whose threads a copy would not have.
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        level = logging.getLogger(OWN_LOGGERS).getEffectiveLevel()
        self._process = context.Process(target=work, args=(theirs, level), daemon=True)
        # Ctrl-C reaches all processes of a terminal: the new one leaves it to this one.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        theirs.close()
        self.is_alive = True
        self._number = 0
        self._batch = Batch((), Extent())
        self._before = Extent()
        self._done = Extent()

    def take(self, number: int, batch: Batch) -> None:
        """Begin with a batch."""
        self._number, self._batch, self._before = number, batch, self._done
        # A process that has ended is found out by `hear`.
        with suppress(OSError):
            self.connection.send(batch.syncs)

    def hear(self, outcome: Outcome, progress: Progress) -> bool:
        """Take what the process says; tell whether the batch has come to its end."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, OSError):
            self.is_alive = False
            outcome.add_lost(self._number, self._batch, self._how_it_ended())
            return True
        if isinstance(message, Line):
            logger.log(message.level, "%s", message.text)
        elif isinstance(message, Extent):
            progress.advance(*message.minus(self._done))
            self._done = message
        else:
            self._finish(message, outcome, progress)
        return isinstance(message, Done)

    def _finish(self, done: Done, outcome: Outcome, progress: Progress) -> None:
        add_counts(outcome.counts, done.counts)
        for position, message, trace in done.failures:
            request = self._batch.syncs[position]
            outcome.failed.append(Failed(request, self._number, message, trace))
        outcome.left += done.left
        if not done.failures and not done.left:
            # What was in sync already.
            progress.advance(*self._batch.extent.minus(self._done.minus(self._before)))

    def stop(self) -> None:
        """Have the process give up what it does."""
        self._process.terminate()

    def end(self) -> None:
        """Let the process end, and wait until it has."""
        self.connection.close()
        self._process.join(_TIMEOUT_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _how_it_ended(self) -> str:
        self._process.join()
        status = self._process.exitcode or 0
        if status == -signal.SIGKILL:
            return "its process was killed, perhaps for lack of memory: fewer --jobs need less"
        return f"its process has ended with status {status}"


@contextmanager
def _worker_pool(size: int) -> Iterator[list[_Worker]]:
    pool: list[_Worker] = []
    # Or the first worker would start it, and that lets signals through.
    ensure_running()
    try:
        pool.extend(_Worker() for _ in range(size))
        yield pool
    except BaseException:
        for worker in pool:
            worker.stop()
        raise
    finally:
        for worker in pool:
            worker.end()
