"""A pool of worker processes that run batches of syncs on this machine."""

import logging
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.resource_tracker import ensure_running
from typing import NamedTuple

from aibs_informatics_aws_lambda.common.signals import deferred_signals
from aibs_informatics_aws_lambda.storage.data_sync.batch import (
    BatchDataSyncResponse,
    BatchDataSyncResult,
)
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

from ..progress import Progress, activity
from ..rate_limits import PaidUntil, SharedStates
from ..settings import WORKERS, WORKERS_KEY
from ..sync.result import Counts, add_counts
from .failed_files import FailedFiles
from .messages import PACKAGE_LOGGER
from .progress import Amount
from .worker import BatchDone, LogLine, Message, work

logger = logging.getLogger(__name__)

# How long a worker may take to cancel its transfers and remove temporary files.
_TIMEOUT_SECONDS = 10.0


class Batch(NamedTuple):
    """Syncs for one worker.

    Args:
        syncs: the requests.
        amount: the files they sync.
    """

    syncs: Sequence[DataSyncRequest]
    amount: Amount


class FailedSync(NamedTuple):
    """A failed sync.

    Args:
        request: the request.
        batch_number: the number of its batch, counted from 1.
        message: the error in one line.
        trace: the traceback, or an empty text.
    """

    request: DataSyncRequest
    batch_number: int
    message: str
    trace: str


@dataclass
class ParallelResult:
    """Result of all batches.

    Args:
        batches: the number of batches.
        syncs: the number of syncs in them.
        counts: sums over the successful syncs.
        failed: the failed syncs.
        unfinished: how many syncs were incomplete or not started at the deadline.
        failed_files: the files that could not be synced.
        requests: the number of requests to S3 of the workers, by operation.
    """

    batches: int
    syncs: int
    counts: Counts = field(default_factory=Counts)
    failed: list[FailedSync] = field(default_factory=list)
    unfinished: int = 0
    failed_files: FailedFiles = field(default_factory=FailedFiles)
    requests: Counter[str] = field(default_factory=Counter)

    def to_response(self) -> BatchDataSyncResponse:
        """Return the response that `BatchDataSyncHandler` would give."""
        result = BatchDataSyncResult(
            **vars(self.counts),
            total_requests_count=self.syncs,
            successful_requests_count=self.syncs - len(self.failed) - self.unfinished,
            failed_requests_count=len(self.failed),
        )
        # Each wrote its report to a temporary folder, which no longer exists.
        failed = [f.request.model_copy(update={"report_path": None}) for f in self.failed]
        return BatchDataSyncResponse(
            result=result,
            failed_requests=failed,
            incomplete=True if self.unfinished else None,
        )

    def add_failed_batch(self, number: int, batch: Batch, message: str) -> None:
        """Count all syncs of a batch as failed."""
        self.failed.extend(FailedSync(sync, number, message, "") for sync in batch.syncs)


def shared_states() -> SharedStates:
    """Return states of rate limits that worker processes can share."""
    context = get_context("spawn")
    # The first lock starts a process that looks after them.
    with _blocked_signals():
        size, requests = (PaidUntil(context.RawValue("d"), context.Lock()) for _ in range(2))
    return SharedStates(size, requests)


def run_batches(
    batches: Sequence[Batch],
    processes: int,
    progress: Progress,
    until: float = float("inf"),
    shared: SharedStates | None = None,
) -> ParallelResult:
    """Run each batch in the next free worker. A batch that fails does not stop the others.

    Args:
        batches: the batches.
        processes: the maximum number of worker processes.
        progress: receives the planned and completed amounts of all batches.
        until: start no batch after this time, in seconds of `time.monotonic`.
        shared: the states of rate limits that all workers share.
    """
    result = ParallelResult(len(batches), sum(len(batch.syncs) for batch in batches))
    waiting = deque(enumerate(batches, 1))
    activity.phase = "transferring"
    for batch in batches:
        progress.plan(*batch.amount)
    with _worker_pool(min(processes, len(batches)), shared) as pool:
        for worker in pool:
            worker.start_batch(*waiting.popleft())
        busy = list(pool)
        while busy:
            ready = wait([worker.connection for worker in busy])
            for worker in [worker for worker in busy if worker.connection in ready]:
                if not worker.receive(result, progress):
                    continue
                if worker.is_alive and waiting and time.monotonic() < until:
                    worker.start_batch(*waiting.popleft())
                else:
                    busy.remove(worker)
    for number, batch in waiting:
        if time.monotonic() >= until:
            result.unfinished += len(batch.syncs)
        else:
            result.add_failed_batch(number, batch, "no worker process is left to run it")
    return result


