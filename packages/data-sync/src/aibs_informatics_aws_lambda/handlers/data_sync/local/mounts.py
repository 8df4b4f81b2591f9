"""File systems that are mounted at a folder or below it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_MOUNTS: Final = Path("/proc/self/mountinfo")
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def find_mount(folder: str) -> str | None:
    """Return a mount point at a folder or below it, or `None` if there is none.

    Args:
        folder: its absolute path, without symlinks and without a slash at its end.
    """
    inside = f"{folder}/"
    mount = next((each for each in list_mounts() if f"{each}/".startswith(inside)), None)
    return folder if mount is None and os.path.ismount(folder) else mount


def list_mounts() -> Iterator[str]:
    """Yield the mount points, as the operating system reports them."""
    for fields in _read_mounts():
        yield _unescape(fields[4])


class DevicePath(NamedTuple):
    """Where a path is in a file system, wherever that is mounted.

    Args:
        device: the device number of the file system.
        path: the path from its root.
    """

    device: str
    path: str


def find_device_path(path: str) -> DevicePath | None:
    """Return where a path is in its file system, or `None` if the operating system does not say.

    A file system, or a folder of one, may be mounted at several paths (``mount --bind``, volumes
    of containers): these paths have one device path.

    Args:
        path: the absolute path, without symlinks; it may end in a slash.
    """
    found, longest = None, -1
    for fields in _read_mounts():
        mount = _unescape(fields[4]).rstrip("/")
        # Of several at one path, the last one is what is seen there.
        if f"{path}/".startswith(f"{mount}/") and len(mount) >= longest:
            root = _unescape(fields[3]).rstrip("/")
            found = DevicePath(fields[2], f"{root}{path[len(mount) :]}")
            longest = len(mount)
    return found


class FileSystem(NamedTuple):
    """A file system that is mounted.

    Args:
        kind: its type, such as ``ext4`` or ``nfs4``.
        source: its device, or its server with the exported path.
    """

    kind: str
    source: str


def file_systems() -> dict[int, FileSystem]:
    """Return the file systems that are mounted, by the device numbers of their files."""
    found = {}
    for fields in _read_mounts():
        major, _, minor = fields[2].partition(":")
        kind, source = fields[fields.index("-", 6) + 1 :][:2]
        found[os.makedev(int(major), int(minor))] = FileSystem(kind, source)
    return found


def _unescape(path: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), path)


def _read_mounts() -> Iterator[list[str]]:
    # https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
    try:
        lines = os.fsdecode(_MOUNTS.read_bytes()).splitlines()
    except OSError:
        return
    for line in lines:
        yield line.split(" ")
