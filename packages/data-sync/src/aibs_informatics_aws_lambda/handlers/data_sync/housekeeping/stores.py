"""Stores at a path, each with its kind, the version of its format, and its totals."""

from collections.abc import Iterator

from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..entries import Entry
from ..locations import Root, find_root
from ..store_formats import with_formats
from ..store_items import Item, Stores, Totals
from ..stored_lists import store_list
from ..sync.file_parts import FileParts
from . import contents, models
from .node_paths import NodePaths
from .times import to_datetime

# Requests for parts of entry files that wait side by side.
_CONNECTIONS = 16


class StoresAtPath:
    """The stores at a path, and the other files.

    Args:
        path: the path, which may be within a store.
        lists_files: whether files that are in no store are listed.
    """

    def __init__(self, path: DataLocation, *, lists_files: bool = False) -> None:
        found = find_root(path)
        end = "/" if found.path and not found.path.endswith("/") else ""
        self._root = Root(found.bucket, f"{found.path}{end}")
        self._stores = Stores(self._root.name(), lists_files=lists_files)
        self._path = path

    def __iter__(self) -> Iterator[Item]:
        """Yield stores and listed files in the order of their paths, while they are listed.

        Raises:
            OSError: a local path cannot be read.
            AWSError: the bucket does not exist, or a request to S3 failed.
        """
        below = contents.find_contents(self._path).below
        stores = self._stores.find(map(_as_item, below))
        return with_formats(stores, FileParts(self._root, contents.make_s3), _CONNECTIONS)

    @property
    def others(self) -> Item:
        """All files that are in no store, once all stores were read."""
        return self._stores.others.as_item("")

    def name(self, item: Item) -> str:
        """Return the S3 URI or the local path of an item."""
        return self._root.name(item.path)

    def text(self, item: Item) -> str:
        """Return `name` as valid Unicode text."""
        return self._root.text(item.path)


def _as_item(entry: Entry) -> Item:
    return Item(entry.relative, entry.size, 1, entry.modified)


def sum_up_stores(request: models.GetDataPathStatsRequest) -> models.GetDataPathStatsResponse:
    """Return the stats of a path, with those of the stores at any depth.

    Raises:
        OSError: a local path cannot be read.
        AWSError: the bucket does not exist, or a request to S3 failed.
    """
    found, total, listed = StoresAtPath(request.path), Totals(), []
    for item in found:
        total.add(item)
        listed.append(
            models.StoreStats(
                **_stats(item).model_dump(),
                path=found.text(item),
                kind=item.kind or "",
                version=item.version,
            )
        )
    total.add(found.others)
    paths = NodePaths(request.path)
    return models.GetDataPathStatsResponse(
        path=paths.of_summary(has_children=bool(total.object_count)),
        path_stats=_stats(total.as_item("")),
        children={},
        stores=store_list(listed, request.response_path, "stores"),
        other_files=_stats(found.others),
    )


def _stats(item: Item) -> models.DataPathStats:
    return models.DataPathStats(
        size_bytes=item.size_bytes,
        object_count=item.object_count,
        last_modified=to_datetime(item.last_modified),
    )
