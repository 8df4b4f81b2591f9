"""Removal of objects from S3 by their URIs."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from itertools import islice

from aibs_informatics_aws_lambda.common.aws import named_errors
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..entries import Entry
from ..s3 import requests
from ..s3.botocore_client import s3_client
from ..s3.client import S3
from ..s3.xml import fits_xml
from .contents import find_contents

_PARALLEL_REQUESTS = 8


def find_objects(path: S3Path, *, recursive: bool) -> Iterator[tuple[str, Entry]]:
    """Yield the key and entry of the object at a URI, and with ``recursive`` of those below it.

    Raises:
        AWSError: the bucket does not exist, or cannot be listed.
    """
    found = find_contents(path)
    if found.single:
        yield path.key, found.single
    if recursive:
        prefix = path.with_folder_suffix.key
        for entry in found.below:
            yield prefix + entry.relative, entry


def delete_objects(bucket: str, keys: Iterable[str]) -> int:
    """Delete objects, up to 1,000 with each request, and return their number.

    Raises:
        AWSError: an object cannot be deleted. Others may have been deleted.
    """
    s3, count = S3(_PARALLEL_REQUESTS), 0
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


def is_versioned(bucket: str) -> bool:
    """Return whether a bucket keeps deleted objects as versions; false if that is unknown."""
    try:
        with named_errors(f"get the versioning of {bucket}", permission="s3:GetBucketVersioning"):
            status = s3_client().get_bucket_versioning(Bucket=bucket).get("Status")
    except AWSError:
        return False
    return bool(status == "Enabled")