class _Worker:
    """A worker process and the state of its current batch."""

    def __init__(self, shared: SharedStates | None) -> None:
        # Spawned: a forked process would inherit locks, but not the threads that hold them.
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        level = logging.getLogger(PACKAGE_LOGGER).getEffectiveLevel()
        self._process = context.Process(target=work, args=(theirs, level, shared), daemon=True)
        with _blocked_signals():
            self._process.start()
        theirs.close()
        self.is_alive = True
        self._batch_number = 0
        self._batch = Batch((), Amount())
        self._before_batch = Amount()
        self._completed = Amount()

    def start_batch(self, number: int, batch: Batch) -> None:
        """Send a batch to the process."""
        self._batch_number, self._batch, self._before_batch = number, batch, self._completed
        # If the process has ended, `receive` notices.
        with suppress(OSError):
            self.connection.send(batch.syncs)

    def receive(self, result: ParallelResult, progress: Progress) -> bool:
        """Handle one message of the process. Return whether its batch has ended."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, OSError):
            self.is_alive = False
            result.add_failed_batch(self._batch_number, self._batch, self._exit_reason())
            return True
        if isinstance(message, LogLine):
            logger.log(message.level, "%s", message.text)
        elif isinstance(message, Amount):
            progress.advance(*message.minus(self._completed))
            self._completed = message
        else:
            self._finish_batch(message, result, progress)
        return isinstance(message, BatchDone)

    def _finish_batch(self, done: BatchDone, result: ParallelResult, progress: Progress) -> None:
        add_counts(result.counts, done.counts)
        for position, message, trace in done.failures:
            request = self._batch.syncs[position]
            result.failed.append(FailedSync(request, self._batch_number, message, trace))
        result.unfinished += done.unfinished
        result.failed_files.extend(done.failed_files)
        result.requests.update(done.requests)
        if not done.failures and not done.unfinished:
            # Count the files that were up to date, which the worker has not reported.
            completed = self._completed.minus(self._before_batch)
            progress.advance(*self._batch.amount.minus(completed))

    def terminate(self) -> None:
        """Ask the process to cancel its work and exit."""
        self._process.terminate()

    def join(self) -> None:
        """Close the connection, on which an idle process exits, and wait for the exit."""
        self.connection.close()
        self._process.join(_TIMEOUT_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _exit_reason(self) -> str:
        self._process.join()
        status = self._process.exitcode or 0
        if status == -signal.SIGKILL:
            return "its worker process was killed, perhaps out of memory: try fewer --jobs"
        return f"its worker process exited with status {status}"


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Let processes that are started meanwhile leave the signals of a terminal to this one.

    Ctrl-C, and the end of a terminal, reach all of its processes, which inherit the mask.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@contextmanager
def _worker_pool(size: int, shared: SharedStates | None) -> Iterator[list[_Worker]]:
    pool: list[_Worker] = []
    # Otherwise the first worker would start it, and unblock SIGINT.
    with _blocked_signals():
        ensure_running()
    try:
        with _shared_machine(size):
            for _ in range(size):
                # A process that is started halfway prints a traceback.
                with deferred_signals():
                    pool.append(_Worker(shared))
        yield pool
    except BaseException:
        for worker in pool:
            worker.terminate()
        raise
    finally:
        for worker in pool:
            worker.join()


@contextmanager
def _shared_machine(processes: int) -> Iterator[None]:
    """Let processes that are started meanwhile divide connections, threads and parts in memory."""
    before = os.environ.get(WORKERS_KEY)
    os.environ[WORKERS_KEY] = str(WORKERS * processes)
    try:
        yield
    finally:
        if before is None:
            del os.environ[WORKERS_KEY]
        else:
            os.environ[WORKERS_KEY] = before
