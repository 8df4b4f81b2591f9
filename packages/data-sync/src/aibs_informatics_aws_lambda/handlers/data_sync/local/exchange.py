"""Renames of whole folders: two of them exchanged in one step, or one to a path that is free."""

from __future__ import annotations

import errno
import os
import platform
import sys
from typing import Final

from .folders import Folder

# https://man7.org/linux/man-pages/man2/rename.2.html
_NO_REPLACE: Final = 1
_EXCHANGE: Final = 2
_SYSCALL_NUMBERS: Final = {"x86_64": 316, "aarch64": 276}

# The kernel has no such call, or the file system, such as NFS and so EFS, no such flag.
_UNSUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def exchange(name: str, one: Folder, other: Folder) -> bool:
    """Exchange what has a name in two folders of one file system, in a single step.

    Returns:
        False if kernel or file system cannot: nothing was changed.

    Raises:
        OSError: there is nothing of that name in one of them, or it cannot be renamed.
    """
    return _rename(name, one, other, _EXCHANGE)


def move(name: str, source: Folder, target: Folder) -> None:
    """Rename what has a name in one folder to the same name in another one, which is free.

    Raises:
        FileExistsError: the name is taken.
        OSError: it cannot be renamed.
    """
    if _rename(name, source, target, _NO_REPLACE):
        return
    # Two steps: in between, another process could take the name. A folder that is not empty, or a
    # file, is not replaced then either.
    if exists(name, target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target.path + name)
    os.rename(name, name, src_dir_fd=source.fd, dst_dir_fd=target.fd)


def exists(name: str, folder: Folder) -> bool:
    """Return whether a name in a folder is taken.

    Raises:
        OSError: the folder cannot be read.
    """
    try:
        os.lstat(name, dir_fd=folder.fd)
    except FileNotFoundError:
        return False
    return True


def _rename(name: str, one: Folder, other: Folder, flags: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    # Takes some milliseconds to import, which only this needs.
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    text = os.fsencode(name)
    # Hooks that look at renames of Python see this one too.
    sys.audit("os.rename", one.path + name, other.path + name, one.fd, other.fd)
    if hasattr(libc, "renameat2"):
        status = libc.renameat2(one.fd, text, other.fd, text, flags)
    elif (number := _SYSCALL_NUMBERS.get(platform.machine())) is not None:
        status = libc.syscall(number, one.fd, text, other.fd, text, flags)
    else:
        return False
    if not status:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), one.path + name, None, other.path + name)
