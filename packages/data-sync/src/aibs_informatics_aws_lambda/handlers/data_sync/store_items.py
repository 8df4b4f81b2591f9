"""Stores among files in the order of their paths, each as one item with its totals.

Whether files belong to a store may be known only when all of them were seen: ``zarr.json`` comes
after the chunks in ``c``. What is found below an open folder waits in a temporary file, and is
replaced by one item if the folder is a store. So memory grows with the depth of the tree, but not
with the number of files or stores.
"""

import json
import re
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from .stores import REWRITTEN, Rule, evidence, find_rule, is_index, store_path

_VERSIONS: Final = {
    ".zarray": "2",
    ".zattrs": "2",
    ".zgroup": "2",
    ".zmetadata": "2",
    "zarr.json": "3",
    "repo": "2",
    "refs/*/ref.json": "1",
    "refs/*/ref.json.deleted": "1",
}
"""The versions of formats whose entry files tell them by their names."""

_OF_A_COMMIT: Final = re.compile(r"_(\d+)\.\w+\Z").search
"""Finds the version of TileDB at the end of the name of a commit."""

_INDEXED: Final = {
    ".bam": "BAM",
    ".cram": "CRAM",
    ".vcf.gz": "VCF",
    ".vcf.bgz": "VCF",
    ".bcf": "VCF",
    ".fa": "FASTA",
    ".fa.gz": "FASTA",
    ".fasta": "FASTA",
    ".fasta.gz": "FASTA",
    ".fna": "FASTA",
    ".fna.gz": "FASTA",
}
"""The kinds of files that make a store together with their index."""

# Enough to find the version of a table, which each of its commits may change.
_COMMITS: Final = 16

_IN_MEMORY_BYTES: Final = 2**18
_NO_ACTIONS: Final[Mapping[str, int]] = MappingProxyType({})


class Item(NamedTuple):
    """A file, a store, or all files that are in no store.

    Args:
        path: the path below the root; that of a folder has a slash at its end, and that of the
            root is empty.
        size_bytes: its size, or that of its files.
        object_count: the number of its files.
        last_modified: the time of the latest change, in seconds since 1970 UTC; 0 without files.
        actions: the numbers of its files by what is done with them, and of the bytes that are
            transferred.
        replaces: whether a data file replaces another content.
        kind: the kind of store, such as ``Zarr``; `None` for files.
        version: the version of the format, if names of files tell it.
        entry_files: the files that tell the version, otherwise or as well; of a file, where to
            read it, if that is not its path.
        record: what is kept of a file.
    """

    path: str
    size_bytes: int = 0
    object_count: int = 0
    last_modified: float = 0.0
    actions: Mapping[str, int] = _NO_ACTIONS
    replaces: bool = False
    kind: str | None = None
    version: str | None = None
    entry_files: tuple[str, ...] = ()
    record: str = ""

    @property
    def is_rewritten(self) -> bool:
        """Whether it is a store that is rewritten in place."""
        return self.replaces and self.kind in REWRITTEN


@dataclass
class Totals:
    """The sum of some items."""

    size_bytes: int = 0
    object_count: int = 0
    last_modified: float = 0.0
    actions: Counter[str] = field(default_factory=Counter)
    replaces: bool = False

    def add(self, other: "Totals | Item") -> None:
        """Add an item, or another sum."""
        self.size_bytes += other.size_bytes
        self.object_count += other.object_count
        self.last_modified = max(self.last_modified, other.last_modified)
        self.replaces = self.replaces or other.replaces
        if other.actions:
            self.actions.update(other.actions)

    def as_item(self, path: str, kind: str | None = None) -> Item:
        """Return the sum as one item."""
        modified, actions = self.last_modified, dict(self.actions)
        return Item(
            path, self.size_bytes, self.object_count, modified, actions, self.replaces, kind
        )


@dataclass
class _Folder:
    """A folder that is being read.

    Args:
        path: its path.
        start: where in the spool begins what is in it.
    """

    path: str
    start: int = 0
    kind: str | None = None
    version: str | None = None
    evidence: set[str] = field(default_factory=set)
    entry_files: deque[str] = field(default_factory=lambda: deque(maxlen=_COMMITS))
    below: Totals = field(default_factory=Totals)
    others: Totals = field(default_factory=Totals)
    indexed: Item | None = None
    """The last file that may have an index, which follows it."""

    @property
    def is_store(self) -> bool:
        return self.kind is not None and (
            self.kind not in evidence() or self.kind in self.evidence
        )


