"""Steps of a plan, kept on disk beyond the first thousands."""

import json
import tempfile
from collections.abc import Iterator
from typing import IO

from aibs_informatics_aws_lambda.common.files import filename_in_errors

from ..entries import Entry
from .diff import Step

# A few MB. Reading and writing text costs as much as half of a small transfer.
_IN_MEMORY = 10_000


class Spool:
    """An append-only list of steps, which can be read several times.

    Attributes:
        length: the number of steps, which `len` returns as well.
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
            OSError: the directory for temporary files is full.
        """
        self.length += 1
        if self.length <= _IN_MEMORY:
            self._first.append(step)
            return
        if self._file is None:
            # Closed by `close`: it outlives this function.
            self._file = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115
        try:
            self._file.write(json.dumps(step) + "\n")
        except OSError as error:
            # Not by `filename_in_errors`: a context manager per step is too slow for millions.
            error.filename = tempfile.gettempdir()
            raise

    def __iter__(self) -> Iterator[Step]:
        """Yield the steps, in the order in which they were added."""
        yield from self._first
        if self._file is None:
            return
        with filename_in_errors(tempfile.gettempdir()):
            self._file.seek(0)
        for line in self._file:
            action, reason, target, entry, target_etag = json.loads(line)
            yield Step(action, reason, target, Entry(*entry), target_etag)

    def close(self) -> None:
        """Free memory and disk space."""
        self._first.clear()
        if self._file is not None:
            # Closing writes the rest of the buffer.
            with filename_in_errors(tempfile.gettempdir()):
                self._file.close()
