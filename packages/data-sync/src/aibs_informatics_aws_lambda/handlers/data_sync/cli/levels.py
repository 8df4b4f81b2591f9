"""The entries directly below a path, without those at greater depths."""

import datetime as dt
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from aibs_informatics_aws_lambda.common.aws import named_errors
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.locations import DataLocation

from ..entries import Entry
from ..housekeeping.times import to_datetime
from ..local.descent import Pace
from ..locations import resolve
from ..progress import activity

# Where a file system takes its time.
_THREADS = 32


class LevelEntry(NamedTuple):
    """A file, folder, object, common prefix or bucket.

    Args:
        name: its name; that of a folder, prefix or bucket ends in a slash.
        size: in bytes; `None` for folders.
        modified: when it was last modified; `None` for prefixes.
    """

    name: str
    size: int | None = None
    modified: dt.datetime | None = None


def list_level(path: DataLocation) -> Iterator[LevelEntry]:
    """Yield the entries directly below a path, and the file or object at it, in no defined order.

    Raises:
        OSError: a local path does not exist or cannot be read.
        AWSError: the bucket does not exist, or a request to S3 failed.
    """
    location = resolve(path)
    return _list_prefix(location) if isinstance(location, S3Path) else _list_local(location)


def list_buckets() -> Iterator[LevelEntry]:
    """Yield the buckets of the account.

    Raises:
        AWSError: the request failed.
    """
    from ..s3.botocore_client import s3_client

    with named_errors("list buckets", permission="s3:ListAllMyBuckets"):
        for bucket in s3_client().list_buckets()["Buckets"]:
            yield LevelEntry(f"{bucket['Name']}/", None, bucket.get("CreationDate"))


def _list_prefix(path: S3Path) -> Iterator[LevelEntry]:
    # Folders are listed without it.
    from ..housekeeping.contents import make_s3
    from ..s3 import listing

    s3, prefix = make_s3(), path.with_folder_suffix.key
    if prefix != path.key:
        found = listing.find_object(s3, path.bucket, path.key)
        if found is not None:
            yield _object(found, path.key.rpartition("/")[2])
    for page in listing.list_level(s3, path.bucket, prefix):
        yield from map(LevelEntry, page.prefixes)
        # Not the object that stands for the folder itself.
        yield from (_object(each, each.relative) for each in page.objects if each.relative)


def _object(found: Entry, name: str) -> LevelEntry:
    return LevelEntry(name, found.size, to_datetime(found.modified))


def _list_local(path: Path) -> Iterator[LevelEntry]:
    if not path.is_dir():
        found = path.stat()
        yield LevelEntry(path.name, found.st_size, to_datetime(found.st_mtime))
        return
    pace = Pace()
    with os.scandir(path) as children:
        for child in children:
            start = time.perf_counter()
            entry = _child_entry(child)
            pace.note(time.perf_counter() - start)
            activity.listed += 1
            yield entry
            if pace.is_slow():
                with ThreadPoolExecutor(_THREADS) as pool:
                    for other in pool.map(_child_entry, children):
                        activity.listed += 1
                        yield other


def _child_entry(child: os.DirEntry[str]) -> LevelEntry:
    try:
        found = child.stat()
    except OSError:
        # A dangling symbolic link.
        found = child.stat(follow_symlinks=False)
    is_folder = child.is_dir()
    return LevelEntry(
        f"{child.name}/" if is_folder else child.name,
        None if is_folder else found.st_size,
        to_datetime(found.st_mtime),
    )
