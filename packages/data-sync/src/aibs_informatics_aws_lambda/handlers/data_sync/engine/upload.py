"""Local files to S3."""

from __future__ import annotations

from concurrent.futures import Future

from aibs_informatics_aws_lambda.handlers.data_sync.engine.checksums import (
    file_has_etag,
    part_bytes_for,
)
from aibs_informatics_aws_lambda.handlers.data_sync.engine.files import check_unchanged
from aibs_informatics_aws_lambda.handlers.data_sync.engine.objects import head_first_part
from aibs_informatics_aws_lambda.handlers.data_sync.engine.plan import Step
from aibs_informatics_aws_lambda.handlers.data_sync.engine.routes import Route
from aibs_informatics_aws_lambda.handlers.data_sync.engine.s3 import S3, Request, Response

__all__ = ["Upload"]


class Upload:
    """Sends files to S3, with a checksum of the whole content that S3 verifies and keeps.

    Args:
        route: where files come from and objects go to.
        s3: what sends them.
    """

    def __init__(self, route: Route, s3: S3) -> None:
        self._route = route
        self._s3 = s3

    def start(self, step: Step) -> Future[Response]:
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
            )
        )

    def finish(self, step: Step, _: Response) -> None:
        """Check that the file is still what was listed.

        Raises:
            OSError: it is not, or is gone.
        """
        check_unchanged(self._route.source.at(step.item.relative), step.item)

    def is_same(self, step: Step) -> bool:
        """Tell whether a file has the content of the object at its target."""
        path = self._route.source.at(step.item.relative)
        etag = step.target_etag or ""
        return file_has_etag(path, step.item.size, etag, lambda: self._first_part_bytes(step))

    def abandon(self) -> None:
        """Nothing is left of uploads that did not end: S3 makes objects whole or not at all."""

    def _first_part_bytes(self, step: Step) -> int:
        headers = self._s3.ask(head_first_part(*self._target(step))).headers
        return int(headers["content-length"])

    def _target(self, step: Step) -> tuple[str, str]:
        target = self._route.target
        return target.bucket or "", target.at(step.target)
