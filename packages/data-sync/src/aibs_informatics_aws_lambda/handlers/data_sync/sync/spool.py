"""The steps of a plan, spilled to disk beyond the first few thousand, and what they stored."""

import json
import os
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from typing import IO

from aibs_informatics_aws_lambda.common.files import filename_in_errors

from ..entries import Entry
from .diff import Step

# A few MB. Writing a step as text and reading it back takes half as long as a small transfer.
_IN_MEMORY = 10_000

_DIGEST_BYTES = 8
_STAYS = b"\xff" * _DIGEST_BYTES


def text_of(step: Step) -> str:
    """Return a step as a line of ASCII text."""
    return json.dumps(step)


def step_of(line: str) -> Step:
    """Return the step that `text_of` has written."""
    action, reason, target, entry, there = json.loads(line)
    return Step(action, reason, target, Entry(*entry), Entry(*there) if there else None)


class Spool:
    """An append-only list of steps that can be read several times.

    Attributes:
        length: the number of steps, also returned by `len`.
    """

    def __init__(self) -> None:
        self._first: list[Step] = []
        self._file: IO[str] | None = None
        self.length = 0

    def __len__(self) -> int:
        return self.length

    def append(self, step: Step) -> None:
        """Add a step.

        Raises:
            OSError: the step cannot be written to the temporary directory.
        """
        self.length += 1
        if self.length <= _IN_MEMORY:
            self._first.append(step)
            return
        if self._file is None:
            # Not a `with` block: `close` closes the file.
            self._file = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115
        try:
            self._file.write(text_of(step) + "\n")
        except OSError as error:
            # Not `filename_in_errors`: a context manager per step is too slow for millions.
            error.filename = tempfile.gettempdir()
            raise

    def __iter__(self) -> Iterator[Step]:
        """Yield the steps in the order in which they were added."""
        yield from self._first
        if self._file is None:
            return
        with filename_in_errors(tempfile.gettempdir()):
            self._file.seek(0)
        yield from map(step_of, self._file)

    def close(self) -> None:
        """Free memory and disk space."""
        self._first.clear()
        if self._file is not None:
            # Closing flushes the buffer, which can fail.
            with filename_in_errors(tempfile.gettempdir()):
                self._file.close()


class Arrivals:
    """What was stored for the steps of a plan: digests of ETags, in a temporary file.

    Attributes:
        is_partial: whether entries stay at the source, as they are not at their targets.
    """

    def __init__(self) -> None:
        self.is_partial = False
        self._file: IO[bytes] | None = None

    def note(self, number: int, etag: str) -> None:
        """Note the ETag of what was stored for a step.

        Raises:
            OSError: it cannot be written to the temporary directory.
        """
        self._write(number, _digest(etag))

    def note_stays(self, number: int) -> None:
        """Note that the entry of a step stays at the source: its target has another content.

        Raises:
            OSError: it cannot be written to the temporary directory.
        """
        self.is_partial = True
        self._write(number, _STAYS)

    def stays(self, number: int) -> bool:
        """Return whether the entry of a step stays at the source."""
        return self.is_partial and self._read(number) == _STAYS

    def agrees(self, number: int, etag: str) -> bool | None:
        """Return whether an ETag is the one of a step; `None` if that one was not noted."""
        noted = self._read(number)
        return noted == _digest(etag) if any(noted) else None

    def _write(self, number: int, noted: bytes) -> None:
        with filename_in_errors(tempfile.gettempdir()):
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - see `close`
            os.pwrite(self._file.fileno(), noted, number * _DIGEST_BYTES)

    def _read(self, number: int) -> bytes:
        if self._file is None:
            return b""
        return os.pread(self._file.fileno(), _DIGEST_BYTES, number * _DIGEST_BYTES)

    def close(self) -> None:
        """Free the disk space."""
        if self._file is not None:
            self._file.close()


def _digest(etag: str) -> bytes:
    return blake2b(etag.encode(), digest_size=_DIGEST_BYTES).digest()
