"""The marker of a move: an object that exists while the source of a move is removed.

What was moved already looks extraneous to a sync from what is left of the source. While the marker
is there, no sync deletes anything at the destination.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..locations import Root
from ..s3 import requests
from ..s3.client import S3
from ..s3.listing import find_object

MOVE_MARKER: Final = ".data-sync-move"
"""The key of the marker, below the destination."""


@contextmanager
def move_marker(s3: S3, source: Root, target: Root) -> Iterator[None]:
    """Keep a marker at the destination until the source is removed.

    An error leaves the marker in place.

    Args:
        s3: the S3 client.
        source: the source of the move.
        target: the destination, in S3.

    Raises:
        AWSError: the marker cannot be written or deleted.
    """
    bucket, key = target.bucket or "", target.at(MOVE_MARKER)
    s3.ask(requests.put_text(bucket, key, _text(source)))
    yield
    s3.ask(requests.delete_one(bucket, key))


def finish_move(s3: S3, source: Root, target: Root) -> bool:
    """Delete the marker that a move of this source has left. Return whether there was one.

    A move that was killed after it had removed its source leaves nothing but the marker.

    Args:
        s3: the S3 client.
        source: the source, which does not exist any more.
        target: the destination, in S3.

    Raises:
        AWSError: the marker cannot be read or deleted.
    """
    bucket, key = target.bucket or "", target.at(MOVE_MARKER)
    found = find_object(s3, bucket, key)
    if found is None:
        return False
    version = requests.ObjectVersion(bucket, key, found.etag or "")
    if s3.ask(requests.get_version(version, found.size)).body != _text(source).encode():
        return False
    s3.ask(requests.delete_one(bucket, key))
    return True


def _text(source: Root) -> str:
    # The next run may name the same local path from another directory.
    name = source.name() if source.bucket is not None else os.path.abspath(source.path)  # noqa: PTH100
    return f"{name} is being removed\n"
