"""What is stored of a version of an object, and whether it is still the same."""

from __future__ import annotations

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..evidence import StoredObject
from ..locations import s3_uri
from . import requests
from .client import S3


def find_stored(s3: S3, version: requests.ObjectVersion) -> StoredObject:
    """Return what the service says of an object, its checksum included.

    Raises:
        ResourceNotFoundError: there is no such object.
        AWSError: the service refuses.
    """
    response = s3.ask(requests.head_checksum(version.bucket, version.key))
    return requests.read_stored(response, is_head=True)


def check_unchanged(s3: S3, source: requests.ObjectVersion, before: requests.Response) -> None:
    """Check that all parts of a copy are of one version, on services that may ignore conditions.

    Args:
        s3: the client of its service.
        source: the object.
        before: the response to a HEAD before the first part was read.

    Raises:
        AWSError: it has changed.
    """
    if s3.service.is_aws:
        return
    after = s3.ask(requests.head(source.bucket, source.key))
    names = ("etag", "last-modified", "content-length")
    if any(before.headers.get(name) != after.headers.get(name) for name in names):
        raise AWSError(
            f"cannot copy {s3_uri(source.bucket, source.key)}: it changed while it was copied in "
            "parts. Sync again"
        )
