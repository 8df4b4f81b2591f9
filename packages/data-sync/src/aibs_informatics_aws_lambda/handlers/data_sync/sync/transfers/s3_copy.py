"""Copy of objects within S3."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ...progress import CheckDeadline, OnBytes
from ...s3 import requests
from ...s3.client import S3
from ...s3.etags import first_part_bytes, object_digest, part_bytes_for, parts_of
from ..diff import Step
from ..report import Evidence
from ..routes import Route
from ..window import Window

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
_MAX_COPY_BYTES = 5 * 2**30
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_MIN_PART_BYTES = 5 * 2**20
_PARTS_AT_A_TIME = 8

# What CompleteMultipartUpload, unlike CopyObject, does not copy from the source object.
_METADATA = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
        "x-amz-website-redirect-location",
    }
)


class S3Copy:
    """Copies objects on the server side.

    An object that was uploaded in parts is copied in the same parts, which preserves its ETag: the
    next sync finds both equal.

    Args:
        route: the route.
        s3: the S3 client.
        pool: the threads that copy objects in parts.
    """

    def __init__(self, route: Route, s3: S3, pool: Executor) -> None:
        self._route = route
        self._s3 = s3
        self._pool = pool

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[requests.Response]:
        """Start to copy an object."""
        source = self._source(step)
        if step.entry.size > _MAX_COPY_BYTES or parts_of(source.etag) is not None:
            return self._pool.submit(self._copy_large, step, on_bytes)
        target = self._target(step)
        return self._s3.send(requests.copy_whole(source, target.bucket, target.key))

    def publish(self, step: Step, response: requests.Response) -> Evidence:
        """Check that S3 confirms the copy, which it has published itself.

        Raises:
            AWSError: the response, whose status is 200, does not confirm it.
        """
        try:
            etag = requests.copied_etag(response)
        except AWSError as error:
            source = self._route.source.name(step.entry.relative)
            target = self._route.target.name(step.target)
            raise AWSError(f"cannot copy {source} to {target}: {error}") from None
        if not etag:
            # Some services leave the ETag of what they put together from parts empty.
            bucket, key, _ = self._target(step)
            found = self._s3.ask(requests.head(bucket, key))
            etag = requests.read_stored(found, is_head=True).etag
        return Evidence(f"etag:{etag}", verified=etag == step.entry.etag, etag=etag)

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool:  # noqa: ARG002
        """Tell whether both objects have the same ETag."""
        return step.entry.etag == step.target_etag

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether both objects have the same content, by downloading both."""
        versions = self._source(step), self._target(step)
        source, target = (requests.get_version(version, step.entry.size) for version in versions)
        digest = object_digest(self._s3, source, check)
        return digest == object_digest(self._s3, target, check)

    def discard(self, received: Sequence[tuple[Step, Any]]) -> None:
        """Do nothing: S3 makes objects whole or not at all."""

    def _source(self, step: Step) -> requests.ObjectVersion:
        return requests.object_version(self._route.source, step.entry.relative, step.entry.etag)

    def _target(self, step: Step) -> requests.ObjectVersion:
        return requests.object_version(self._route.target, step.target, step.target_etag)

    def _copy_large(self, step: Step, on_bytes: OnBytes | None) -> requests.Response:
        source, target = self._source(step), self._target(step)
        first_bytes = first_part_bytes(self._s3, source)
        part_bytes = _part_bytes(step.entry.size, source.etag, first_bytes)
        if part_bytes is None:
            return self._s3.ask(requests.copy_whole(source, target.bucket, target.key))
        return self._copy_parts(step, part_bytes, self._metadata(source), on_bytes)

    def _copy_parts(
        self, step: Step, part_bytes: int, metadata: Mapping[str, str], on_bytes: OnBytes | None
    ) -> requests.Response:
        source, size = self._source(step), step.entry.size
        bucket, key, _ = self._target(step)
        created = self._s3.ask(requests.create_upload(bucket, key, metadata))
        upload_id = requests.read_text(created, "UploadId")
        try:
            etags: dict[int, str] = {}
            window = Window(_PARTS_AT_A_TIME)
            for number, start in enumerate(range(0, size, part_bytes), 1):
                span = range(start, min(start + part_bytes, size))
                part = requests.copy_part(source, bucket, key, upload_id, number, span)
                window.add(partial(self._s3.send, part), partial(_note_part, etags, number))
                if on_bytes:
                    on_bytes(len(span))
            window.drain()
            in_order = [etags[number] for number in sorted(etags)]
            return self._s3.ask(requests.complete_upload(bucket, key, upload_id, in_order))
        except BaseException:
            # Not awaited: what went wrong is the error to report.
            self._s3.send(requests.abort_upload(bucket, key, upload_id))
            raise

    def _metadata(self, source: requests.ObjectVersion) -> dict[str, str]:
        # Not those of the first part: some services answer with that part's own.
        headers = self._s3.ask(requests.head(source.bucket, source.key)).headers
        kept = {
            name: value
            for name, value in headers.items()
            if name in _METADATA or name.startswith("x-amz-meta-")
        }
        if int(headers.get("x-amz-tagging-count", 0)):
            tags = self._s3.ask(requests.get_tags(source.bucket, source.key))
            kept["x-amz-tagging"] = requests.read_tags(tags)
        return kept


def _note_part(etags: dict[int, str], number: int, part: Future[requests.Response]) -> None:
    etags[number] = requests.read_text(part.result(), "ETag")


def _part_bytes(size: int, etag: str, first_bytes: int) -> int | None:
    """Return the size of the parts to copy an object in, or `None` if it is copied as a whole."""
    number = parts_of(etag)
    is_regular = number == 1 or first_bytes >= _MIN_PART_BYTES
    if number and is_regular and -(-size // max(1, first_bytes)) == number:
        return first_bytes
    return part_bytes_for(size) if size > _MAX_COPY_BYTES else None
