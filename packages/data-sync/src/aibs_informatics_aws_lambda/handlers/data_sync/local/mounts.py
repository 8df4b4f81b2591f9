"""File systems that are mounted at a folder or below it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

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
    try:
        lines = os.fsdecode(_MOUNTS.read_bytes()).splitlines()
    except OSError:
        return
    for line in lines:
        yield _OCTAL.sub(lambda found: chr(int(found[1], 8)), line.split(" ")[4])
