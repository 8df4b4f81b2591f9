"""Signals that end a process, and what they must not interrupt."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Defer SIGINT and SIGTERM to the end of a block, which they must not interrupt halfway.

    A signal mask would defer them in one thread only: Python runs the handlers in the main thread,
    whichever thread receives the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Handlers do not interrupt other threads.
        return
    received: list[int] = []
    handlers = {}
    try:
        for deferred in (signal.SIGINT, signal.SIGTERM):
            handlers[deferred] = signal.signal(deferred, lambda number, _: received.append(number))
        yield
    finally:
        for deferred, handler in handlers.items():
            signal.signal(deferred, handler)
        for number in received[:1]:
            signal.raise_signal(number)
