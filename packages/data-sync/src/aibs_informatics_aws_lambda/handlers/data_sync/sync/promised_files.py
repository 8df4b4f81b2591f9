"""Which files that the metadata of stores promise are on one side only: for comparisons.

A chunk of a Zarr array that neither side has is no fault: it has the fill value.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..store_formats import MAX_BYTES, Reader
from ..store_metadata import (
    ChunkGrid,
    DamagedError,
    NotCheckedError,
    TableChange,
    read_delta_checkpoint,
    read_delta_commit,
    read_n5,
    read_parquet_metadata,
    read_zarr_2,
    read_zarr_3,
)
from ..stores import find_rule, store_path

_EXAMPLES: Final = 5
# Commits and footers of tables are larger than metadata of arrays.
_MAX_TABLE_BYTES: Final = 2**26

_ON_BOTH: Final = frozenset({"equal", "different"})


@dataclass
class Check:
    """What is found about the files that one document, or the log of a table, promises.

    Args:
        path: the folder of the array or table, at the destination if it is there.
        kind: the kind of store.
        promised: the number of files.
        missing: those that are only at the source: their number and some of them.
        extra: those that are only at the destination.
        absent: the number of those that neither side has.
        damaged: what is wrong with metadata: the name of each document, and the fault.
        not_checked: why files could not be looked up.
    """

    path: str
    kind: str
    promised: int = 0
    missing: int = 0
    extra: int = 0
    absent: int = 0
    examples: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    not_checked: str | None = None

    def note(self, name: str, action: str) -> None:
        """Note a promised file that is on one side only."""
        self.missing += action == "missing"
        self.extra += action == "extra"
        if len(self.examples) < _EXAMPLES:
            side = "the destination" if action == "missing" else "the source"
            self.examples.append(f"{name} is missing at {side}")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that have a value."""
        return {name: value for name, value in vars(self).items() if value}


class _Promise(Protocol):
    """Takes the files of a store, and tells which of those that it promises are missing."""

    def note(self, relative: str, action: str) -> None: ...

    def finish(self) -> None: ...


class _Chunks:
    """The chunks of an array."""

    def __init__(self, grid: ChunkGrid, check: Check) -> None:
        self._grid, self._check, self._there = grid, check, 0
        check.promised = grid.length

    def note(self, relative: str, action: str) -> None:
        index = self._grid.find(relative)
        if index is None:
            return
        self._there += 1
        if action not in _ON_BOTH:
            self._check.note(f"chunk {index}", action)

    def finish(self) -> None:
        self._check.absent = self._check.promised - self._there


class _Files:
    """The files of a table, in a temporary database that spills to disk."""

    def __init__(self, check: Check) -> None:
        self._check = check
        # An empty name makes a temporary database, which is deleted when it is closed.
        self._table = sqlite3.connect("", isolation_level=None)
        self._table.execute("CREATE TABLE files (path PRIMARY KEY) WITHOUT ROWID")
        self._table.execute("BEGIN")

    def apply(self, changes: Iterable[TableChange]) -> None:
        for change in changes:
            if change.path is None:
                self._check.not_checked = "it names files outside of its folder"
            elif change.is_added:
                self._run("INSERT OR IGNORE INTO files VALUES (?)", change.path)
            else:
                self._run("DELETE FROM files WHERE path = ?", change.path)

    def _run(self, statement: str, path: str) -> int:
        return self._table.execute(statement, [path.encode(errors="surrogateescape")]).rowcount

    def note(self, relative: str, action: str) -> None:
        if self._run("DELETE FROM files WHERE path = ?", relative):
            self._check.promised += 1
            if action not in _ON_BOTH:
                self._check.note(relative, action)

    def finish(self) -> None:
        [(absent,)] = self._table.execute("SELECT count(*) FROM files")
        self._check.promised += absent
        self._check.absent = absent
        for (path,) in self._table.execute("SELECT path FROM files LIMIT ?", [_EXAMPLES]):
            name = path.decode(errors="surrogateescape")
            self._check.damaged.append(f"{name} is named, but exists on neither side")

    def close(self) -> None:
        self._table.close()


class _Root:
    """An array or a table, whose metadata were read, and what they promise."""

    def __init__(self, path: str, kind: str) -> None:
        self.check = Check(path, kind)
        self.promise: _Promise | None = None

    def read(self, document: str, load: Callable[[], None]) -> None:
        """Read a document, and note what is wrong with it."""
        try:
            load()
        except DamagedError as error:
            self.check.damaged.append(f"{document}: {error}")
        except NotCheckedError as error:
            self.check.not_checked = f"{document}: {error}"
        except (OSError, AWSError) as error:
            self.check.not_checked = str(error)


