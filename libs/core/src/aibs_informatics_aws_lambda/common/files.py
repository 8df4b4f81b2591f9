"""Atomic writing of local files, and errors that name the file."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def filename_in_errors(path: Path | str) -> Iterator[None]:
    """Set ``filename`` of each error of the operating system in the block that has none.

    The operating system sets it for a file that cannot be opened, not for one that cannot be
    written to. An error without a number has a message of its own, which a file name would hide.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            error.filename = error.filename or str(path)
        raise


def check_bounded(path: Path) -> None:
    """Check that reading a file ends: a device, a pipe or a socket may block, or have no end.

    The pipes that a shell passes as ``/dev/stdin`` or ``/dev/fd/N`` are allowed.

    Raises:
        OSError: there is no such file.
        ValueError: it is a device, a pipe or a socket.
    """
    mode = path.stat().st_mode
    is_passed = str(path).startswith(("/dev/fd/", "/dev/stdin", "/proc/self/fd/"))
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (is_passed and stat.S_ISFIFO(mode))):
        raise ValueError("a device, a pipe or a socket, not a regular file")


def unwritable_reason(path: Path) -> str | None:
    """Return why a file cannot be written to ``path``, as far as that is known in advance.

    A missing directory is not a reason if it can be created.
    """
    if path.is_dir():
        return "it is a directory, not a file"
    if not is_replaceable(path):
        return None if os.access(path, os.W_OK) else "it is not writable"
    target = Path(os.path.realpath(path))
    directory = next(ancestor for ancestor in target.parents if ancestor.exists())
    if not directory.is_dir():
        return f"{directory} is not a directory"
    is_writable = os.access(directory, os.W_OK | os.X_OK)
    return None if is_writable else f"the directory {directory} is not writable"


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to a hidden file in the same directory, and rename it to ``path``.

    The content is flushed to disk before the rename: after a crash, the file is either the old or
    the new one. An existing file keeps its permissions; the target of a symbolic link is replaced.
    Other kinds of files (``/dev/stdout``, a pipe) are written to directly.

    Raises:
        OSError: the directory is missing or not writable, or the disk is full; ``path`` is
            unchanged.
    """
    if not is_replaceable(path):
        with filename_in_errors(path):
            path.write_text(text, encoding="utf-8")
        return
    target = Path(os.path.realpath(path))
    mode = _mode_of(target)
    # Not derived from the name of the target, which may have the maximum length.
    temporary = target.with_name(f".{os.getpid()}-{os.urandom(6).hex()}.tmp")
    try:
        # Never readable for users who cannot read the old file.
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


def is_replaceable(path: Path) -> bool:
    """Return whether ``path`` can be replaced: a device, a pipe or a socket cannot."""
    return path.is_file() or not path.exists()


def _mode_of(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
