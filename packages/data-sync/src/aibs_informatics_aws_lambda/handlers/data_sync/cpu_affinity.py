"""The CPUs on which threads run that take turns at the interpreter lock.

Where threads do little else than wait and take turns at the lock, one at a time runs. On several
CPUs, each turn wakes a thread on another CPU, whose caches are cold: 5,000 uploads of 4 KiB take
0.98 s of CPU, and 0.76 s if the threads share one; walking 3,000 files of a network file system
takes 160 ms, and 85 ms. Threads that read, hash and encrypt large files run on all CPUs.

Only on Linux, with several CPUs, in the only process of a sync, and not in Lambda functions, whose
CPUs are shares.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from aibs_informatics_aws_lambda.common.constants import AWS_LAMBDA_FUNCTION_NAME_KEY

from .settings import WORKERS

_STATE = Path("/proc/thread-self/stat")
# https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the 39th field, of which two precede
# the parenthesis at the end of the name.
_CPU_AFTER_NAME = 36


class _Cpus(NamedTuple):
    """The CPUs that this process may use, and the one that threads share."""

    all: frozenset[int]
    shared: frozenset[int]


def share_cpu() -> None:
    """Let this thread, and those that it starts, share one CPU with others that do so."""
    if cpus := _cpus(os.getpid()):
        _set(cpus.shared)


def use_all_cpus() -> None:
    """Let this thread run on all CPUs again."""
    if cpus := _cpus(os.getpid()):
        _set(cpus.all)


@contextmanager
def shared_cpu() -> Iterator[None]:
    """Let this thread, and those that it starts in the block, share one CPU with others."""
    with _restored():
        share_cpu()
        yield


@contextmanager
def all_cpus() -> Iterator[None]:
    """Let this thread, and those that it starts in the block, run on all CPUs."""
    with _restored():
        use_all_cpus()
        yield


@contextmanager
def _restored() -> Iterator[None]:
    before = frozenset(os.sched_getaffinity(0)) if _cpus(os.getpid()) else None
    try:
        yield
    finally:
        if before is not None:
            _set(before)


def _set(cpus: frozenset[int]) -> None:
    # CPUs can be taken from a process at any time.
    with suppress(OSError):
        # Zero is this thread.
        os.sched_setaffinity(0, cpus)


@cache
def _cpus(_: int) -> _Cpus | None:
    """Return the CPUs of a process, or `None` if its threads are left where they are.

    The one to share is that on which this thread is: the scheduler has found it idle.
    """
    is_linux = hasattr(os, "sched_getaffinity")
    if not is_linux or WORKERS > 1 or AWS_LAMBDA_FUNCTION_NAME_KEY in os.environ:
        return None
    found = frozenset(os.sched_getaffinity(0))
    current = _current_cpu()
    return _Cpus(found, frozenset({current})) if len(found) > 1 and current in found else None


def _current_cpu() -> int | None:
    try:
        state = _STATE.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return int(state.rpartition(")")[2].split()[_CPU_AFTER_NAME])
