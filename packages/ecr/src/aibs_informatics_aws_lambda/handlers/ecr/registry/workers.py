"""Threads that send requests to registries."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")

# Fewer than the connections that boto3 keeps for a client.
_MAX_CONCURRENT = 8


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


def map_concurrently(function: Callable[[T], U], items: Iterable[T], name: str) -> list[U]:
    """Return the results of a function for several items, in order; up to eight run at a time.

    Args:
        function: the function.
        items: the items.
        name: the prefix of the names of the threads.
    """
    several = list(items)
    if len(several) < 2:
        return [function(item) for item in several]
    with worker_threads(min(len(several), _MAX_CONCURRENT), name) as pool:
        return list(pool.map(function, several))
