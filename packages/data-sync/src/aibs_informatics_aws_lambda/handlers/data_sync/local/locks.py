"""Locks that allow one sync of a destination at a time."""

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..progress import activity
from ..settings import LOCK_ROOT_KEY

# Distinguishes lock files from users' files.
_MARKER = b"lock of data-sync\n"
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW

_TIMEOUT_SECONDS = 6 * 60 * 60
_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 5.0


@contextmanager
def held_lock(destination: Path) -> Iterator[None]:
    """Hold the lock on a destination; wait up to six hours while another process holds it.

    The lock file is next to the destination, or in the folder that ``DATA_SYNC_LOCK_ROOT`` names.
    It exists only while a process holds or waits for the lock. An existing file of that name that
    is not a lock file is locked too, but not deleted.

    Raises:
        TimeoutError: the lock was not released in time.
        OSError: the lock file cannot be created or locked.
    """
    path = _lock_path(destination)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, is_ours = _acquire(path)
    try:
        yield
    finally:
        # Unlinked while still locked: a waiting process sees that the file has left the path.
        if is_ours:
            path.unlink(missing_ok=True)
        os.close(descriptor)


def _lock_path(destination: Path) -> Path:
    root = os.environ.get(LOCK_ROOT_KEY)
    if root:
        digest = hashlib.sha256(str(destination).encode(errors="surrogateescape")).hexdigest()
        return Path(root) / f"{digest}.lock"
    return destination.with_name(f"{destination.name}.lock")


def _acquire(path: Path) -> tuple[int, bool]:
    """Return the file descriptor of the locked file, and whether it is a lock file."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    wait, phase = _FIRST_WAIT_SECONDS, activity.phase
    while True:
        descriptor, is_new = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path):
                activity.phase = phase
                return descriptor, is_new or os.pread(descriptor, 64, 0) == _MARKER
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):  # NFS may return either
                os.close(descriptor)
                raise
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise TimeoutError(
                    f"cannot lock {path}: another process has held the lock for "
                    f"{_TIMEOUT_SECONDS // 3600} hours. Wait for its sync to finish, or stop it."
                ) from None
        os.close(descriptor)
        activity.phase = "waiting for the lock"
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT_SECONDS)


def _open(path: Path) -> tuple[int, bool]:
    """Open or create a lock file. Return its file descriptor, and whether it was created."""
    while True:
        try:
            descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            try:
                return os.open(path, _FLAGS), False
            except FileNotFoundError:
                continue
        os.write(descriptor, _MARKER)
        return descriptor, True


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether an open file is still at its path: the last holder may have unlinked it."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)
