"""Archived objects, which must be restored before they can be read.

Listings tell the storage class, and on AWS whether an object of it is restored. Only a request for
an object shows whether it is in an archive tier of Intelligent-Tiering.
"""

from collections.abc import Mapping

from ..entries import Entry
from ..s3 import requests
from ..s3.client import S3

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/archived-objects.html
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_RESTORED = 'ongoing-request="false"'


def must_restore(s3: S3, bucket: str, key: str, entry: Entry) -> bool:
    """Return whether an object must be restored before it can be read, as far as a listing tells.

    Raises:
        AWSError: the listing does not tell, and the metadata of the object cannot be read.
    """
    if entry.storage_class not in _ARCHIVES:
        return False
    # The listings of AWS leave out the storage class of what is restored, see `s3.listing`.
    return s3.service.is_aws or is_archived(s3.ask(requests.head(bucket, key)).headers)


def is_archived(headers: Mapping[str, str]) -> bool:
    """Tell from the metadata of an object whether it must be restored before it can be read."""
    if _RESTORED in headers.get("x-amz-restore", ""):
        return False
    is_in_tier = bool(headers.get("x-amz-archive-status"))
    return is_in_tier or headers.get("x-amz-storage-class") in _ARCHIVES


def describe(count: int, size: int, example: str) -> str:
    """Return how many archived objects there are, and what to do about them.

    Args:
        count: the number of objects.
        size: their size in bytes.
        example: the URI of one of them.
    """
    are = f"object, {example}, is"
    if count > 1:
        are = f"objects ({size:,} bytes), such as {example}, are"
    return (
        f"{count:,} {are} archived and must be restored first: use S3 Batch Operations, or "
        "aws s3api restore-object"
    )
