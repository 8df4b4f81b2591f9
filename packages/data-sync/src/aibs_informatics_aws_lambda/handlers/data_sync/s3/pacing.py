"""Pacing: the requests that a transfer consists of, and its bytes at the rate of the limits.

The library that transfers large files in parts has no limit of its own: its throughput target
only decides how many connections it opens. It reads what it uploads from a stream, though, and
passes on what it downloads in order, and is only a few parts ahead of both. Whoever keeps it
waiting there slows down the transfer itself.
"""

import os
from math import ceil
from threading import Lock

from ..progress import OutOfTimeError
from ..rate_limits import RateLimits
from .requests import Request
from .thread_state import keep_thread_state


def operations_of(request: Request, part_bytes: int, *, is_download: bool) -> dict[str, int]:
    """Return the operations of S3 that a request consists of, with their numbers.

    Args:
        request: the request.
        part_bytes: the size of the parts in which the object is transferred.
        is_download: whether an object is downloaded in parts.
    """
    parts = ceil((request.size or 0) / part_bytes)
    if request.send_file and parts > 1:
        return {"CreateMultipartUpload": 1, "UploadPart": parts, "CompleteMultipartUpload": 1}
    if is_download and parts > 1:
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
