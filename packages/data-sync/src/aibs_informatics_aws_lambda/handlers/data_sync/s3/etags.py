"""ETags of S3 objects, computed from local files.

An ETag is the MD5 digest of the content or, after a multipart upload, the MD5 digest of the MD5
digests of the parts, followed by the number of parts. With SSE-KMS or SSE-C it is neither.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
"""

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Protocol, TypeAlias

from aibs_informatics_aws_lambda.common.files import filename_in_errors

from ..evidence import StoredObject, is_digest
from ..progress import CheckDeadline
from .client import S3
from .parts import (
    common_part_sizes,
    known_part_sizes,
    part_bytes_for,
    parts_of,
    split_parts,
)
from .requests import ObjectVersion, Request

_BLOCK_BYTES = 2**20

FindSizes: TypeAlias = Callable[[], Iterable[list[int]]]
"""Finds the sizes that the parts of an object may have, the most likely ones first."""


class Checksums(Protocol):
    """Remembers checksums of files that have not changed."""

    def find(self, path: str) -> Mapping[str, str]:
        """Return the checksums of a file as it is now, by their kinds; see `etag_kind`."""

    def begin(self, path: str) -> Any:
        """Note the state of a file that is about to be read."""

    def end(self, begun: Any, path: str, kind: str, value: str) -> None:
        """Store a checksum of a file that was read, unless it has changed since it was begun."""


def file_is_stored(
    path: str, size: int, stored: StoredObject, check: CheckDeadline, part_bytes: int
) -> bool | None:
    """Return whether a file has the content of an object that was uploaded from it.

    Args:
        path: the file.
        size: its size in bytes.
        stored: what the service says of the object.
        check: called for each block; an exception that it raises ends the comparison.
        part_bytes: the size of the parts that were sent.

    Returns:
        `None` if neither the checksum nor the ETag tells.

    Raises:
        OSError: the file cannot be read.
    """
    if stored.size not in (None, size):
        return False
    if stored.crc64nvme:
        return _crc64nvme(path, check) == stored.crc64nvme
    if stored.is_encrypted or not is_digest(stored.etag):
        return None
    sent = split_parts(size, part_bytes)
    return file_has_etag(path, size, stored.etag, lambda: [sent], check)


def file_has_etag(
    path: str,
    size: int,
    etag: str,
    find_sizes: FindSizes,
    check: CheckDeadline,
    checksums: Checksums | None = None,
) -> bool | None:
    """Return whether a file has the same content as an object.

    Args:
        path: the file.
        size: the size in bytes of both the file and the object.
        etag: the ETag of the object.
        find_sizes: finds the sizes of the object's parts; called only if the ETag does not match
            with the default part size.
        check: called for each block; an exception that it raises ends the comparison.
        checksums: remembers ETags of files; by default the file is read.

    Returns:
        `None` if the object may have been uploaded in parts of unknown sizes.

    Raises:
        OSError: the file cannot be read.
    """
    file = _File(path, check, checksums)
    if file.had_etag(etag):
        return True
    number = parts_of(etag)
    if number is None:
        return file.etag(None) == etag
    usual = split_parts(size, part_bytes_for(size))
    if len(usual) == number and file.etag(usual) == etag:
        return True
    is_known = True
    for sizes in find_sizes():
        is_known = bool(sizes)
        if sizes and sizes != usual and file.etag(sizes) == etag:
            return True
    return False if is_known or len(usual) == number else None


def etag_kind(sizes: Sequence[int] | None) -> str:
    """Return the kind of an ETag, for `Checksums`.

    Args:
        sizes: the sizes of the parts; `None` for an object that is not of parts.
    """
    if sizes is None:
        return "md5"
    regular = split_parts(sum(sizes), sizes[0])
    if list(sizes) == regular:
        return f"md5:{sizes[0]}"
    digest = hashlib.sha256(repr(list(sizes)).encode()).hexdigest()
    return f"md5:{digest[:24]}"


