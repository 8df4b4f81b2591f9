"""Reports in which each store has one line, instead of one for each of its files."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, Literal, TypeAlias

from aibs_informatics_aws_lambda.common.files import filename_in_errors
from aibs_informatics_aws_lambda.common.s3 import S3_SCHEME
from aibs_informatics_aws_lambda.storage.data_sync.sync import SyncedStore
from aibs_informatics_aws_lambda.storage.quoted_names import unquote_name

from ..locations import Root
from ..s3.client import S3
from ..store_formats import with_formats
from ..store_items import Item, Stores
from ..stores import find_rule
from .file_parts import FileParts
from .promised_files import check_stores
from .result import SyncResult

Change: TypeAlias = Literal[
    "new", "appended", "rewritten in place", "reduced", "deleted", "unchanged"
]
"""What a sync does with a store: transfers one that is not at the destination; adds files, and
replaces entry files only; replaces data files, so that readers may see a mixture; only deletes
some files, or all of them; nothing."""

MAX_LISTED: Final = 100
"""The number of stores in a response."""

_NOT_CHECKED: Final = {
    kind: [f"not checked: whether the files that the metadata of {kind} name are there"]
    for kind in ("Lance", "TileDB", "Icechunk", "Precomputed")
}
_NOT_WHOLE: Final = (
    "metadata of stores is not checked in a comparison with filters, a deadline or skipped files"
)
_ADDED: Final = "added"
_BYTES: Final = "bytes"
_CONNECTIONS: Final = 16
# Not files of the store that the source has.
_ELSEWHERE: Final = frozenset({"delete", "extra", "remove"})


def find_change(item: Item) -> Change:
    """Return what a sync does with a store, given what it does with its files."""
    transferred, deleted = item.actions.get("transfer", 0), item.actions.get("delete", 0)
    if not transferred:
        return "unchanged" if not deleted else "reduced" if item.object_count else "deleted"
    if item.is_rewritten:
        return "rewritten in place"
    return "new" if item.actions.get(_ADDED, 0) == item.object_count else "appended"


class StoreSummary:
    """Writes reports with one line for each store.

    Args:
        reader: reads entry files by their names.
        is_change: whether the report is about changes, not about a comparison.
        is_whole: whether the report has all files of both sides.

    Attributes:
        stores: the lines of the first stores.
        count: the number of stores.
    """

    def __init__(self, reader: "NamedFiles", *, is_change: bool, is_whole: bool) -> None:
        self._reader = reader
        self._is_whole = is_whole
        self._promised = self._one_sided = 0
        self._damaged: list[str] = []
        self._damaged_count = 0
        self.stores: list[dict[str, Any]] = []
        self.count = 0
        self._is_change = is_change

    def write(self, report: Path, target: IO[str]) -> None:
        """Write a report whose lines are in the order of their paths.

        Raises:
            OSError: the report cannot be read, or the target cannot be written.
        """
        with filename_in_errors(report), report.open(encoding="ascii") as lines:
            target.writelines(self._lines(lines))
        if self._is_change:
            return
        if self._is_whole:
            target.writelines(self._check_lines(report))
        else:
            target.write(json.dumps({"action": "check", "not_checked": _NOT_WHOLE}) + "\n")

    def add_to(self, result: SyncResult) -> None:
        """Add the stores to the result of a sync."""
        result.stores = [SyncedStore.model_construct(**store) for store in self.stores]
        result.store_count = self.count
        if result.verification is not None and self._is_whole:
            result.verification.files_promised = self._promised
            result.verification.promised_missing = self._one_sided
            result.verification.metadata_damaged = self._damaged_count
            result.damaged_metadata = self._damaged or None

    def _check_lines(self, report: Path) -> Iterator[str]:
        """Yield a line for each array and table."""
        with report.open(encoding="ascii") as first, report.open(encoding="ascii") as second:
            for check in check_stores(first, second, self._reader):
                self._promised += check.promised
                self._one_sided += check.missing + check.extra
                self._damaged_count += len(check.damaged)
                self._damaged += check.damaged[: MAX_LISTED - len(self._damaged)]
                yield json.dumps({"action": "check", **check.to_dict()}) + "\n"

    def _lines(self, lines: Iterable[str]) -> Iterator[str]:
        stores = Stores(lists_files=True).find(map(_as_item, lines))
        for item in with_formats(stores, self._reader, _CONNECTIONS):
            if item.kind is None:
                yield item.record
                continue
            line = self._describe(item)
            self.count += 1
            if len(self.stores) < MAX_LISTED:
                self.stores.append(line)
            yield json.dumps({"action": "store", **line}) + "\n"

    def _describe(self, item: Item) -> dict[str, Any]:
        actions = {name: item.actions[name] for name in _SHOWN if item.actions.get(name)}
        line = {
            "kind": item.kind,
            "version": item.version,
            "path": item.path,
            "files": item.object_count,
            "size": item.size_bytes,
            "actions": actions,
            "bytes_transferred": item.actions.get(_BYTES) if self._is_change else None,
            "change": find_change(item) if self._is_change else None,
            "notes": None if self._is_change else _NOT_CHECKED.get(item.kind or ""),
        }
        return {name: value for name, value in line.items() if value is not None}


_SHOWN: Final = (
    "transfer",
    "delete",
    "remove",
    "failed",
    "keep",
    "archived",
    "different",
    "missing",
    "extra",
    "equal",
)


def _as_item(text: str) -> Item:
    line = json.loads(text)
    action, size = "failed" if "error" in line else line["action"], line["size"]
    source, path = line.get("source"), line.get("destination") or line["source"]
    actions: Mapping[str, int] = {action: 1}
    if action == "transfer":
        actions = {action: 1, _BYTES: size, _ADDED: int(line.get("reason") == "missing")}
    is_file = action not in _ELSEWHERE
    replaces = action == "transfer" and not actions[_ADDED] and find_rule(path) is None
    return Item(
        path,
        size if is_file else 0,
        int(is_file),
        actions=actions,
        replaces=replaces,
        entry_files=(source or path,),
        record=text,
    )


class NamedFiles:
    """Reads parts of files and objects by their names in a report.

    Args:
        source: the source, whose names start with it.
        source_s3: returns the S3 client for the source.
        target_s3: returns that for the destination.
    """

    def __init__(
        self, source: str, source_s3: Callable[[], S3], target_s3: Callable[[], S3]
    ) -> None:
        self._source = source
        self._source_s3 = source_s3
        self._target_s3 = target_s3

    def head(self, path: str, size: int) -> bytes:
        """Return the first bytes of a file."""
        return self._parts(path).head("", size)

    def tail(self, path: str, size: int) -> bytes:
        """Return the last bytes of a file."""
        return self._parts(path).tail("", size)

    def _parts(self, name: str) -> FileParts:
        s3 = self._source_s3 if name.startswith(self._source) else self._target_s3
        if not name.startswith(S3_SCHEME):
            return FileParts(Root(None, unquote_name(name)), s3)
        bucket, _, key = name.removeprefix(S3_SCHEME).partition("/")
        return FileParts(Root(bucket, key), s3)
