"""Local files to S3."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial

from ...local.files import check_unchanged
from ...progress import CheckDeadline, OnBytes
from ...s3.client import S3, Request, Response, sends_checksums
from ...s3.etags import file_has_etag, first_part_bytes, part_bytes_for, same_as_object
from ...s3.requests import get_version
from ..diff import Step
from ..report import NO_EVIDENCE, Evidence
from ..routes import Route
from ..versions import target_version


class Upload:
    """Sends files to S3, with a checksum of the whole content that S3 verifies and keeps.

    Args:
        route: where files come from and objects go to.
        s3: what sends them.
        reports: whether anybody asks for their checksums.
    """

    def __init__(self, route: Route, s3: S3, *, reports: bool = False) -> None:
        self._route = route
        self._s3 = s3
        self._reports = reports

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[Response]:
        """Send a file."""
        entry = step.entry
        bucket, key, _ = target_version(self._route, step)
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

    def finish(self, step: Step, response: Response) -> Evidence:
        """Check that the file is still what was listed.

        Raises:
            OSError: it is not, or is gone.
        """
        check_unchanged(self._route.source.at(step.entry.relative), step.entry)
        return _evidence(response) if self._reports else NO_EVIDENCE

    def is_same(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether a file has the content of the object at its target."""
        path = self._route.source.at(step.entry.relative)
        target, size = target_version(self._route, step), step.entry.size
        part_bytes = partial(first_part_bytes, self._s3, target)
        return file_has_etag(path, size, target.etag, part_bytes, check)

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Tell the same by fetching the object."""
        path = self._route.source.at(step.entry.relative)
        request = get_version(target_version(self._route, step), step.entry.size)
        return same_as_object(path, self._s3, request, check)

    def abandon(self) -> None:
        """Nothing is left of uploads that did not end: S3 makes objects whole or not at all."""


def _evidence(response: Response) -> Evidence:
    crc = response.headers.get("x-amz-checksum-crc64nvme")
    etag = response.headers.get("etag", "").strip('"')
    checksum = f"crc64nvme:{crc}" if crc else f"etag:{etag}"
    return Evidence(checksum, verified=sends_checksums())
