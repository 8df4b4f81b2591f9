"""Signals that end a process, and what they must not interrupt."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Final, TypeAlias

Handler: TypeAlias = Callable[[int, FrameType | None], object]

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals of Ctrl-C, of a job that is stopped, and of a terminal that is closed."""

_REPEATED_SECONDS = 1.0


def once_in_a_while(handler: Handler) -> Handler:
    """Return a handler of signals that ignores those within a second of one.

    Many send two: `timeout` to the process and to its group. The second one would interrupt the
    clean-up that the first one has begun.
    """
    latest = -_REPEATED_SECONDS

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal latest
        now = monotonic()
        if now - latest >= _REPEATED_SECONDS:
            latest = now
            handler(number, frame)

    return handle


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Defer the signals that stop a process to the end of a block, which must not end halfway.

    A signal mask would defer them in one thread only: Python runs the handlers in the main thread,
    whichever thread receives the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Handlers do not interrupt other threads.
        return
    received: list[int] = []
    handlers = {}
    try:
        for deferred in STOP_SIGNALS:
            handlers[deferred] = signal.signal(deferred, lambda number, _: received.append(number))
        yield
    finally:
        for deferred, handler in handlers.items():
            signal.signal(deferred, handler)
        for number in received[:1]:
            signal.raise_signal(number)
