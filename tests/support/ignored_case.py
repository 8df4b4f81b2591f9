"""A file system that ignores case, as far as the publication of files goes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


class IgnoredCase:
    """Replaces functions of `os` by ones that find a name in other case.

    Attributes:
        looked_up: the names that were looked up.
    """

    def __init__(self) -> None:
        self.looked_up: list[str] = []
        self._stat, self._replace = os.stat, os.replace

    def stat(self, path: Any, *, dir_fd: int | None = None, **options: Any) -> os.stat_result:
        """Look up a name in a folder that is held open, or any other path as ever."""
        if dir_fd is None:
            return self._stat(path, **options)
        self.looked_up.append(path)
        return self._stat(_find(path, dir_fd), dir_fd=dir_fd, **options)

    def replace(self, source: Any, target: Any, **folders: int) -> None:
        """Rename a file; one whose name differs in case only is replaced, and its name stays."""
        if "dst_dir_fd" in folders:
            target = _find(target, folders["dst_dir_fd"])
        self._replace(source, target, **folders)


def _find(name: str, folder: int) -> str:
    there = [path.name for path in Path(f"/proc/self/fd/{folder}").iterdir()]
    return next((other for other in there if other.casefold() == name.casefold()), name)
