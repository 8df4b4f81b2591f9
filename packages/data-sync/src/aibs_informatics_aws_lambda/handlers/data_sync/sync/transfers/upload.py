"""Upload: local files to objects."""

from concurrent.futures import Future
from functools import partial

from ...local.files import check_unchanged, file_digest
from ...progress import CheckDeadline, OnBytes
from ...s3.client import S3, sends_checksums
from ...s3.etags import file_has_etag, first_part_bytes, object_digest, part_bytes_for
from ...s3.requests import ObjectVersion, Request, Response, get_version, object_version
from ..diff import Step
from ..report import NO_EVIDENCE, Evidence
from ..routes import Route


class Upload:
    """Uploads files with a checksum of the whole content, which S3 verifies and stores.

    Args:
        route: the route.
        s3: the S3 client.
        reports: whether the checksums are reported.
    """

    def __init__(self, route: Route, s3: S3, *, reports: bool = False) -> None:
        self._route = route
        self._s3 = s3
        self._reports = reports

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[Response]:
        """Start to upload a file."""
        entry = step.entry
        bucket, key, _ = self._target(step)
        return self._s3.send(
            Request(
                "PutObject",
                "s3:PutObject",
                bucket,
                key,
                "PUT",
                send_file=self._route.source.at(entry.relative),
                size=entry.size,
                part_bytes=part_bytes_for(entry.size),
                keeps_headers=self._reports,
            ),
            on_bytes=on_bytes,
        )

    def publish(self, step: Step, response: Response) -> Evidence:
        """Check that the file is still what was listed; S3 has published the object itself.

        Raises:
            OSError: it has changed, or is gone.
        """
        path = self._route.source.at(step.entry.relative)
        check_unchanged(path, step.entry)
        return _evidence(path, step.entry.size, response) if self._reports else NO_EVIDENCE

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether a file has the ETag of the object at its target."""
        path = self._route.source.at(step.entry.relative)
        target, size = self._target(step), step.entry.size
        part_bytes = partial(first_part_bytes, self._s3, target)
        return file_has_etag(path, size, target.etag, part_bytes, check)

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether a file has the content of the object at its target, by downloading it."""
        request = get_version(self._target(step), step.entry.size)
        digest = file_digest(self._route.source.at(step.entry.relative), check)
        return digest == object_digest(self._s3, request, check)

    def discard(self) -> None:
        """Do nothing: S3 makes objects whole or not at all."""

    def _target(self, step: Step) -> ObjectVersion:
        return object_version(self._route.target, step.target, step.target_etag)


def _evidence(path: str, size: int, response: Response) -> Evidence:
    """Return what the service says of the content: without a checksum, the ETag must match."""
    crc = response.headers.get("x-amz-checksum-crc64nvme")
    if crc:
        return Evidence(f"crc64nvme:{crc}", verified=sends_checksums())
    etag = response.headers.get("etag", "").strip('"')
    if not etag:
        return NO_EVIDENCE
    part_bytes = partial(part_bytes_for, size)
    verified = file_has_etag(path, size, etag, part_bytes, check=lambda: None)
    return Evidence(f"etag:{etag}", verified=verified)
