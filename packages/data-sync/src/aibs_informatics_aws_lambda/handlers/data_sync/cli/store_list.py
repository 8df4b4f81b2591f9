"""``data-sync ls --stores``: files, folders, and stores as single items."""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

from aibs_informatics_aws_lambda.storage.paths import DataLocation
from aibs_informatics_aws_lambda.storage.quoted_names import quote_name

from ..housekeeping.stores import StoresAtPath
from ..housekeeping.times import to_datetime
from ..store_items import Item
from .levels import LevelEntry
from .output import format_count


class StoreEntry(NamedTuple):
    """An entry of a listing, which may be a store.

    Args:
        listed: its name, size and time.
        item: the store or file; `None` for a folder.
    """

    listed: LevelEntry
    item: Item | None = None

    @property
    def note(self) -> str:
        """What the store is, for lines of text; empty for other entries."""
        if self.item is None or self.item.kind is None:
            return ""
        kind = " ".join(filter(None, (self.item.kind, self.item.version)))
        return f"  ({kind}, {format_count(self.item.object_count)})"


def list_with_stores(
    path: DataLocation, selects: Callable[[LevelEntry], bool], *, recursive: bool
) -> Iterator[StoreEntry]:
    """Yield stores as single entries, and other files and folders, in the order of their paths.

    Args:
        path: the path.
        selects: returns whether an entry is listed, by its path below the root.
        recursive: whether all files and stores below the path are listed, by their full names;
            else those directly below it, and the folders there that are no stores.

    Raises:
        OSError: a local path cannot be read.
        AWSError: the bucket does not exist, or a request to S3 failed.
    """
    stores, last = StoresAtPath(path, lists_files=True), ""
    for item in stores:
        folder, slash, _ = item.path.removesuffix("/").partition("/")
        if slash and not recursive:
            name = f"{folder}/"
            if name != last and selects(LevelEntry(name)):
                yield StoreEntry(LevelEntry(name))
            last = name
        elif selects(LevelEntry(item.path)):
            name = stores.name(item) if recursive or not item.path else item.path
            modified = to_datetime(item.last_modified)
            yield StoreEntry(LevelEntry(name, item.size_bytes, modified), item)


def to_json(entry: StoreEntry, as_json: Callable[[LevelEntry], str]) -> str:
    """Return an entry as JSON: that of other listings, and for stores what they are."""
    document = json.loads(as_json(entry.listed))
    if entry.item is not None and entry.item.kind is not None:
        found = {"kind": entry.item.kind, "version": entry.item.version}
        found = {name: value for name, value in found.items() if value is not None}
        document |= {**found, "object_count": entry.item.object_count}
    return json.dumps({**document, "name": quote_name(entry.listed.name)})
