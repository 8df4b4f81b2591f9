"""Bin packing of parts into batches of limited size."""

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Sized(Protocol):
    """Has a size."""

    @property
    def size_bytes(self) -> int:
        """Size in bytes."""


S = TypeVar("S", bound=Sized)


def pack(parts: Iterable[S], limit: int) -> list[list[S]]:
    """Return batches whose total sizes are within a limit, packed by first-fit decreasing.

    Parts are packed largest first; ties in the given order. Each goes into the first batch with
    enough capacity left, else into a new one. A part above the limit is a batch of its own. This
    takes O(n log n) steps for n parts.

    Source: D. S. Johnson, "Near-optimal bin packing algorithms", MIT 1973.

    Args:
        parts: the parts.
        limit: the maximum size of a batch in bytes.

    Returns:
        The batches in the order of their first packed parts, the parts of each in the given
        order.
    """
    given = list(parts)
    order = sorted(range(len(given)), key=lambda index: -given[index].size_bytes)
    above = [index for index in order if given[index].size_bytes > limit]
    within = order[len(above) :]
    batches: list[list[int]] = []
    capacity = _Capacity(len(within), limit)
    for index in within:
        batch = capacity.take(given[index].size_bytes)
        if batch == len(batches):
            batches.append([])
        batches[batch].append(index)
    return [
        [given[index] for index in sorted(batch)] for batch in [*([i] for i in above), *batches]
    ]


class _Capacity:
    """Remaining capacities of batches: a binary tree of the maxima below each node."""

    def __init__(self, batches: int, limit: int) -> None:
        self._leaves = 1 << batches.bit_length()
        self._most = [limit] * 2 * self._leaves

    def take(self, size: int) -> int:
        """Take capacity from the first batch that has enough, and return its index."""
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
