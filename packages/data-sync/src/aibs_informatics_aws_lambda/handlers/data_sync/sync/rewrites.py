"""Stores that a sync rewrites in place: no order of transfers keeps readers from a mixture."""

from typing import Final

from ..stores import Rule, is_index, store_path

# Those of other kinds never change a file: they write another one.
_REWRITTEN: Final = frozenset({"Zarr", "N5", "Parquet", "BAM", "CRAM", "VCF"})
_MOST: Final = 1000


class Rewrites:
    """Finds stores of which data files are replaced, among files in the order of their paths.

    Attributes:
        found: the paths of the stores, the first thousand; none is within another one.
        count: the number of stores.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self.count = 0
        # Stores that the path may be in, outermost first.
        self._open: list[str] = []
        self._replaced: str | None = None

    def note_replaced(self, path: str) -> None:
        """Note a file that is not an entry file, and is replaced by another content."""
        self._replaced = path
        self._close(path)
        if self._open:
            self._add(self._open[0])

    def note_entry_file(self, path: str, rule: Rule) -> None:
        """Note an entry file, whether it changes or not."""
        if rule.store not in _REWRITTEN:
            return
        # The file of an index has its name, without the suffix.
        root = path.rpartition(".")[0] if is_index(rule) else store_path(path, rule)
        self._close(root)
        if not is_index(rule) and root not in self._open:
            self._open.append(root)
        # Files of one folder follow one another: if one was replaced, so was the last one.
        if self._replaced is not None and self._replaced.startswith(root):
            self._add(self._open[0] if self._open else root)

    def _close(self, path: str) -> None:
        while self._open and not path.startswith(self._open[-1]):
            self._open.pop()

    def _add(self, root: str) -> None:
        if self.found and self.found[-1] == root:
            return
        while self.found and self.found[-1].startswith(root):
            self.found.pop()
            self.count -= 1
        self.count += 1
        if len(self.found) < _MOST:
            self.found.append(root)
