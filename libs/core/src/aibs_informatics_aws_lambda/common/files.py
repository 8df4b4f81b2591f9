"""Writing local files so that a reader sees the old content or the new, never a part."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def filename_in_errors(path: Path | str) -> Iterator[None]:
    """Have errors name the file at ``path`` where they name none.

    The operating system names a file that cannot be opened, and none that cannot be written to.
    """
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def unwritable_reason(path: Path) -> str | None:
    """Return what keeps a file from being written at ``path``, as far as can be known beforehand.

    Folders that are missing are no obstacle where they can be made.
    """
    if path.is_dir():
        return "it is a folder, name a file"
    if not _is_replaceable(path):
        return None if os.access(path, os.W_OK) else "it is not writable"
    target = Path(os.path.realpath(path))
    folder = next(ancestor for ancestor in target.parents if ancestor.exists())
    if not folder.is_dir():
        return f"{folder} is not a folder"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} is not writable"


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to a hidden file beside ``path`` and rename it there.

    The content is flushed to the disk before the rename, so that a crash leaves the old file or
    the new one. An existing file keeps its permissions; a link is followed, its target replaced.
    What is no file (``/dev/stdout``, a pipe) is written to as it is.

    Raises:
        OSError: the folder is missing or not writable, or the disk is full; ``path`` is as before.
    """
    if not _is_replaceable(path):
        with filename_in_errors(path):
            path.write_text(text, encoding="utf-8")
        return
    target = Path(os.path.realpath(path))
    mode = _mode_of(target)
    # Not made of the target's name, which may be as long as a name can be.
    temporary = target.with_name(f".{os.getpid()}-{os.urandom(6).hex()}.tmp")
    try:
        # Nobody may read it who may not read the old file, not even for a moment.
        temporary.touch(0o666 if mode is None else mode | stat.S_IWUSR, exist_ok=False)
        with filename_in_errors(target), temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _is_replaceable(path: Path) -> bool:
    """Tell whether a file can be renamed onto ``path``: not onto a device, a pipe or a socket."""
    return path.is_file() or not path.exists()


def _mode_of(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
