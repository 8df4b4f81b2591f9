"""Pacing: the requests that a transfer consists of, and its bytes at the rate of the limits.

The library that transfers large files in parts has no limit of its own: its throughput target
only decides how many connections it opens. It reads what it uploads from a stream, though, and
passes on what it downloads in order, and is only a few parts ahead of both. Whoever keeps it
waiting there slows down the transfer itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from math import ceil
from threading import Lock
from typing import Final, TypeAlias

from ..progress import OutOfTimeError
from ..rate_limits import RateLimits
from .requests import PART_BYTES, Request
from .thread_state import keep_thread_state

TakeBody: TypeAlias = Callable[[bytes], None]
"""Called with the pieces of a body, in order."""

# With a limit, transfers in parts get about four times as many parts ahead of it.
_LEAST_CONNECTIONS: Final = 2
_BYTES_PER_SECOND_OF_A_CONNECTION: Final = 10 * 10**6
_REQUESTS_PER_SECOND_OF_A_CONNECTION: Final = 10


class Pacing:
    """The pace of the requests of a client, by its limits.

    Args:
        limits: the limits of bytes and requests per second.

    Attributes:
        part_bytes: the size of the parts of downloads.
    """

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._block_bytes = limits.block_bytes or PART_BYTES
        self.part_bytes = min(self._block_bytes, PART_BYTES)

    def is_paced(self, request: Request, *, is_stream: bool) -> bool:
        """Return whether the bytes of an object are taken from the limits one by one."""
        if not (request.send_file or request.receive_file or is_stream):
            return False
        return (request.size or 0) > self._block_bytes

    def reserve(self, request: Request, *, is_stream: bool) -> float:
        """Take what a request needs of the limits, and return the seconds to wait for it."""
        part_bytes = request.part_bytes or self.part_bytes
        operations = operations_of(request, part_bytes, is_stream=is_stream)
        if is_stream or not self.is_paced(request, is_stream=False):
            size = 0 if is_stream else body_bytes(request)
            return self._limits.reserve(size, sum(operations.values()))
        # Parts and bytes are taken one by one.
        return self._limits.reserve(0, sum(operations.values()) - max(operations.values()))

    def slow_down(self, take: TakeBody) -> TakeBody:
        """Return what takes the pieces of a body as fast as the limits allow."""

        def take_paced(chunk: bytes) -> None:
            self._limits.take(len(chunk))
            take(chunk)

        return take_paced

    def open_file(self, request: Request) -> PacedFile | None:
        """Return what reads or writes a file by the limits; `None` if the library does so.

        Raises:
            OSError: the file cannot be opened.
        """
        if not self.is_paced(request, is_stream=False):
            return None
        return PacedFile(request, self._limits, request.part_bytes or self.part_bytes)

    def connections(self, most: int) -> int:
        """Return the number of connections for objects whose bytes or parts are limited.

        Args:
            most: the maximum number.
        """
        size, requests = self._limits.bandwidth, self._limits.requests_per_second
        wanted = min(
            (size or float("inf")) / _BYTES_PER_SECOND_OF_A_CONNECTION,
            (requests or float("inf")) / _REQUESTS_PER_SECOND_OF_A_CONNECTION,
            most,
        )
        return max(_LEAST_CONNECTIONS, int(wanted))


def operations_of(request: Request, part_bytes: int | None, *, is_stream: bool) -> dict[str, int]:
    """Return the operations of S3 that a request consists of, with their numbers.

    Args:
        request: the request.
        part_bytes: the size of the parts in which an object is transferred; by default,
            `PART_BYTES`.
        is_stream: whether an object is downloaded, and its body passed on.
    """
    parts = ceil((request.size or 0) / (part_bytes or PART_BYTES))
    if request.send_file and parts > 1:
        return {"CreateMultipartUpload": 1, "UploadPart": parts, "CompleteMultipartUpload": 1}
    if (is_stream or request.receive_file is not None) and parts > 1:
        # The checksum of the whole comes first.
        return {"HeadObject": 1, "GetObject": parts}
    return {request.operation: 1}


def body_bytes(request: Request) -> int:
    """Return the number of bytes that a request uploads or downloads, if it is an object."""
    return (request.size or 0) if request.operation in ("GetObject", "PutObject") else 0


class PacedFile:
    """A file that is uploaded, or written by a download, as fast as the limits allow.

    Its methods are called by a thread of the library that does nothing else.

    Args:
        request: the request, which names the file.
        limits: the limits.
        part_bytes: the size of the parts, each of which takes a request.

    Attributes:
        failure: the error that ended the transfer, if one did.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, request: Request, limits: RateLimits, part_bytes: int) -> None:
        self._name = request.local_name or ""
        self._limits = limits
        self._part_bytes = part_bytes
        self._parts = 0
        path = request.send_file or request.receive_file or ""
        self._fd = os.open(path, os.O_RDONLY if request.send_file else os.O_WRONLY)
        self._lock = Lock()
        self.failure: Exception | None = None

    def readinto(self, memory: memoryview) -> int:
        """Read the next bytes of an upload; none after an error, which ends it."""
        keep_thread_state()
        try:
            count = min(len(memory), self._limits.block_bytes or len(memory))
            with self._lock:
                count = os.readv(self._fd, [memory[:count]])
                position = os.lseek(self._fd, 0, os.SEEK_CUR)
            self._take(count, position)
        except (OSError, OutOfTimeError) as error:
            self._note(error)
            return 0
        return count

    read = readinto

    def seek(self, offset: int, whence: int) -> int:
        """Go to a position in an upload, to repeat it from there."""
        with self._lock:
            return os.lseek(self._fd, offset, whence)

    def write(self, chunk: bytes, offset: int, **_: object) -> None:
        """Write bytes of a download.

        Raises:
            OSError: they cannot be written.
            OutOfTimeError: the transfer was interrupted.
        """
        keep_thread_state()
        try:
            block = self._limits.block_bytes or len(chunk)
            for start in range(0, len(chunk), block):
                piece = memoryview(chunk)[start : start + block]
                self._take(len(piece), offset + start + len(piece))
                while piece:
                    with self._lock:
                        written = os.pwrite(self._fd, piece, offset + start)
                    start, piece = start + written, piece[written:]
        except (OSError, OutOfTimeError) as error:
            self._note(error)
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
            self._fd = -1

    def _take(self, size: int, position: int) -> None:
        parts = ceil(position / self._part_bytes)
        self._limits.take(size, max(0, parts - self._parts))
        self._parts = max(parts, self._parts)

    def _note(self, error: Exception) -> None:
        if isinstance(error, OSError):
            error.filename = self._name
        self.failure = error
