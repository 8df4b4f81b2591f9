"""Write permission for folders of the same owner, while they are deleted or renamed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from .descent import descend, list_folders
from .folders import open_folder

T = TypeVar("T")


def with_write_permission(tree: str, action: Callable[[], T]) -> T:
    """Call a function that deletes a tree, whose folders may be ones that nobody can write to."""
    try:
        return action()
    except PermissionError:
        above, _, name = tree.rstrip("/").rpartition("/")
        descend(open_folder(above), name, _make_writable)
        return action()


def _make_writable(fd: int, _: str) -> list[str]:
    mode = stat.S_IMODE(os.fstat(fd).st_mode)
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        os.fchmod(fd, mode | stat.S_IRWXU)
    return list_folders(fd)


@contextmanager
def renamable(path: str) -> Iterator[None]:
    """Let a folder be renamed into another one, which changes the entry for its parent."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        mode = stat.S_IMODE(os.fstat(fd).st_mode)
        if mode & stat.S_IWUSR:
            yield
            return
        # Of another user's folder, the mode stays; the rename shows whether that matters.
        with suppress(PermissionError):
            os.fchmod(fd, mode | stat.S_IWUSR)
        try:
            yield
        finally:
            with suppress(PermissionError):
                os.fchmod(fd, mode)
    finally:
        os.close(fd)
