"""A process that syncs batches which another one hands to it, one after the other."""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncCounts, DataSyncRequest

from ..sync.result import add_counts
from .messages import OWN_LOGGERS, in_words
from .progress import Extent, Paced

if TYPE_CHECKING:
    from ..sync.engine import Engine


_PACE_SECONDS: Final = 0.2


class Failure(NamedTuple):
    """A sync that has failed.

    Args:
        position: which one of the batch, counted from 0.
        message: why, in one line.
        trace: the traceback.
    """

    position: int
    message: str
    trace: str = ""


class Line(NamedTuple):
    """Something to be logged."""

    level: int
    text: str


@dataclass
class Done:
    """A batch that has been dealt with.

    Args:
        counts: of the syncs that have succeeded.
        failures: those that have not.
        left: how many were not done, or not all of them, when the time was up.
    """

    counts: DataSyncCounts = field(default_factory=DataSyncCounts)
    failures: list[Failure] = field(default_factory=list)
    left: int = 0


Message: TypeAlias = Extent | Line | Done
"""What is sent back: how much this process has done since it began, a line to log, or the end of a
batch."""


def work(connection: Connection, log_level: int) -> None:
    """Sync the batches that come over a connection, lists of `DataSyncRequest`, until it closes.

    Args:
        connection: where batches come from, and where a `Message` goes to now and then.
        log_level: from which level on log lines are sent.
    """
    from ..sync.engine import Engine

    # What is half done is cleaned up before the end.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    outbox = _Outbox(connection)
    logger = logging.getLogger(OWN_LOGGERS)
    logger.setLevel(log_level)
    logger.addHandler(_Sent(outbox))
    progress = Paced(lambda _, done: outbox.put(done), _PACE_SECONDS)
    engine = Engine(progress)
    while True:
        try:
            batch: Sequence[DataSyncRequest] = connection.recv()
        except EOFError:
            return
        done = _sync(engine, batch)
        progress.show()
        outbox.put(done)


def _sync(engine: Engine, batch: Sequence[DataSyncRequest]) -> Done:
    from ..sync.result import NoProgressError

    done = Done()
    for position, request in enumerate(batch):
        try:
            response = engine.sync(request)
        except NoProgressError:
            done.left = len(batch) - position
            break
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            done.failures.append(Failure(position, in_words(error), trace))
        else:
            add_counts(done.counts, response.result)
            if response.incomplete:
                done.left = len(batch) - position
                break
    return done


class _Outbox:
    """Where messages are left. If nobody is there any more who reads them, the process ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Lines come from any thread.
        self._lock = Lock()

    def put(self, message: Message) -> None:
        try:
            with self._lock:
                self._connection.send(message)
        except OSError:
            sys.exit(1)


class _Sent(logging.Handler):
    """Sends log lines to where they are written."""

    def __init__(self, outbox: _Outbox) -> None:
        super().__init__()
        self._outbox = outbox

    def emit(self, record: logging.LogRecord) -> None:
        self._outbox.put(Line(record.levelno, record.getMessage()))
