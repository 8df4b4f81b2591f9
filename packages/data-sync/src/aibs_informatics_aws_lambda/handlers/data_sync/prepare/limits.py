"""Limits of batches: bytes, numbers of files, and estimated seconds.

The model of the duration is linear: a file costs a request, whatever its size, and a request takes
as long as the transfer of so many bytes,

    seconds = (files * BYTES_PER_REQUEST + bytes) / BYTES_PER_SECOND

Both constants are those of a Lambda function with 2 GB of memory, which transfers 300 small files
per second from Amazon EFS to S3, and large ones at the network rate of functions, 75 MB/s. Measure
those of another machine with ``hatch run bench -k request_cost``, and scale the limit.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ..tree import Node
from .packing import pack

BYTES_PER_SECOND: Final = 75_000_000
"""The size of large files that is transferred in a second."""

BYTES_PER_REQUEST: Final = 250_000
"""The size whose transfer takes as long as a request."""


class BatchLimits(NamedTuple):
    """The limits of each batch, and of each part that is larger than a file.

    Args:
        size_bytes: the total size.
        object_count: the number of files; `None` for any.
        seconds: the estimated duration; `None` for any.
    """

    size_bytes: int
    object_count: int | None = None
    seconds: float | None = None

    def fit(self, node: Node) -> bool:
        """Return whether a node is within the limits."""
        return all(amount <= limit for amount, limit in self._amounts(node))

    def pack(self, nodes: Iterable[Node]) -> list[list[Node]]:
        """Return batches within the limits; see `packing.pack`.

        The weight of a node is its share of the tightest limit: so the total of a batch is within
        each of them.
        """
        limits = [limit for _, limit in self._amounts(_NOTHING)]
        # Shares of this are whole numbers, as sums of fractions are not exact.
        capacity = math.prod(limits)
        weighted = [
            _Weighted(max(a * (capacity // limit) for a, limit in self._amounts(node)), node)
            for node in nodes
        ]
        return [[part.node for part in batch] for batch in pack(weighted, capacity)]

    def _amounts(self, node: Node) -> Iterator[tuple[int, int]]:
        """Yield what a node has of each limited amount, and the limit."""
        size, count = node.size_bytes, node.object_count
        yield size, self.size_bytes
        if self.object_count is not None:
            yield count, self.object_count
        if self.seconds is not None:
            cost = count * BYTES_PER_REQUEST + size
            yield cost, max(1, int(self.seconds * BYTES_PER_SECOND))


class _Weighted(NamedTuple):
    """A node, and the weight by which it is packed."""

    size_bytes: int
    node: Node


_NOTHING = Node("", 0, 0, 0.0, "folder")