def starts_with_object(path: str, size: int, etag: str, check: CheckDeadline) -> bool:
    """Return whether a file starts with an object that was uploaded in parts of the usual size.

    Args:
        path: the file.
        size: the size in bytes of the object.
        etag: the ETag of the object.
        check: called for each block; an exception that it raises ends the comparison.

    Raises:
        OSError: the file cannot be read.
    """
    with filename_in_errors(path), open(path, "rb") as file:  # noqa: PTH123
        if parts_of(etag) is None:
            return _digest(file, size, check).hex() == etag
        return _etag_of_parts(file, split_parts(size, part_bytes_for(size)), check) == etag


def find_part_sizes(s3: S3, version: ObjectVersion, size: int) -> Iterator[list[int]]:
    """Yield the sizes that the parts of an object may have.

    These are the sizes that S3 reports or, if it reports none, those of common tools, and an empty
    list at the end: there may be others.
    """
    is_told = False
    for sizes in known_part_sizes(s3, version, size):
        is_told = True
        yield sizes
    if not is_told:
        yield from common_part_sizes(size, parts_of(version.etag) or 0)
        yield []


def object_digest(s3: S3, version: Request, check: CheckDeadline) -> bytes:
    """Download an object and return the SHA-256 digest of its content.

    Args:
        s3: the S3 client.
        version: the request that downloads the object.
        check: called for each block; an exception that it raises ends the download.

    Raises:
        AWSError: the object cannot be downloaded.
    """
    digest = hashlib.sha256()

    def take(block: bytes) -> None:
        check()
        digest.update(block)

    s3.send(version, take).result()
    return digest.digest()


def _crc64nvme(path: str, check: CheckDeadline) -> str:
    from awscrt.checksums import crc64nvme

    crc = 0
    with filename_in_errors(path), open(path, "rb") as file:  # noqa: PTH123
        while block := file.read(_BLOCK_BYTES):
            check()
            crc = crc64nvme(block, crc)
    return base64.b64encode(crc.to_bytes(8, "big")).decode()


def usual_kind(etag: str, size: int) -> str | None:
    """Return the kind of the ETag of an object, if its parts seem to have the default size.

    Args:
        etag: the ETag.
        size: the size of the object in bytes.
    """
    if not is_digest(etag):
        return None
    number, usual = parts_of(etag), split_parts(size, part_bytes_for(size))
    if number is None:
        return etag_kind(None)
    return etag_kind(usual) if len(usual) == number else None


class _File:
    """A file whose ETags are remembered, or computed."""

    def __init__(self, path: str, check: CheckDeadline, checksums: Checksums | None) -> None:
        self._path = path
        self._check = check
        self._checksums = checksums
        self._known = checksums.find(path) if checksums else {}

    def had_etag(self, etag: str) -> bool:
        """Return whether the file is known to have an ETag, with parts of any size."""
        return etag in self._known.values()

    def etag(self, sizes: Sequence[int] | None) -> str:
        """Return the ETag for parts of some sizes, or for an object that is not of parts."""
        if self._checksums is None:
            return self._compute(sizes)
        kind = etag_kind(sizes)
        if kind not in self._known:
            begun = self._checksums.begin(self._path)
            etag = self._compute(sizes)
            self._checksums.end(begun, self._path, kind, etag)
            return etag
        return self._known[kind]

    def _compute(self, sizes: Sequence[int] | None) -> str:
        with filename_in_errors(self._path), open(self._path, "rb") as file:  # noqa: PTH123
            if sizes is None:
                return _digest(file, os.fstat(file.fileno()).st_size, self._check).hex()
            return _etag_of_parts(file, sizes, self._check)


def _etag_of_parts(file: IO[bytes], sizes: Sequence[int], check: CheckDeadline) -> str:
    digests = b"".join(_digest(file, size, check) for size in sizes)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(sizes)}"


def _digest(file: IO[bytes], length: int, check: CheckDeadline) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    while length > 0 and (block := file.read(min(length, _BLOCK_BYTES))):
        check()
        digest.update(block)
        length -= len(block)
    return digest.digest()
