"""Folders with so many small files of their own that dividing them is slower."""

from ..tree import Node


class FlatFolders:
    """Finds the folders that contain too many small files, not counting those of subfolders.

    Args:
        small_bytes: the size below which a file is small.
        most_files: the number of small files above which a folder is not divided.

    Attributes:
        paths: the paths of the folders found, with a slash at their end; empty for the root.
    """

    def __init__(self, small_bytes: int, most_files: int) -> None:
        self.paths: set[str] = set()
        self._small_bytes = small_bytes
        self._most_files = most_files
        self._counts: dict[str, int] = {}

    def add(self, file: Node) -> bool:
        """Count a file, and return whether its folder may still be divided."""
        path = file.relative
        folder = path[: path.rfind("/") + 1]
        if file.size_bytes < self._small_bytes:
            count = self._counts.get(folder, 0) + 1
            self._counts[folder] = count
            if count > self._most_files:
                self.paths.add(folder)
        return folder not in self.paths

    def close(self, folder: str) -> bool:
        """Forget the files of a folder, and return whether it is not divided."""
        self._counts.pop(folder, None)
        return folder in self.paths

    def cover(self, parts: list[Node]) -> bool:
        """Return whether all parts are folders that are not divided."""
        return all(part.kind == "folder" and part.relative in self.paths for part in parts)
