"""Stores that a sync rewrites in place: no order of transfers keeps readers from a mixture."""

from typing import Final

from ..stores import REWRITTEN, Rule, evidence, is_index, store_path

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
        # Stores that the path may be in and their kinds, outermost first.
        self._open: list[tuple[str, str]] = []
        # The last replaced file, and the last that is evidence of a kind of stores.
        self._replaced = ""
        self._evidence: dict[str, str] = {}

    def note_replaced(self, path: str) -> None:
        """Note a file that is not an entry file, and is replaced by another content."""
        self._replaced = path
        for kind, is_data in evidence().items():
            if is_data(path):
                self._evidence[kind] = path
        self._close(path)
        self._add_outermost()

    def note_entry_file(self, path: str, rule: Rule) -> None:
        """Note an entry file, whether it changes or not."""
        if rule.store not in REWRITTEN:
            return
        # The file of an index has its name, without the suffix.
        root = path.rpartition(".")[0] if is_index(rule) else store_path(path, rule)
        self._close(root)
        if not is_index(rule) and (root, rule.store) not in self._open:
            self._open.append((root, rule.store))
        # Files of one folder follow one another: if one was replaced, so was the last one.
        if not self._add_outermost() and is_index(rule) and self._replaced.startswith(root):
            self._add(root)

    def _close(self, path: str) -> None:
        while self._open and not path.startswith(self._open[-1][0]):
            self._open.pop()

    def _add_outermost(self) -> bool:
        """Add the outermost store with a replaced data file, and tell whether there is one."""
        for root, kind in self._open:
            replaced = self._evidence.get(kind, "") if kind in evidence() else self._replaced
            if replaced and replaced.startswith(root):
                self._add(root)
                return True
        return False

    def _add(self, root: str) -> None:
        if self.found and self.found[-1] == root:
            return
        while self.found and self.found[-1].startswith(root):
            self.found.pop()
            self.count -= 1
        self.count += 1
        if len(self.found) < _MOST:
            self.found.append(root)
