"""Signals that end a process, and what they must not interrupt."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals of Ctrl-C, of a job that is stopped, and of a terminal that is closed."""


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
