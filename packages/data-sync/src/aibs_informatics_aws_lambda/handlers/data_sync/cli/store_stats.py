"""``data-sync stats --stores``: each store at a path as one item."""

import json
from collections.abc import Iterator, Sequence

from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..housekeeping import contents, times
from ..housekeeping.stores import Store, find_stores
from .output import format_size, format_time, print_lines

_OTHERS = "(other files)"


def show_stores(path: DataLocation, *, as_json: bool) -> None:
    """Print the stores at a path, and all other files together, as a table or as JSON.

    Raises:
        OSError: a local path cannot be read.
        AWSError: the bucket does not exist, or a request to S3 failed.
    """
    location = str(path).rstrip("/")
    stores = find_stores(contents.find_contents(path).below, location)
    names = [_name(location, store) for store in stores]
    if as_json:
        print_lines([json.dumps({"stores": list(map(_to_json, stores, names))})])
    else:
        print_lines(_table(stores, names))


def _table(stores: Sequence[Store], names: Sequence[str]) -> Iterator[str]:
    rows = [("SIZE", "FILES", "LAST MODIFIED", "KIND", "VERSION", "NAME")]
    rows += [_row(store, name) for store, name in zip(stores, names, strict=True)]
    size, files, time, kind, version, _ = (
        max(map(len, column)) for column in zip(*rows, strict=True)
    )
    for row in rows:
        yield (
            f"{row[0]:>{size}}  {row[1]:>{files}}  {row[2]:<{time}}  {row[3]:<{kind}}  "
            f"{row[4]:<{version}}  {row[5]}"
        )


def _row(store: Store, name: str) -> tuple[str, str, str, str, str, str]:
    modified = format_time(times.to_datetime(store.last_modified)) if store.object_count else "-"
    count = f"{store.object_count:,}"
    size = format_size(store.size_bytes)
    return size, count, modified, store.kind or "-", store.version or "-", name


def _to_json(store: Store, name: str) -> dict[str, object]:
    document = {
        "path": name if store.kind else None,
        "kind": store.kind,
        "version": store.version,
        "size_bytes": store.size_bytes,
        "object_count": store.object_count,
    }
    return {name: value for name, value in document.items() if value is not None}


def _name(location: str, store: Store) -> str:
    if store.kind is None:
        return _OTHERS
    return f"{location}/{store.path}"