class Stores:
    """Finds the stores among files, each as one item; what is in no store stays as it is.

    A store within another one is part of it. A BAM, CRAM, VCF or FASTA file with an index
    is a store.

    Args:
        location: the path of the root, which may be within a store.
        lists_files: whether files that are in no store are listed; else they are only summed up.

    Attributes:
        others: the sum of the files that are in no store, once all items were read.
    """

    def __init__(self, location: str = "", *, lists_files: bool = False) -> None:
        self.others = Totals()
        self._location = location.rstrip("/")
        self._lists_files = lists_files

    def find(self, files: Iterable[Item]) -> Iterator[Item]:
        """Yield stores and listed files in the order of their paths.

        Args:
            files: the files, in the order of their paths.

        Raises:
            OSError: the temporary directory is full.
        """
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
            spool = _Spool(file)
            folders = [_Folder("")]
            for item in files:
                self._add(item, folders, spool)
            while len(folders) > 1:
                self._close(folders, spool)
            root = folders[0]
            self._settle_indexed(root, spool)
            if root.is_store:
                yield _whole(root)
                return
            self.others = root.others
            yield from spool

    def _add(self, item: Item, folders: list[_Folder], spool: "_Spool") -> None:
        while not item.path.startswith(folders[-1].path):
            self._close(folders, spool)
        end = item.path.find("/", len(folders[-1].path))
        if end >= 0:
            self._settle_indexed(folders[-1], spool)
        while end >= 0:
            folders.append(_Folder(item.path[: end + 1], spool.end))
            end = item.path.find("/", end + 1)
        folder = folders[-1]
        folder.below.add(item)
        rule = find_rule(f"{self._location}/{item.path}")
        if rule is not None and is_index(rule):
            if self._join_index(item, folder):
                return
        elif rule is not None:
            _note_entry_file(item, rule, folders)
        for kind, is_data in evidence().items():
            if kind not in folder.evidence and is_data(item.path):
                folder.evidence.add(kind)
        self._settle_indexed(folder, spool)
        if item.path.endswith(tuple(_INDEXED)):
            folder.indexed = item
        else:
            self._keep(item, folder, spool)

    def _keep(self, item: Item, folder: _Folder, spool: "_Spool") -> None:
        folder.others.add(item)
        if self._lists_files:
            spool.append(item)

    def _join_index(self, item: Item, folder: _Folder) -> bool:
        """Return whether an index is that of the last file, and join both if it is."""
        file = folder.indexed
        if file is None or file.path != item.path.rpartition(".")[0]:
            return False
        total = Totals()
        total.add(file)
        total.add(item)
        kind = next(kind for end, kind in _INDEXED.items() if file.path.endswith(end))
        entry_files = file.entry_files or (file.path,)
        folder.indexed = total.as_item(file.path, kind)._replace(entry_files=entry_files)
        return True

    def _settle_indexed(self, folder: _Folder, spool: "_Spool") -> None:
        """Add the last file that might have had an index."""
        item, folder.indexed = folder.indexed, None
        if item is not None and item.kind is None:
            self._keep(item, folder, spool)
        elif item is not None:
            spool.append(item)

    def _close(self, folders: list[_Folder], spool: "_Spool") -> None:
        folder = folders.pop()
        self._settle_indexed(folder, spool)
        parent = folders[-1]
        parent.below.add(folder.below)
        parent.evidence |= folder.evidence
        if folder.is_store:
            spool.cut(folder.start)
            spool.append(_whole(folder))
        else:
            parent.others.add(folder.others)


def _note_entry_file(item: Item, rule: Rule, folders: list[_Folder]) -> None:
    path = item.path
    store = store_path(path, rule)
    owner = next((folder for folder in folders if folder.path == store), folders[0])
    owner.kind = owner.kind or rule.store
    if owner.kind != rule.store:
        return
    version = _VERSIONS.get(rule.pattern)
    if version is None and rule.store == "TileDB" and (found := _OF_A_COMMIT(path)):
        version = found[1]
    owner.version = owner.version or version
    if not path.endswith(("/_last_checkpoint", "/latest_version_hint.json", "_SUCCESS")):
        owner.entry_files.append(*(item.entry_files or [path]))


def _whole(folder: _Folder) -> Item:
    item = folder.below.as_item(folder.path, folder.kind)
    return item._replace(version=folder.version, entry_files=tuple(folder.entry_files))


class _Spool:
    """Items in a temporary file, of which the last ones can be dropped."""

    def __init__(self, file: "tempfile.SpooledTemporaryFile[bytes]") -> None:
        self._file = file
        self.end = 0

    def append(self, item: Item) -> None:
        line = json.dumps((*item[:4], dict(item.actions), *item[5:])).encode() + b"\n"
        self._file.write(line)
        self.end += len(line)

    def cut(self, end: int) -> None:
        self._file.seek(end)
        self._file.truncate()
        self.end = end

    def __iter__(self) -> Iterator[Item]:
        self._file.seek(0)
        for line in self._file:
            *values, entry_files, record = json.loads(line)
            yield Item._make([*values, tuple(entry_files), record])
