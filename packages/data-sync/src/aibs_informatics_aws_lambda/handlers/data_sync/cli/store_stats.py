"""``data-sync stats --stores``: each store at a path as one item."""

import json
from collections.abc import Iterator

from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..housekeeping import times
from ..housekeeping.stores import StoresAtPath
from ..store_items import Item
from .output import format_size, format_time, print_lines

_OTHERS = "(other files)"
# Stores are shown while they are found: how wide the columns will be is not known.
_ROW = "{:>10}  {:>11}  {:<19}  {:<8}  {:<7}  {}"


def show_stores(path: DataLocation, *, as_json: bool) -> None:
    """Print the stores at a path, and all other files together, as a table or as JSON.

    Raises:
        OSError: a local path cannot be read.
        AWSError: the bucket does not exist, or a request to S3 failed.
    """
    stores = StoresAtPath(path)
    print_lines(_json_lines(stores) if as_json else _table(stores))


def _table(stores: StoresAtPath) -> Iterator[str]:
    yield _ROW.format("SIZE", "FILES", "LAST MODIFIED", "KIND", "VERSION", "NAME")
    for item in stores:
        yield _row(item, stores.name(item))
    yield _row(stores.others, _OTHERS)


def _row(item: Item, name: str) -> str:
    size, count = format_size(item.size_bytes), f"{item.object_count:,}"
    modified = format_time(times.to_datetime(item.last_modified)) if item.object_count else "-"
    return _ROW.format(size, count, modified, item.kind or "-", item.version or "-", name)


def _json_lines(stores: StoresAtPath) -> Iterator[str]:
    """Yield the lines of one JSON object."""
    yield '{"stores": ['
    for item in stores:
        yield f"{json.dumps(as_json(item, stores.text(item)))},"
    yield f"{json.dumps(as_json(stores.others, None))}"
    yield "]}"


def as_json(item: Item, name: str | None) -> dict[str, object]:
    """Return the fields of a store or file that have a value."""
    document = {
        "path": name,
        "kind": item.kind,
        "version": item.version,
        "size_bytes": item.size_bytes,
        "object_count": item.object_count,
        "last_modified": f"{format_time(times.to_datetime(item.last_modified), 'T')}Z"
        if item.object_count
        else None,
    }
    return {name: value for name, value in document.items() if value is not None}
