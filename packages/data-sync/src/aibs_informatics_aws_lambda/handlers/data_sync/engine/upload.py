"""Local files to S3."""

from __future__ import annotations

from concurrent.futures import Future

from aibs_informatics_aws_lambda.handlers.data_sync.engine.checksums import (
    Check,
    file_has_etag,
    part_bytes_for,
    same_as_object,
)
from aibs_informatics_aws_lambda.handlers.data_sync.engine.files import check_unchanged
from aibs_informatics_aws_lambda.handlers.data_sync.engine.objects import (
    ObjectVersion,
    get_version,
    head_first_part,
)
from aibs_informatics_aws_lambda.handlers.data_sync.engine.plan import Step
from aibs_informatics_aws_lambda.handlers.data_sync.engine.progress import Moved
from aibs_informatics_aws_lambda.handlers.data_sync.engine.report import NO_EVIDENCE, Evidence
from aibs_informatics_aws_lambda.handlers.data_sync.engine.routes import Route
from aibs_informatics_aws_lambda.handlers.data_sync.engine.s3 import (
    S3,
    Request,
    Response,
    sends_checksums,
)

__all__ = ["Upload"]


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

    def start(self, step: Step, moved: Moved | None) -> Future[Response]:
        """Send a file."""
        item = step.item
        bucket, key = self._target(step)
        return self._s3.send(
            Request(
                "PutObject",
                "s3:PutObject",
                bucket,
                key,
                "PUT",
                send_file=self._route.source.at(item.relative),
                size=item.size,
                part_bytes=part_bytes_for(item.size),
                keeps_headers=self._reports,
            ),
            moved=moved,
        )

    def finish(self, step: Step, response: Response) -> Evidence:
        """Check that the file is still what was listed.

        Raises:
            OSError: it is not, or is gone.
        """
        check_unchanged(self._route.source.at(step.item.relative), step.item)
        return _evidence(response) if self._reports else NO_EVIDENCE

    def is_same(self, step: Step, check: Check) -> bool:
        """Tell whether a file has the content of the object at its target."""
        path = self._route.source.at(step.item.relative)
        etag, size = step.target_etag or "", step.item.size
        return file_has_etag(path, size, etag, lambda: self._first_part_bytes(step), check)

    def has_same_bytes(self, step: Step, check: Check) -> bool:
        """Tell the same by fetching the object."""
        version = ObjectVersion(*self._target(step), step.target_etag)
        path = self._route.source.at(step.item.relative)
        return same_as_object(path, self._s3, get_version(version, step.item.size), check)

    def abandon(self) -> None:
        """Nothing is left of uploads that did not end: S3 makes objects whole or not at all."""

    def _first_part_bytes(self, step: Step) -> int:
        headers = self._s3.ask(head_first_part(*self._target(step))).headers
        return int(headers["content-length"])

    def _target(self, step: Step) -> tuple[str, str]:
        target = self._route.target
        return target.bucket or "", target.at(step.target)


def _evidence(response: Response) -> Evidence:
    crc = response.headers.get("x-amz-checksum-crc64nvme")
    etag = response.headers.get("etag", "").strip('"')
    checksum = f"crc64nvme:{crc}" if crc else f"etag:{etag}"
    return Evidence(checksum, verified=sends_checksums())
