"""A multipart upload from its start to its completion."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from types import TracebackType

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from . import requests
from .client import S3
from .service import Feature


class MultipartUpload:
    """A multipart upload, which an error in its ``with`` block aborts.

    Args:
        s3: the S3 client.
        bucket: the bucket of the object.
        key: its key.
        headers: metadata, tags and settings of the object.

    Attributes:
        upload_id: the ID of the upload.
        is_encrypted: whether the ETag will not be a digest of the content.

    Raises:
        AWSError: the upload cannot be started.
    """

    def __init__(self, s3: S3, bucket: str, key: str, headers: Mapping[str, str]) -> None:
        self._s3, self._bucket, self._key = s3, bucket, key
        self._tags = headers.get("x-amz-tagging")
        self._etags: dict[int, str] = {}
        created = s3.ask(requests.create_upload(bucket, key, headers))
        self.upload_id = requests.read_text(created, "UploadId")
        self.is_encrypted = requests.read_stored(created, is_head=False).is_encrypted

    def __enter__(self) -> MultipartUpload:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            # Not awaited: what went wrong is the error to report.
            self._s3.send(requests.abort_upload(self._bucket, self._key, self.upload_id))

    def note_copied(self, number: int, part: Future[requests.Response]) -> None:
        """Note a part that the service has copied.

        Raises:
            AWSError: the part was not copied.
        """
        self._etags[number] = requests.read_text(part.result(), "ETag")

    def note_sent(self, number: int, part: Future[requests.Response]) -> None:
        """Note a part that was uploaded.

        Raises:
            AWSError: the part was not uploaded, or the service does not confirm it.
        """
        etag = part.result().headers.get("etag")
        if not etag:
            raise requests.unconfirmed_part(self._bucket, self._key, number)
        self._etags[number] = etag

    def complete(self) -> requests.Response:
        """Put the object together from all parts, and return the response.

        Raises:
            AWSError: the service refuses.
        """
        etags = [self._etags[number] for number in sorted(self._etags)]
        bucket, key = self._bucket, self._key
        return self._s3.ask(requests.complete_upload(bucket, key, self.upload_id, etags))

    def restore_tags(self) -> None:
        """Set the tags, which some services forget when they put an object together.

        Raises:
            AWSError: the tags cannot be set.
        """
        service = self._s3.service
        if not self._tags or service.is_aws or not service.supports(Feature.TAGS):
            return
        found = self._find_tags()
        if found is None:
            # Such a service may take the tags for the content of the object.
            service.note_lack(Feature.TAGS)
        elif sorted(found.split("&")) != sorted(self._tags.split("&")):
            self._s3.ask(requests.put_tags(self._bucket, self._key, self._tags))

    def _find_tags(self) -> str | None:
        try:
            response = self._s3.ask(requests.get_tags(self._bucket, self._key))
        except AWSError:
            return None
        return requests.read_tags(response) if requests.has_tags(response) else None
