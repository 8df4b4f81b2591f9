"""An S3 Inventory report as the listing of a source.

A report is a snapshot, up to 48 hours old and eventually consistent: objects may have been
written, replaced and deleted since. What a sync does about it is in `sync.snapshot`.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import itemgetter

from ..entries import Entry, Listing
from ..external_sort import sort_externally
from ..locations import Location, s3_uri
from ..progress import activity
from ..s3.client import S3
from .files import find_manifest, open_files
from .manifest import InventoryError, Manifest, check_source
from .rows import read_csv, read_parquet


def find_in_inventory(location: Location, s3: Callable[[], S3], bucket: str, key: str) -> Listing:
    """Return the object with a key, and the objects below it, from a report, without a listing.

    All rows are read, verified and sorted at once, on disk but for the first thousands.

    Args:
        location: the ``manifest.json`` of the report.
        s3: makes the S3 client; it is called only for a report in S3.
        bucket: the bucket whose objects are listed.
        key: as for `s3.listing.find_in_s3`.

    Raises:
        InventoryError: the report is damaged, incomplete, of another bucket, without a column that
            is required, or may not cover the key. A key that is listed twice raises it when the
            entries are read.
        OSError: a local file cannot be read, or a temporary file cannot be written.
        AWSError: S3 refuses or cannot be reached.
    """
    manifest = find_manifest(location, s3)
    check_source(manifest, bucket)
    rows = _Rows(manifest, location, s3, key)
    ordered = sort_externally(rows, itemgetter(0))
    rows.check_coverage()
    entries = map(Entry._make, _without_duplicates(ordered, manifest.name))
    first = next(entries)
    if first.relative == key and not key.endswith("/") and key:
        below = _below(entries, rows.folder)
        second = next(below, None)
        rest: Iterable[Entry] = () if second is None else chain([second], below)
        return Listing(first._replace(relative=""), rest, exists=True)
    return Listing(None, _below(chain([first], entries), rows.folder), exists=True)


class _Rows:
    """The objects of a report at and below a key, in no particular order.

    Args:
        manifest: the manifest.
        location: its location.
        s3: makes the S3 client.
        key: the key.

    Attributes:
        folder: the prefix of the keys below it.
    """

    def __init__(
        self, manifest: Manifest, location: Location, s3: Callable[[], S3], key: str
    ) -> None:
        self.folder = f"{key}/" if key and not key.endswith("/") else key
        self._manifest = manifest
        self._location = location
        self._s3 = s3
        self._key = key
        self._first: str | None = None
        self._last = ""
        self._has_others = False

    def __iter__(self) -> Iterator[Entry]:
        for entry in self._read():
            if entry is None or not (
                entry.relative == self._key or entry.relative.startswith(self.folder)
            ):
                self._has_others = True
                continue
            if self._first is None or entry.relative < self._first:
                self._first = entry.relative
            if entry.relative > self._last:
                self._last = entry.relative
            activity.listed += 1
            yield entry

    def _read(self) -> Iterator[Entry | None]:
        manifest, bucket = self._manifest, self._manifest.source_bucket
        for name, content in open_files(manifest, self._location, self._s3):
            if manifest.format == "CSV":
                yield from read_csv(content, name, bucket, manifest.columns, self._key)
            else:
                yield from read_parquet(content, name, bucket, self._key)

    def check_coverage(self) -> None:
        """Raise `InventoryError` unless the report is about all keys at and below the key.

        A manifest does not tell the prefix of its configuration, but all rows start with it. An
        object elsewhere shows that it is no longer than the key, or objects in several folders.
        """
        name, uri = self._manifest.name, s3_uri(self._manifest.source_bucket, self._key)
        if self._first is None:
            raise InventoryError(
                f"the inventory {name} lists no object at or below {uri}: correct the source, or "
                "name a report whose configuration covers it"
            )
        common = _common_folder(self._first, self._last)
        if not self._has_others and len(common) > len(self.folder):
            covered = s3_uri(self._manifest.source_bucket, common)
            raise InventoryError(
                f"the inventory {name} may not cover {uri}: all objects that it lists are below "
                f"{covered}. Name that prefix as the source"
            )


def _common_folder(one: str, other: str) -> str:
    """Return the longest folder that two keys are in, with its slash."""
    size = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return one[: one.rfind("/", 0, size) + 1]


def _without_duplicates(
    rows: Iterable[tuple[object, ...]], name: str
) -> Iterator[tuple[object, ...]]:
    last: object = None
    for row in rows:
        if row[0] == last:
            raise InventoryError(
                f"cannot use the inventory {name}: it lists {last!r} twice. Take another report"
            )
        last = row[0]
        yield row


def _below(entries: Iterable[Entry], folder: str) -> Iterator[Entry]:
    """Yield entries with the paths below a folder, without the object that has its name."""
    start = len(folder)
    for entry in entries:
        yield entry._replace(relative=entry.relative[start:])
