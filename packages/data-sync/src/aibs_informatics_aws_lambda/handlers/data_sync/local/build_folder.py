"""The hidden folder in which a new tree is built, and its lock.

It is next to the destination and has the name of a temporary file. Its file ``lock`` names the
destination, and the run that builds in the folder holds a lock on it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from typing import Final

from .delete import delete_if_empty
from .folders import make_directories, open_folder
from .staging import is_in_use, is_temporary, temporary_path

LOCK: Final = "lock"
_FORMAT: Final = "data-sync new tree"
_OPEN: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_ATTEMPTS: Final = 100


class SwitchError(OSError):
    """A switch is not possible, or not any more; the message says why. Nothing is lost."""


def make(destination: str) -> tuple[str, int]:
    """Make the build folder of a destination; return its path and the descriptor of its lock.

    Raises:
        SwitchError: other syncs delete each folder that is made.
        OSError: the folder cannot be made.
    """
    above = destination.rpartition("/")[0] or "/"
    make_directories(above)
    for _ in range(_ATTEMPTS):
        folder = temporary_path(destination)
        os.mkdir(folder, 0o700)  # noqa: PTH102
        lock = _make_lock(folder, destination)
        if lock is not None:
            return folder, lock
    raise SwitchError(f"cannot lock a new folder in {above}: other syncs delete it")


def _make_lock(folder: str, destination: str) -> int | None:
    """Return the descriptor of the locked file of a new build folder.

    `None` if another sync has taken it for one whose run was killed at this point.
    """
    try:
        lock = os.open(f"{folder}/{LOCK}", _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
    except FileNotFoundError:
        return None
    is_held = False
    try:
        is_held = _take(lock) is not False and os.fstat(lock).st_nlink > 0
        if is_held:
            os.write(lock, _lock_text(destination))
    finally:
        if not is_held:
            os.close(lock)
    return lock if is_held else None


def find_left(destination: str) -> Iterator[tuple[str, int]]:
    """Yield the build folders of a destination whose runs have ended.

    Each is yielded with the descriptor of its locked file, which the caller closes.

    Raises:
        SwitchError: another run is building a new tree.
        OSError: a folder cannot be read.
    """
    above, _, name = destination.rpartition("/")
    start = f".{name[:48]}."
    try:
        with os.scandir(above or "/") as children:
            found = sorted(child.path for child in children if _may_be_build(child, start))
    except FileNotFoundError:
        return
    for folder in found:
        lock = _open_lock(folder, destination)
        if lock is not None:
            yield folder, lock


def _may_be_build(child: os.DirEntry[str], start: str) -> bool:
    is_named = child.name.startswith(start) and is_temporary(child.name)
    return is_named and child.is_dir(follow_symlinks=False)


def _open_lock(folder: str, destination: str) -> int | None:
    """Return the descriptor of the locked file of a build folder, or `None` if it is none."""
    try:
        lock = os.open(f"{folder}/{LOCK}", _OPEN)
    except FileNotFoundError:
        _delete_empty(folder)
        return None
    except PermissionError:
        return None
    is_held: bool | None = False
    try:
        text = os.pread(lock, 2**16, 0)
        if text not in (b"", _lock_text(destination)):
            return None
        is_held = _take(lock)
        if is_held is None:
            # Without locks, only the age tells.
            is_held = not is_in_use(folder, os.fstat(lock).st_mtime)
        if not is_held and text:
            raise SwitchError(
                f"another sync with --switch is building a new tree of {destination} in {folder}: "
                "wait for its end"
            )
        if is_held and not text:
            # Its run was killed before it had written anything.
            os.unlink(f"{folder}/{LOCK}")  # noqa: PTH108
            _delete_empty(folder)
        # Its run may have deleted it meanwhile.
        is_held = is_held and os.fstat(lock).st_nlink > 0
        return lock if is_held else None
    finally:
        if not is_held:
            os.close(lock)


def _delete_empty(folder: str) -> None:
    above, _, name = folder.rpartition("/")
    parent = open_folder(above or "/")
    delete_if_empty(name, parent.fd)


def _lock_text(destination: str) -> bytes:
    # By name: the folder above may be mounted at another path by another machine.
    return f"{json.dumps([_FORMAT, destination.rpartition('/')[2]])}\n".encode()


def _take(lock: int) -> bool | None:
    """Lock an open file. Return false if another process has, and `None` if there are no locks."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):  # NFS may return either
            return False
        if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            return None
        raise
    return True
