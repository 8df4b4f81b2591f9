"""Threads for operations on slow file systems, which all users in a process share."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from ..cpu_affinity import share_cpu
from ..settings import count_open_files, count_operations

THREADS: Final = count_operations(count_open_files())
"""The number of threads, and so of operations in flight."""


class SharedThreads:
    """Threads that start with their first user and end with their last one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._pool: ThreadPoolExecutor | None = None

    @contextmanager
    def use(self) -> Iterator[ThreadPoolExecutor]:
        """Give the pool of the threads. Each user waits for its own tasks, or cancels them."""
        with self._lock:
            pool = self._pool = self._pool or ThreadPoolExecutor(
                THREADS, "file-system", initializer=share_cpu
            )
            self._users += 1
        try:
            yield pool
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._pool = None
            if self._pool is not pool:
                pool.shutdown()


threads: Final = SharedThreads()
"""The threads of this process."""
