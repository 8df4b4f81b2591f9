"""Turns of folders: where a file system takes its time, transfers to several folders at a time."""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

# Directories that are held open are fewer than twice as many.
_FOLDERS_AT_A_TIME = 32


class Turns(Generic[T]):
    """Items by folder, taken from each of several folders in turn.

    Operating systems create, rename and delete the files of one directory one after the other, so
    that on NFS and EFS, items in the order of their paths would wait for each other.

    Attributes:
        last: the item that was added last.
    """

    def __init__(self) -> None:
        self._folders: dict[str, deque[T]] = {}
        self._active: deque[str] = deque()
        self._waiting: deque[str] = deque()
        self._length = 0
        self.last: T | None = None

    def __len__(self) -> int:
        return self._length

    def add(self, folder: str, item: T) -> None:
        """Add an item of a folder."""
        items = self._folders.get(folder)
        if items is None:
            items = self._folders[folder] = deque()
            self._waiting.append(folder)
        items.append(item)
        self.last = item
        self._length += 1

    def take(self) -> T:
        """Remove and return the item whose turn it is: of each folder, the items in their order.

        Raises:
            IndexError: there is none.
        """
        while self._waiting and len(self._active) < _FOLDERS_AT_A_TIME:
            self._active.append(self._waiting.popleft())
        folder = self._active.popleft()
        items = self._folders[folder]
        item = items.popleft()
        if items:
            self._active.append(folder)
        else:
            del self._folders[folder]
        self._length -= 1
        return item
