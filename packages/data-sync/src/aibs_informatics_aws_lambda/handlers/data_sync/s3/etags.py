"""ETags of S3 objects, computed from local files.

An ETag is the MD5 digest of the content or, after a multipart upload, the MD5 digest of the MD5
digests of the parts, followed by the number of parts. With SSE-KMS or SSE-C it is neither.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
"""

import base64
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from typing import IO

from aibs_informatics_aws_lambda.common.files import filename_in_errors

from ..evidence import StoredObject
from ..progress import CheckDeadline
from .client import PART_BYTES, S3
from .requests import ObjectVersion, Request, head_first_part

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000

_BLOCK_BYTES = 2**20

_DIGEST = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")


def part_bytes_for(size: int) -> int:
    """Return the part size for the multipart upload of an object of the given size."""
    part_bytes = PART_BYTES
    while part_bytes * MAX_PARTS < size:
        part_bytes *= 2
    return part_bytes


def parts_of(etag: str) -> int | None:
    """Return the number of parts of a multipart upload, or `None` for a single PutObject."""
    _, dash, number = etag.partition("-")
    return int(number) if dash and number.isdecimal() else None


def is_digest(etag: str) -> bool:
    """Tell whether an ETag has the form of a digest of the content.

    Some services also have others, which say nothing of the content.
    """
    return bool(_DIGEST.fullmatch(etag))


def file_is_stored(
    path: str, size: int, stored: StoredObject, check: CheckDeadline
) -> bool | None:
    """Return whether a file has the content of an object that was uploaded from it.

    Args:
        path: the file.
        size: its size in bytes.
        stored: what the service says of the object.
        check: called for each block; an exception that it raises ends the comparison.

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
    return file_has_etag(path, size, stored.etag, lambda: part_bytes_for(size), check)


def file_has_etag(
    path: str, size: int, etag: str, find_part_bytes: Callable[[], int], check: CheckDeadline
) -> bool:
    """Return whether a file has the same content as an object.

    Args:
        path: the file.
        size: the size in bytes of both the file and the object.
        etag: the ETag of the object.
        find_part_bytes: requests the size of the object's first part; called only if the ETag
            does not match with the default part size.
        check: called for each block; an exception that it raises ends the comparison.

    Raises:
        OSError: the file cannot be read.
    """
    number = parts_of(etag)
    if number is None:
        return _md5(path, check) == etag
    usual = part_bytes_for(size)
    if _number_of_parts(size, usual) == number and _md5_of_parts(path, usual, check) == etag:
        return True
    actual = find_part_bytes()
    if actual == usual or _number_of_parts(size, actual) != number:
        return False
    return _md5_of_parts(path, actual, check) == etag


def starts_with_object(path: str, size: int, etag: str, check: CheckDeadline) -> bool:
    """Tell whether a file starts with an object that was uploaded in parts of the usual size.

    Args:
        path: the file.
        size: the size in bytes of the object.
        etag: the ETag of the object.
        check: called for each block; an exception that it raises ends the comparison.

    Raises:
        OSError: the file cannot be read.
    """
    part_bytes, digests = part_bytes_for(size), []
    with filename_in_errors(path), open(path, "rb") as file:  # noqa: PTH123
        if parts_of(etag) is None:
            return _digest(file, size, check).hex() == etag
        for start in range(0, size, part_bytes):
            digests.append(_digest(file, min(part_bytes, size - start), check))  # noqa: PERF401
    return _etag_of_parts(digests) == etag


def _number_of_parts(size: int, part_bytes: int) -> int:
    return max(1, -(-size // part_bytes))


def first_part_bytes(s3: S3, version: ObjectVersion) -> int:
    """Return the size of an object's first part, as reported by S3.

    Raises:
        AWSError: the request to S3 failed.
    """
    headers = s3.ask(head_first_part(version.bucket, version.key)).headers
    return int(headers["content-length"])


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


def _md5(path: str, check: CheckDeadline) -> str:
    with filename_in_errors(path), open(path, "rb") as file:  # noqa: PTH123
        return _digest(file, os.fstat(file.fileno()).st_size, check).hex()


def _md5_of_parts(path: str, part_bytes: int, check: CheckDeadline) -> str:
    with filename_in_errors(path), open(path, "rb") as file:  # noqa: PTH123
        size = os.fstat(file.fileno()).st_size
        number = _number_of_parts(size, part_bytes)
        return _etag_of_parts([_digest(file, part_bytes, check) for _ in range(number)])


def _etag_of_parts(digests: Sequence[bytes]) -> str:
    digest = hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()
    return f"{digest}-{len(digests)}"


def _digest(file: IO[bytes], length: int, check: CheckDeadline) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    while length > 0 and (block := file.read(min(length, _BLOCK_BYTES))):
        check()
        digest.update(block)
        length -= len(block)
    return digest.digest()
