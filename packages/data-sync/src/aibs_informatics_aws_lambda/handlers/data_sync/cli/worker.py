"""A worker process that runs the batches it receives, one after another."""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from aibs_informatics_aws_lambda.common.signals import once_in_a_while

from ..sync.request import SyncRequest
from ..sync.result import Counts, add_counts
from .failed_files import FailedFiles
from .messages import PACKAGE_LOGGER, format_error
from .output import format_count
from .progress import Amount, ThrottledProgress

if TYPE_CHECKING:
    from ..rate_limits import SharedStates
    from ..sync.engine import Engine


_PROGRESS_SECONDS = 0.2


class SyncFailure(NamedTuple):
    """A failed sync of a batch.

    Args:
        position: its index in the batch.
        message: the error in one line.
        trace: the traceback.
    """

    position: int
    message: str
    trace: str = ""


class LogLine(NamedTuple):
    """A log record to write in the main process."""

    level: int
    text: str


@dataclass
class BatchDone:
    """The end of a batch.

    Args:
        counts: sums over the successful syncs.
        failures: the failed syncs.
        unfinished: how many syncs were incomplete or not started at the deadline.
        failed_files: the files that could not be synced.
        requests: the number of requests to S3, by operation.
    """

    counts: Counts = field(default_factory=Counts)
    failures: list[SyncFailure] = field(default_factory=list)
    failed_files: FailedFiles = field(default_factory=FailedFiles)
    unfinished: int = 0
    requests: Counter[str] = field(default_factory=Counter)


Message: TypeAlias = Amount | LogLine | BatchDone
"""What a worker sends: the amount completed since it started, a log line, or the end of a
batch."""


def work(connection: Connection, log_level: int, shared: SharedStates | None = None) -> None:
    """Run batches received from a connection, lists of `DataSyncRequest`, until it closes.

    Args:
        connection: receives batches and sends each `Message`.
        log_level: the lowest level of log records to send.
        shared: the states of rate limits, which all workers share.
    """
    from ..s3.client import sent_requests
    from ..sync.engine import Engine

    # Raises SystemExit, so that temporary files are removed.
    signal.signal(signal.SIGTERM, once_in_a_while(lambda number, _: sys.exit(128 + number)))
    sender = _Sender(connection)
    logger = logging.getLogger(PACKAGE_LOGGER)
    logger.setLevel(log_level)
    logger.addHandler(_LogForwarder(sender))
    progress = ThrottledProgress(sender.send, _PROGRESS_SECONDS)
    engine = Engine(progress, shared=shared)
    while True:
        try:
            batch: Sequence[SyncRequest] = connection.recv()
        except EOFError:
            return
        before = sent_requests.copy()
        done = _run_batch(engine, batch)
        done.requests = sent_requests - before
        progress.send()
        sender.send(done)


def _run_batch(engine: Engine, batch: Sequence[SyncRequest]) -> BatchDone:
    from ..sync.result import NoProgressError

    done = BatchDone()
    for position, request in enumerate(batch):
        try:
            response = engine.sync(request)
        except NoProgressError:
            done.unfinished = len(batch) - position
            break
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            done.failures.append(SyncFailure(position, format_error(error), trace))
        else:
            add_counts(done.counts, response.result)
            done.failed_files.add(response)
            if response.result.files_failed:
                message = f"{format_count(response.result.files_failed)} not synced"
                done.failures.append(SyncFailure(position, message))
            if response.incomplete:
                done.unfinished = len(batch) - position
                break
    return done


class _Sender:
    """Sends messages to the main process, and ends this one when the main process is gone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Log records come from any thread.
        self._lock = Lock()

    def send(self, message: Message) -> None:
        try:
            with self._lock:
                self._connection.send(message)
        except OSError:
            sys.exit(1)


class _LogForwarder(logging.Handler):
    """Forwards log records to the main process."""

    def __init__(self, sender: _Sender) -> None:
        super().__init__()
        self._sender = sender

    def emit(self, record: logging.LogRecord) -> None:
        self._sender.send(LogLine(record.levelno, record.getMessage()))
