"""Walks of slow file systems, each in a separate process.

On NFS and EFS, a walk has many operations in flight, each in a thread. The threads of a process
take turns at its interpreter lock: importing modules, or sending requests, would hold up a walk in
the same process, and the walk would hold up these.
"""

from __future__ import annotations

import fcntl
import logging
import marshal
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from threading import Lock, Thread
from time import perf_counter
from typing import IO, Any, Final, NoReturn

from aibs_informatics_aws_lambda.common.constants import AWS_LAMBDA_FUNCTION_NAME_KEY
from aibs_informatics_aws_lambda.common.signals import STOP_SIGNALS, deferred_signals

from ..cpu_affinity import share_cpu
from ..entries import Entry
from ..progress import activity
from .read_ahead import SLOW_SECONDS
from .walk import BegunWalk, OnFailure

_ENTRIES_OF_A_BLOCK: Final = 256
_HEADER_BYTES: Final = 4
# Some ten thousand entries: so far ahead is a walk while this process does something else.
_PIPE_BYTES: Final = 2**20
_THREADS = Path("/proc/self/task")


class WalkProcess:
    """A process that walks a folder.

    Args:
        folder: the folder, for messages.
        walk: walks the folder, in the process, and calls its argument with each path that cannot
            be read, and the error.

    Raises:
        OSError: there are too many processes or open files.
    """

    def __init__(self, folder: Path, walk: Callable[[OnFailure], Iterable[Entry]]) -> None:
        self._folder = folder
        reading, writing = os.pipe()
        try:
            self._pid = os.fork()
        except BaseException:
            os.close(reading)
            os.close(writing)
            raise
        if not self._pid:
            os.close(reading)
            _run(walk, writing)
        os.close(writing)
        self._pipe = open(reading, "rb", _PIPE_BYTES)  # noqa: PTH123, SIM115 - until `close`

    def entries(self, on_failure: OnFailure | None) -> Iterator[Entry]:
        """Yield the entries of the walk, once.

        Args:
            on_failure: called with each path that cannot be read, and the error; without it, the
                first of these errors is raised.

        Raises:
            Exception: the error of the walk.
            OSError: the process was killed.
        """
        while block := self._read_block():
            kind, content = marshal.loads(block)  # noqa: S302 - of this program
            if kind == "entries":
                activity.listed += len(content)
                yield from map(Entry._make, content)
            elif kind == "record":
                record = logging.makeLogRecord(content)
                logging.getLogger(record.name).handle(record)
            elif kind == "failure":
                path, error = content[0], _unpickled(content[1])
                if on_failure is None:
                    raise error
                on_failure(path, error)
            elif kind == "error":
                raise _unpickled(content)
            else:
                # The transfers that follow may take hours.
                self.close()
                return
        raise ChildProcessError(
            f"cannot list {self._folder}: the process that lists it was killed, perhaps because "
            "memory ran out. Sync again"
        )

    def _read_block(self) -> bytes:
        """Return the next block; nothing at the end, or if the process was killed in it."""
        size = int.from_bytes(self._pipe.read(_HEADER_BYTES), "little")
        block = self._pipe.read(size)
        return block if len(block) == size else b""

    def close(self) -> None:
        """End the process, wherever it is."""
        pid, self._pid = self._pid, 0
        # The parent of this process may have set it to ignore SIGCHLD: then a process that has
        # ended is gone, and its ID may be that of another one.
        with suppress(ChildProcessError, ProcessLookupError):
            if pid and not os.waitpid(pid, os.WNOHANG)[0]:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        self._pipe.close()


def begin_walk(
    folder: Path, walk: Callable[[OnFailure], Iterable[Entry]], stack: ExitStack
) -> BegunWalk | None:
    """Begin to walk a folder in a separate process.

    Args:
        folder: the folder.
        walk: walks the folder; see `WalkProcess`.
        stack: ends the process.

    Returns:
        What returns the entries, as `WalkProcess.entries`; `None` if such a process is impossible,
        or not worthwhile.
    """
    try:
        if not is_worthwhile(folder):
            return None
        # A signal between these would leave a process.
        with deferred_signals():
            process = WalkProcess(folder, walk)
            stack.callback(process.close)
    except OSError:
        # Raised again where the folder is listed, unless there are too many processes.
        return None
    return process.entries


def is_worthwhile(folder: Path) -> bool:
    """Return whether a separate process is possible, and faster than walking a folder here.

    It is faster on a slow file system, with more than one CPU. A fork has one thread: what others
    do in this process would stay half done in it. So only a process with a single thread forks,
    and only on Linux, which tells how many there are; and no function, whose memory it would take.

    Raises:
        OSError: the folder cannot be read.
    """
    if AWS_LAMBDA_FUNCTION_NAME_KEY in os.environ or _count_cpus() < 2:
        return False
    if not _THREADS.exists() or len(list(_THREADS.iterdir())) > 1:
        return False
    start = perf_counter()
    with os.scandir(folder) as found:
        next(found, None)
    return perf_counter() - start > SLOW_SECONDS


def _count_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _run(walk: Callable[[OnFailure], Iterable[Entry]], writing: int) -> NoReturn:
    """Walk in the new process, and end it, without what the first process does at its end."""
    try:
        share_cpu()
        # The first process ends this one. Terminals and systemd send a signal to both.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        # With too many threads, this process ends when it has something to send.
        with suppress(RuntimeError):
            Thread(target=_end_with_reader, args=(writing,), daemon=True).start()
        with suppress(BrokenPipeError), open(writing, "wb") as pipe:
            _enlarge(pipe)
            _send_all(walk, pipe)
    finally:
        os._exit(0)


def _end_with_reader(writing: int) -> None:
    """End this process once nobody reads its pipe, such as when the first process was killed."""
    from select import poll

    ended = poll()
    # Without events: only the end is reported.
    ended.register(writing, 0)
    ended.poll()
    os._exit(0)


def _enlarge(pipe: IO[bytes]) -> None:
    # A user has a limit for all pipes: then the walk is less far ahead.
    with suppress(OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _send_all(walk: Callable[[OnFailure], Iterable[Entry]], pipe: IO[bytes]) -> None:
    lock = Lock()

    def send(kind: str, content: Any) -> None:
        block = marshal.dumps((kind, content))
        # Threads of a walk log.
        with lock:
            pipe.write(len(block).to_bytes(_HEADER_BYTES, "little") + block)
            pipe.flush()

    logger = logging.getLogger(__package__)
    logger.handlers, logger.propagate = [_Sender(send)], False
    try:
        entries = iter(walk(lambda path, error: send("failure", (path, _pickled(error)))))
        while block := [tuple(entry) for entry in islice(entries, _ENTRIES_OF_A_BLOCK)]:
            send("entries", block)
        send("end", None)
    except BrokenPipeError:
        raise
    except BaseException as error:
        send("error", _pickled(error))


def _pickled(error: BaseException) -> bytes:
    # Few walks have errors.
    import pickle

    return pickle.dumps(error)


def _unpickled(error: bytes) -> Any:
    import pickle

    return pickle.loads(error)  # noqa: S301 - of this program


class _Sender(logging.Handler):
    """Sends log records to the first process."""

    def __init__(self, send: Callable[[str, Any], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args = record.getMessage(), None
        self._send("record", vars(record))
