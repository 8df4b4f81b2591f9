"""Deletion of objects that must still be what was listed.

AWS deletes an object only if it has the ETag that a request names. Many other services ignore the
condition, or refuse it: they are asked for the ETag first, and for the deletion at once.
"""

import os

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError

from ..evidence import StoredObject, is_unchanged
from ..locations import s3_uri
from . import requests
from .client import S3

_ANOTHER_ETAG = "0" * 32


def honours_conditions(s3: S3, bucket: str, prefix: str) -> bool:
    """Return whether a service deletes objects with an ETag only.

    A service other than AWS is requested, once, to delete an object that does not exist, with an
    ETag: only one that honours conditions reports that this has failed.

    Args:
        s3: the S3 client.
        bucket: a bucket.
        prefix: the prefix of the key, which the credentials in use may delete.
    """
    service = s3.service
    if service.deletes_on_condition is None:
        key = f"{prefix}.data-sync-{os.urandom(16).hex()}"
        request = requests.delete_several(bucket, [(key, _ANOTHER_ETAG)])
        try:
            errors = requests.deletion_errors(s3.ask(request))
        except AWSError:
            errors = []
        service.deletes_on_condition = errors == ["PreconditionFailed"]
    return service.deletes_on_condition


def delete_version(s3: S3, version: requests.ObjectVersion) -> None:
    """Delete an object unless it has been replaced.

    Raises:
        AWSError: it cannot be deleted.
    """
    bucket, key, etag, *_ = version
    request = requests.delete_one(bucket, key, etag if s3.service.is_aws else None)
    try:
        found = requests.read_stored(s3.ask(requests.head(bucket, key)), is_head=True)
        if found.etag == etag:
            requests.check_deletions(bucket, s3.ask(request), one=True)
    except ResourceNotFoundError:
        return


def delete_unchanged(s3: S3, version: requests.ObjectVersion) -> None:
    """Delete an object if it still is what was listed, on a service that ignores conditions.

    Raises:
        AWSError: it is not, or it cannot be deleted.
    """
    bucket, key = version.bucket, version.key
    try:
        found = requests.read_stored(s3.ask(requests.head(bucket, key)), is_head=True)
    except ResourceNotFoundError:
        return
    if not _is_listed(s3, version, found):
        raise AWSError(
            f"cannot delete {s3_uri(bucket, key)}: it changed after it was listed, and has the "
            f"ETag {found.etag} instead of {version.etag}. Sync again"
        )
    requests.check_deletions(bucket, s3.ask(requests.delete_one(bucket, key)), one=True)


def _is_listed(s3: S3, version: requests.ObjectVersion, found: StoredObject) -> bool:
    served = s3.service.served_etag(version.bucket, version.key)
    if found.etag in (version.etag, served):
        return True
    return is_unchanged(version.size, version.modified, found, s3.service.seconds)
