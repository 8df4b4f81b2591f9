"""Parts packed into batches of limited size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Sized(Protocol):
    """What can be packed."""

    @property
    def size_bytes(self) -> int:
        """How much room it takes."""


S = TypeVar("S", bound=Sized)


def pack(parts: Iterable[S], limit: int) -> list[list[S]]:
    """Return batches whose sums are within the limit, by first-fit decreasing.

    The largest part is packed first, and of equal ones that which comes first. Each goes into the
    first batch that has room for it, else into a new one; parts above the limit stay alone. This
    takes O(n log n) steps for n parts: a tree tells the first batch with enough room.

    Source: D. S. Johnson, "Near-optimal bin packing algorithms", MIT 1973.

    Args:
        parts: what is packed.
        limit: of a batch, in bytes.

    Returns:
        The batches in the order in which they were begun, the parts of each in the order in which
        they were given.
    """
    given = list(parts)
    order = sorted(range(len(given)), key=lambda index: -given[index].size_bytes)
    above = [index for index in order if given[index].size_bytes > limit]
    within = order[len(above) :]
    batches: list[list[int]] = []
    room = _Capacity(len(within), limit)
    for index in within:
        batch = room.take(given[index].size_bytes)
        if batch == len(batches):
            batches.append([])
        batches[batch].append(index)
    return [
        [given[index] for index in sorted(batch)] for batch in [*([i] for i in above), *batches]
    ]


class _Capacity:
    """The room left in batches: a binary tree whose nodes know the most room below them."""

    def __init__(self, batches: int, limit: int) -> None:
        self._leaves = 1 << max(batches - 1, 0).bit_length()
        self._most = [limit] * (2 * self._leaves)

    def take(self, size: int) -> int:
        """Take room in the first batch that has it, and return its index."""
        most = self._most
        node = 1
        while node < self._leaves:
            node *= 2
            if most[node] < size:
                node += 1
        batch = node - self._leaves
        most[node] -= size
        while node > 1:
            node //= 2
            most[node] = max(most[2 * node], most[2 * node + 1])
        return batch
