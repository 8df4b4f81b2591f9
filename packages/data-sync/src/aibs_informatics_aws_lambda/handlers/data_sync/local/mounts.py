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
        yield _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4])


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


def _read_mounts() -> Iterator[list[str]]:
    # https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
    try:
        lines = os.fsdecode(_MOUNTS.read_bytes()).splitlines()
    except OSError:
        return
    for line in lines:
        yield line.split(" ")
