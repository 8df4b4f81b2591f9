"""The files of an S3 Inventory report: read from S3 or a local folder, and verified."""

from __future__ import annotations

import hashlib
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..locations import Location, s3_uri
from ..s3.client import S3
from ..s3.requests import Request, Response
from .manifest import MAX_MANIFEST_BYTES, DataFile, InventoryError, Manifest, read_manifest

_CHECKSUM = "manifest.checksum"
_MAX_CHECKSUM_BYTES = 1024
# Rows are read more slowly than files are downloaded.
_AHEAD = 3


def find_manifest(location: Location, s3: Callable[[], S3]) -> Manifest:
    """Return the manifest at a location, verified by the ``manifest.checksum`` beside it.

    Raises:
        InventoryError: one of both is missing or damaged.
        OSError: a local file cannot be read.
        AWSError: S3 refuses or cannot be reached.
    """
    name = str(location)
    read = _read_from_s3(location, s3()) if isinstance(location, S3Path) else _read_from(location)
    return read_manifest(
        name,
        read(name.rpartition("/")[2], MAX_MANIFEST_BYTES),
        read(_CHECKSUM, _MAX_CHECKSUM_BYTES),
    )


def _read_from_s3(location: S3Path, s3: S3) -> Callable[[str, int], bytes]:
    folder = location.key.rpartition("/")[0]

    def read(name: str, limit: int) -> bytes:
        key = f"{folder}/{name}" if folder else name
        request = Request("GetObject", "s3:GetObject", location.bucket, key)
        content = bytearray()

        def take(chunk: bytes) -> None:
            if len(content) + len(chunk) > limit:
                raise InventoryError(_too_long(request.subject, limit))
            content.extend(chunk)

        try:
            s3.send(request, take).result()
        except ResourceNotFoundError as error:
            raise InventoryError(_missing(request.subject, str(error))) from None
        return bytes(content)

    return read


def _read_from(location: Path) -> Callable[[str, int], bytes]:
    def read(name: str, limit: int) -> bytes:
        path = location.with_name(name)
        try:
            with path.open("rb") as file:
                content = file.read(limit + 1)
        except FileNotFoundError:
            raise InventoryError(_missing(str(path), "there is no such file")) from None
        if len(content) > limit:
            raise InventoryError(_too_long(str(path), limit))
        return content

    return read


class OpenFile(NamedTuple):
    """A file of a report that was verified.

    Args:
        name: its location, for messages.
        content: its content.
    """

    name: str
    content: IO[bytes]


def open_files(manifest: Manifest, location: Location, s3: Callable[[], S3]) -> Iterator[OpenFile]:
    """Yield the files of a report, each of which is closed when the next one is requested.

    Those in S3 are downloaded to temporary files, some ahead of the one that is read.

    Raises:
        InventoryError: a file is missing, or is not the one that the manifest names.
        OSError: a local file cannot be read, or a temporary file cannot be written.
        AWSError: S3 refuses or cannot be reached.
    """
    if isinstance(location, S3Path):
        yield from _open_in_s3(manifest, s3())
        return
    for data in manifest.files:
        with _find_local(data, location).open("rb") as file:
            _check(file, data, str(file.name))
            yield OpenFile(str(file.name), file)


def _find_local(data: DataFile, manifest: Path) -> Path:
    """Return the path of a file of a report that was copied to a disk.

    S3 writes files to ``data``, beside the folder of the manifest.
    """
    folder, name = manifest.absolute().parent, data.key.rpartition("/")[2]
    if name not in ("", ".", ".."):
        for path in (folder.parent / "data" / name, folder / "data" / name, folder / name):
            if path.is_file():
                return path
    tried = f"{folder.parent / 'data'}, {folder / 'data'} and {folder}"
    raise InventoryError(_missing(data.key, f"there is no {name} in {tried}"))


def _open_in_s3(manifest: Manifest, s3: S3) -> Iterator[OpenFile]:
    with tempfile.TemporaryDirectory(prefix="data-sync-") as folder, ExitStack() as stack:
        downloads = (
            _Download(s3, manifest.bucket, data, f"{folder}/{number}")
            for number, data in enumerate(manifest.files)
        )
        ahead = deque(islice(downloads, _AHEAD))
        stack.callback(_cancel, ahead, s3)
        while ahead:
            with ahead[0].open() as file:
                yield file
            ahead.popleft().delete()
            ahead.extend(islice(downloads, 1))


def _cancel(downloads: Iterable[_Download], s3: S3) -> None:
    # The library must not write to files of a folder that is deleted.
    if any(not download.response.done() for download in downloads):
        s3.cancel()


class _Download:
    """The download of a file of a report to a temporary file."""

    def __init__(self, s3: S3, bucket: str, data: DataFile, path: str) -> None:
        self._data = data
        self._uri = s3_uri(bucket, data.key)
        self._path = Path(path)
        request = Request("GetObject", "s3:GetObject", bucket, data.key, size=data.size)
        self.response: Future[Response] = s3.send(request._replace(receive_file=path))

    @contextmanager
    def open(self) -> Iterator[OpenFile]:
        try:
            self.response.result()
        except ResourceNotFoundError as error:
            raise InventoryError(_missing(self._uri, str(error))) from None
        with self._path.open("rb") as file:
            _check(file, self._data, self._uri)
            yield OpenFile(self._uri, file)

    def delete(self) -> None:
        self._path.unlink()


def _check(file: IO[bytes], data: DataFile, name: str) -> None:
    """Raise `InventoryError` if a file is not the one that the manifest names."""
    digest = hashlib.file_digest(_as_bytes(file), _md5).hexdigest()
    size = file.tell()
    if (size, digest) != (data.size, data.md5):
        raise InventoryError(
            f"cannot use {name}: it has {size:,} bytes and the MD5 {digest}, and the manifest "
            f"says {data.size:,} and {data.md5}. Copy the file again, or take another report"
        )
    file.seek(0)


def _as_bytes(file: Any) -> Any:
    return file


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _missing(name: str, reason: str) -> str:
    return (
        f"cannot use the inventory: {name} is missing ({reason}). Name the manifest.json of a "
        "complete report"
    )


def _too_long(name: str, limit: int) -> str:
    return f"{name} is not of an S3 Inventory report: it has more than {limit:,} bytes"
