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
        _move(cpus.all, cpus.shared)


def use_all_cpus() -> None:
    """Let this thread run on all CPUs again."""
    if cpus := _cpus(os.getpid()):
        _move(cpus.shared, cpus.all)


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
    cpus = _cpus(os.getpid())
    before = cpus and _affinity()
    try:
        yield
    finally:
        if cpus and before == cpus.all:
            use_all_cpus()
        elif cpus and before == cpus.shared:
            share_cpu()


def _move(before: frozenset[int], after: frozenset[int]) -> None:
    """Let this thread run on other CPUs, if it runs on those that it had before.

    Otherwise ``taskset`` or another process has chosen its CPUs meanwhile.
    """
    if _affinity() == before:
        # CPUs can be taken from a process at any time, and a sandbox may forbid the call.
        with suppress(OSError):
            # Zero is this thread.
            os.sched_setaffinity(0, after)


def _affinity() -> frozenset[int]:
    """Return the CPUs on which this thread may run, or none where a sandbox forbids the call."""
    try:
        return frozenset(os.sched_getaffinity(0))
    except OSError:
        return frozenset()


@cache
def _cpus(_: int) -> _Cpus | None:
    """Return the CPUs of a process, or `None` if its threads are left where they are.

    The one to share is that on which this thread is: the scheduler has found it idle.
    """
    is_linux = hasattr(os, "sched_getaffinity")
    if not is_linux or WORKERS > 1 or AWS_LAMBDA_FUNCTION_NAME_KEY in os.environ:
        return None
    found, current = _affinity(), _current_cpu()
    return _Cpus(found, frozenset({current})) if len(found) > 1 and current in found else None


def _current_cpu() -> int | None:
    try:
        state = _STATE.read_text(encoding="ascii", errors="replace")
        return int(state.rpartition(")")[2].split()[_CPU_AFTER_NAME])
    # Sandboxes have parts of /proc only.
    except (OSError, IndexError, ValueError):
        return None
