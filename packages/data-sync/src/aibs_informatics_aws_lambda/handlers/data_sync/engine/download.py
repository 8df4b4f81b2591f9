"""Objects to local files."""

from __future__ import annotations

import errno
import os
import shutil
from concurrent.futures import Future

from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.engine.checksums import file_has_etag
from aibs_informatics_aws_lambda.handlers.data_sync.engine.files import Folders, temporary_path
from aibs_informatics_aws_lambda.handlers.data_sync.engine.objects import head_first_part
from aibs_informatics_aws_lambda.handlers.data_sync.engine.plan import Step
from aibs_informatics_aws_lambda.handlers.data_sync.engine.routes import Route
from aibs_informatics_aws_lambda.handlers.data_sync.engine.s3 import S3, Request, Response

__all__ = ["Download"]


class Download:
    """Writes objects to hidden files beside their targets, and renames these when they are whole.

    Args:
        route: where objects come from and files go to.
        s3: what fetches them.
        staging: the folder to write to in place of the target's.
    """

    def __init__(self, route: Route, s3: S3, staging: str | None = None) -> None:
        self._route = route
        self._s3 = s3
        self._staging = staging
        self._folders = Folders()
        self._temporary: dict[str, str] = {}

    def start(self, step: Step) -> Future[Response] | Future[None]:
        """Fetch an object."""
        target = self._route.target.at(step.target)
        self._folders.make_parent(target)
        temporary = f"{self._staging}/object" if self._staging else temporary_path(target)
        self._temporary[step.target] = temporary
        if not step.item.size:
            return _write_empty(temporary)
        return self._s3.send(self._request(step, temporary))

    def finish(self, step: Step, response: Response | None) -> None:
        """Put the file in its place.

        Raises:
            OSError: it cannot be, or a folder is in the way.
            AWSError: less or more was received than was listed.
        """
        temporary = self._temporary[step.target]
        target = self._route.target.at(step.target)
        received = response.size if response else 0
        if received != step.item.size:
            uri = self._route.source.name(step.item.relative)
            raise AWSError(f"{uri} has {step.item.size} bytes, but {received} were received")
        _move(temporary, target)
        del self._temporary[step.target]

    def is_same(self, step: Step) -> bool:
        """Tell whether the file at the target has the content of an object."""
        path = self._route.target.at(step.target)
        etag = step.item.etag or ""
        return file_has_etag(path, step.item.size, etag, lambda: self._first_part_bytes(step))

    def abandon(self) -> None:
        """Remove what is left of downloads that did not end."""
        for path in self._temporary.values():
            _remove(path)
        self._temporary.clear()

    def _request(self, step: Step, temporary: str) -> Request:
        bucket, key = self._source(step)
        # The version that was listed, or none.
        headers = {"If-Match": f'"{step.item.etag}"'}
        return Request(
            "GetObject",
            "s3:GetObject",
            bucket,
            key,
            headers=headers,
            receive_file=temporary,
            size=step.item.size,
        )

    def _first_part_bytes(self, step: Step) -> int:
        headers = self._s3.ask(head_first_part(*self._source(step))).headers
        return int(headers["content-length"])

    def _source(self, step: Step) -> tuple[str, str]:
        source = self._route.source
        return source.bucket or "", source.at(step.item.relative)


def _write_empty(path: str) -> Future[None]:
    future: Future[None] = Future()
    with open(path, "xb"):  # noqa: PTH123
        future.set_result(None)
    return future


def _move(path: str, target: str) -> None:
    try:
        os.replace(path, target)  # noqa: PTH105
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = temporary_path(target)
        try:
            shutil.copyfile(path, beside)
            os.replace(beside, target)  # noqa: PTH105
        except BaseException:
            _remove(beside)
            raise
        _remove(path)


def _remove(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108
    except FileNotFoundError:
        return
