"""Writing local files so that a reader sees the old content or the new, never a part."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["is_replaceable", "write_atomically"]


def is_replaceable(path: Path) -> bool:
    """Tell whether a file can be renamed onto ``path``: not onto a device, a pipe or a socket."""
    return path.is_file() or not path.exists()


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to a hidden file beside ``path`` and rename it there.

    The content is flushed to the disk before the rename, so that a crash leaves the old file or
    the new one. An existing file keeps its permissions; a link is followed, its target replaced.
    What is no file (``/dev/stdout``, a pipe) is written to as it is.

    Raises:
        OSError: the folder is missing or not writable, or the disk is full; ``path`` is as before.
    """
    if not is_replaceable(path):
        path.write_text(text, encoding="utf-8")
        return
    target = Path(os.path.realpath(path))
    mode = _mode_of(target)
    temporary = target.with_name(f".{target.name[:200]}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _mode_of(path: Path) -> int | None:
    try:
        return path.stat().st_mode & 0o7777
    except FileNotFoundError:
        return None
