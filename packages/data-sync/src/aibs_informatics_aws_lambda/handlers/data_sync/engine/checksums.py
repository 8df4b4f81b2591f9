"""ETags of objects, made anew from files.

An ETag is the MD5 of the content, or for an object that was uploaded in parts the MD5 of the MD5s
of its parts, with their number. Of objects that are encrypted with KMS keys it is neither.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import IO, Final

from aibs_informatics_aws_lambda.handlers.data_sync.engine.s3 import PART_BYTES

__all__ = ["MAX_PARTS", "file_has_etag", "part_bytes_for", "parts_of", "same_content"]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS: Final = 10_000

_BLOCK_BYTES: Final = 2**20


def part_bytes_for(size: int) -> int:
    """Return the size of the parts that an object of some size is uploaded in."""
    part_bytes = PART_BYTES
    while part_bytes * MAX_PARTS < size:
        part_bytes *= 2
    return part_bytes


def parts_of(etag: str) -> int | None:
    """Return the number of parts that an object was uploaded in, or `None` if it was in one go."""
    _, dash, number = etag.partition("-")
    return int(number) if dash and number.isdigit() else None


def file_has_etag(path: str, size: int, etag: str, find_part_bytes: Callable[[], int]) -> bool:
    """Tell whether a file has the content of an object.

    Args:
        path: the file.
        size: its size in bytes, which the object's is too.
        etag: the ETag of the object.
        find_part_bytes: asks for the size of the object's first part; it is called only if the
            object has parts that are not of the usual size.

    Raises:
        OSError: the file cannot be read.
    """
    number = parts_of(etag)
    if number is None:
        return _md5(path) == etag
    usual = part_bytes_for(size)
    if _number_of_parts(size, usual) == number and _md5_of_parts(path, usual) == etag:
        return True
    actual = find_part_bytes()
    if actual == usual or _number_of_parts(size, actual) != number:
        return False
    return _md5_of_parts(path, actual) == etag


def same_content(path: str, other: str) -> bool:
    """Tell whether two files of one size have the same bytes.

    Raises:
        OSError: one of them cannot be read.
    """
    with open(path, "rb") as file, open(other, "rb") as other_file:  # noqa: PTH123
        while block := file.read(_BLOCK_BYTES):
            if block != other_file.read(_BLOCK_BYTES):
                return False
        return not other_file.read(1)


def _number_of_parts(size: int, part_bytes: int) -> int:
    return max(1, -(-size // part_bytes))


def _md5(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123
        return _digest(file, os.fstat(file.fileno()).st_size).hex()


def _md5_of_parts(path: str, part_bytes: int) -> str:
    with open(path, "rb") as file:  # noqa: PTH123
        size = os.fstat(file.fileno()).st_size
        number = _number_of_parts(size, part_bytes)
        digests = b"".join(_digest(file, part_bytes) for _ in range(number))
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{number}"


def _digest(file: IO[bytes], length: int) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    while length > 0 and (block := file.read(min(length, _BLOCK_BYTES))):
        digest.update(block)
        length -= len(block)
    return digest.digest()