def check_stores(
    lines: Iterable[str], same_lines: Iterable[str], reader: Reader
) -> Iterator[Check]:
    """Yield what is found about each array and table of a comparison.

    Args:
        lines: the lines of the report, in the order of their paths.
        same_lines: the same lines, to be read once more: metadata may come after chunks.
        reader: reads metadata by their names in the report.
    """
    roots = _Roots(reader).find(map(json.loads, lines))
    files: Iterator[dict[str, Any]] = map(json.loads, same_lines)
    line = next(files, None)
    for root in roots:
        folder = root.check.path
        while line is not None and _path(line) < folder:
            line = next(files, None)
        while line is not None and _path(line).startswith(folder):
            if root.promise is not None:
                action = "different" if "error" in line else line["action"]
                root.promise.note(_path(line).removeprefix(folder), action)
            line = next(files, None)
        if root.promise is not None:
            root.promise.finish()
            if isinstance(root.promise, _Files):
                root.promise.close()
        yield root.check


def _path(line: dict[str, Any]) -> str:
    path: str = line.get("destination") or line["source"]
    return path


_ParseArray: TypeAlias = Callable[[bytes], ChunkGrid | None]
_ARRAYS: Final[dict[str, tuple[str, _ParseArray]]] = {
    ".zarray": ("Zarr", read_zarr_2),
    "zarr.json": ("Zarr", read_zarr_3),
    "attributes.json": ("N5", read_n5),
}
"""The metadata of arrays: the kinds of store, and what reads them."""


class _Roots:
    """Finds arrays and tables by their metadata, and reads these."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def find(self, lines: Iterable[dict[str, Any]]) -> Iterator[_Root]:
        table: _Root | None = None
        log: _DeltaLog | None = None
        for line in lines:
            rule = find_rule(_path(line))
            folder = store_path(_path(line), rule) if rule else ""
            if table is not None and folder != table.check.path:
                yield table
                table, log = None, None
            if rule is None or rule.pattern.startswith("*"):
                continue
            if rule.store == "Delta":
                if table is None or log is None:
                    table = _Root(folder, "Delta")
                    log = _DeltaLog(table, self._read)
                log.add(line)
            elif rule.pattern in _ARRAYS:
                yield from self._array(folder, line, *_ARRAYS[rule.pattern])
            elif rule.pattern == "_metadata":
                yield self._data_set(folder, line)
        if table is not None:
            yield table

    def _array(
        self, folder: str, line: dict[str, Any], kind: str, parse: _ParseArray
    ) -> Iterator[_Root]:
        root = _Root(folder, kind)
        grids: list[ChunkGrid] = []
        # That of the source is the first.
        for name in _sides(line):

            def load(name: str = name) -> None:
                grid = parse(self._reader.head(name, MAX_BYTES + 1))
                if grid is not None:
                    grids.append(grid)

            root.read(name, load)
        if grids:
            root.promise = _Chunks(grids[0], root.check)
        if grids or root.check.damaged or root.check.not_checked:
            yield root

    def _data_set(self, folder: str, line: dict[str, Any]) -> _Root:
        root = _Root(folder, "Parquet")
        files = _Files(root.check)
        name = _sides(line)[0]
        root.read(name, lambda: files.apply(read_parquet_metadata(self._read(name))))
        if root.check.damaged or root.check.not_checked:
            files.close()
        else:
            root.promise = files
        return root

    def _read(self, name: str) -> bytes:
        content = self._reader.head(name, _MAX_TABLE_BYTES + 1)
        if len(content) > _MAX_TABLE_BYTES:
            raise NotCheckedError(f"it has more than {_MAX_TABLE_BYTES} bytes")
        return content


def _sides(line: dict[str, Any]) -> list[str]:
    """Return where a document is to be read: at both sides if it differs."""
    source, target = line.get("source"), line.get("destination")
    names = {"extra": [target], "different": [source, target]}.get(line["action"], [source])
    return [name for name in names if name]


class _DeltaLog:
    """Replays the log of a table: what its commits add, without what they remove."""

    def __init__(self, root: _Root, read: Callable[[str], bytes]) -> None:
        self._root, self._read = root, read
        self._files = _Files(root.check)
        root.promise = self._files
        self._next: int | None = None
        self._is_extra: bool | None = None

    def add(self, line: dict[str, Any]) -> None:
        """Apply the next file of the log."""
        if self._is_extra is None:
            self._is_extra = line["action"] == "extra"
        # What only the destination has promises nothing, unless the whole table is there only.
        if (line["action"] == "extra") is not self._is_extra:
            return
        name = _path(line).rpartition("/")[2]
        number, _, suffix = name.partition(".")
        if not number.isdecimal():
            return
        if suffix == "json":
            self._add_commit(int(number), _sides(line)[0])
        elif suffix == "checkpoint.parquet" and self._next is None and int(number) > 0:
            document = _sides(line)[0]
            self._root.read(
                document,
                lambda: self._files.apply(read_delta_checkpoint(self._read(document))),
            )
            self._next = int(number) + 1

    def _add_commit(self, number: int, document: str) -> None:
        if self._next is None and number > 0:
            self._root.check.not_checked = (
                f"{document} is the first commit of its log, which continues from a checkpoint"
            )
            return
        if self._next is not None and number < self._next:
            return
        if self._next is not None and number > self._next:
            self._root.check.damaged.append(f"{document}: commits before it are missing")
        self._next = number + 1
        self._root.read(
            document, lambda: self._files.apply(read_delta_commit(self._read(document)))
        )
