"""Write a reproducible zip of a folder."""

from __future__ import annotations

import hashlib
import shutil
import stat
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hatchling.builders.utils import get_reproducible_timestamp

from .errors import LambdaBuildError

if TYPE_CHECKING:
    from pathlib import Path

_UNIX = 3
_LEVEL = 9
# Zip stores the year in seven bits, from 1980.
_FIRST_TIME = datetime(1980, 1, 1, tzinfo=UTC)
_LAST_TIME = datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """A file in an archive.

    Attributes:
        path: Path in the archive.
        size: Uncompressed size in bytes.
        compressed: Compressed size in bytes.
        sha256: SHA-256 of the content.
    """

    path: str
    size: int
    compressed: int
    sha256: str

    @property
    def is_bytecode(self) -> bool:
        """Whether the file is a compiled module."""
        return self.path.endswith(".pyc")


def write_archive(tree: Path, destination: Path) -> list[Entry]:
    """Write a zip of all files of a folder.

    Args:
        tree: The folder.
        destination: Path of the zip.

    Returns:
        The files of the zip, in order.
    """
    time = archive_time()
    files = {path.relative_to(tree).as_posix(): path for path in tree.rglob("*") if path.is_file()}
    entries = []
    with zipfile.ZipFile(destination, "w") as archive:
        for path, file in sorted(files.items()):
            content = file.read_bytes()
            info = _describe(path, executable=_is_executable(file), time=time)
            archive.writestr(info, content, compresslevel=_LEVEL)
            digest = hashlib.sha256(content).hexdigest()
            entries.append(Entry(path, len(content), info.compress_size, digest))
    return entries


def publish(file: Path, destination: Path) -> None:
    """Copy a file atomically, replacing the destination.

    Args:
        file: The file.
        destination: Path of the copy.
    """
    partial = destination.with_name(f".{destination.name}.partial")
    try:
        shutil.copyfile(file, partial)
        partial.replace(destination)
    finally:
        partial.unlink(missing_ok=True)


def archive_time() -> datetime:
    """Return the modification time of all files of an archive.

    Returns:
        `SOURCE_DATE_EPOCH`, else the constant of hatchling; limited to the range of zip.

    Raises:
        LambdaBuildError: `SOURCE_DATE_EPOCH` is not a number of seconds.
    """
    try:
        time = datetime.fromtimestamp(get_reproducible_timestamp(), UTC)
    except (ValueError, OverflowError, OSError) as error:
        message = f"`SOURCE_DATE_EPOCH` is not a number of seconds since 1970: {error}"
        raise LambdaBuildError(message) from error
    return min(max(time, _FIRST_TIME), _LAST_TIME)


def _is_executable(file: Path) -> bool:
    return bool(file.stat().st_mode & stat.S_IXUSR)


def _describe(path: str, *, executable: bool, time: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(
        path, (time.year, time.month, time.day, time.hour, time.minute, time.second)
    )
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = _UNIX
    info.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    return info
