"""Steps of a plan, kept on disk beyond the first few thousand."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator

from aibs_informatics_aws_lambda.handlers.data_sync.engine.items import Item
from aibs_informatics_aws_lambda.handlers.data_sync.engine.plan import Step

__all__ = ["Spool"]

_MEMORY_BYTES = 4 * 2**20


class Spool:
    """A list of steps that is written once, at its end, and can be read several times."""

    def __init__(self) -> None:
        # Closed by `close`: it outlives this function.
        self._file = tempfile.SpooledTemporaryFile(_MEMORY_BYTES, "w+", encoding="ascii")  # noqa: SIM115
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, step: Step) -> None:
        """Add a step."""
        self._file.write(json.dumps(step) + "\n")
        self._length += 1

    def __iter__(self) -> Iterator[Step]:
        """Yield the steps, in the order in which they were added."""
        self._file.seek(0)
        for line in self._file:
            action, reason, target, item, target_etag = json.loads(line)
            yield Step(action, reason, target, Item(*item), target_etag)

    def close(self) -> None:
        """Give the memory and the disk space back."""
        self._file.close()
