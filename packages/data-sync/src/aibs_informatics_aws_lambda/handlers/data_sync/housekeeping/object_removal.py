"""Removal of objects from S3 by their URIs."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from itertools import islice

from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..entries import Entry
from ..locations import find_root
from ..s3 import requests
from ..s3.client import S3
from ..s3.listing import find_in_s3, find_object
from ..s3.xml import find_text, fits_xml

_PARALLEL_REQUESTS = 8


def find_objects(s3: S3, path: S3Path, *, recursive: bool) -> Iterator[tuple[str, Entry]]:
    """Yield the key and entry of the object at a URI, and with ``recursive`` of those below it.

    Raises:
        ValueError: objects in the bucket cannot be removed.
        AWSError: the bucket does not exist, or cannot be listed.
    """
    find_root(path)
    if not recursive:
        single = find_object(s3, path.bucket, path.key)
        if single:
            yield path.key, single
        return
    found = find_in_s3(s3, path.bucket, path.key)
    if found.single:
        yield path.key, found.single
    prefix = path.with_folder_suffix.key
    for entry in found.below:
        yield prefix + entry.relative, entry


def delete_objects(s3: S3, bucket: str, keys: Iterable[str]) -> int:
    """Delete objects, up to 1,000 with each request, and return their number.

    Raises:
        AWSError: an object cannot be deleted. Others may have been deleted.
    """
    count = 0
    sent: deque[Future[requests.Response]] = deque()
    remaining = iter(keys)
    while batch := list(islice(remaining, requests.KEYS_PER_DELETION)):
        named = [(key, None) for key in batch if fits_xml(key)]
        if named:
            sent.append(s3.send(requests.delete_several(bucket, named)))
        # XML cannot hold all control characters.
        sent.extend(
            s3.send(requests.delete_one(bucket, key)) for key in batch if not fits_xml(key)
        )
        while len(sent) >= _PARALLEL_REQUESTS:
            requests.check_deletions(bucket, sent.popleft().result())
        count += len(batch)
    for future in sent:
        requests.check_deletions(bucket, future.result())
    return count


def is_versioned(awaited: Future[requests.Response]) -> bool:
    """Return whether a bucket keeps deleted objects as versions; false if that is unknown.

    Args:
        awaited: the response to the request of `requests.get_versioning`.
    """
    try:
        body = awaited.result().body.decode(errors="replace")
    except AWSError:
        return False
    return find_text(body, "Status") == "Enabled"
