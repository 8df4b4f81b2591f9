"""Threads that send requests to registries."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def worker_threads(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads, and wait for them at the end unless the process is interrupted.

    A thread that waits for a silent registry cannot be stopped: its socket times out after a
    minute. Someone who presses Ctrl-C does not wait for that.

    Args:
        count: the maximum number of threads.
        name: the prefix of their names.
    """
    pool = ThreadPoolExecutor(count, name)
    try:
        yield pool
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()
