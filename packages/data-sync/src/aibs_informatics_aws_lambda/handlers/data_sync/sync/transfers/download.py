"""Objects to local files."""

from __future__ import annotations

import errno
import os
import shutil
from concurrent.futures import Future
from functools import partial
from typing import Final

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ...local.files import Folders, flush, temporary_path, write_new
from ...progress import CheckDeadline, OnBytes
from ...s3.client import S3, Response
from ...s3.etags import file_has_etag, first_part_bytes, same_as_object
from ...s3.requests import get_version
from ..diff import Step
from ..report import NO_EVIDENCE, Evidence
from ..routes import Route
from ..versions import source_version

# Up to this size an object passes through memory: what writes a file in the thread that fetches
# objects is one file at a time, and that takes long on a disk in the network.
_SMALL_BYTES: Final = 256 * 2**10


class Download:
    """Writes objects to hidden files beside their targets, and renames these when they are whole.

    Args:
        route: where objects come from and files go to.
        s3: what fetches them.
        staging: the folder to write to in location of the target's.
        fsync: whether a file is flushed to the disk before it is renamed.
        reports: whether anybody asks for their checksums.
    """

    def __init__(
        self,
        route: Route,
        s3: S3,
        staging: str | None = None,
        *,
        fsync: bool = False,
        reports: bool = False,
    ) -> None:
        self._route = route
        self._s3 = s3
        self._staging = staging
        self._fsync = fsync
        self._reports = reports
        self._folders = Folders()
        self._temporary: dict[str, str] = {}

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[Response] | Future[None]:
        """Fetch an object."""
        target = self._route.target.at(step.target)
        self._folders.make_parent(target)
        temporary = f"{self._staging}/object" if self._staging else temporary_path(target)
        self._temporary[step.target] = temporary
        size = step.entry.size
        if not size:
            return _nothing()
        file = temporary if size > _SMALL_BYTES else None
        source = source_version(self._route, step)
        return self._s3.send(get_version(source, size, file), on_bytes=on_bytes)

    def finish(self, step: Step, response: Response | None) -> Evidence:
        """Put the file in its location.

        Raises:
            OSError: it cannot be, or a folder is in the way.
            AWSError: less or more was received than was listed.
        """
        temporary = self._temporary[step.target]
        target = self._route.target.at(step.target)
        body = response.body if response else b""
        received = response.size if response and response.size else len(body)
        if received != step.entry.size:
            uri = self._route.source.name(step.entry.relative)
            raise AWSError(f"{uri} has {step.entry.size} bytes, but {received} were received")
        if received <= _SMALL_BYTES:
            write_new(temporary, body)
        if self._fsync:
            flush(temporary)
        _move(temporary, target)
        del self._temporary[step.target]
        if not self._reports:
            return NO_EVIDENCE
        is_verified = response is None or response.verified
        return Evidence(f"etag:{step.entry.etag}", verified=is_verified)

    def is_same(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether the file at the target has the content of an object."""
        path = self._route.target.at(step.target)
        source, size = source_version(self._route, step), step.entry.size
        part_bytes = partial(first_part_bytes, self._s3, source)
        return file_has_etag(path, size, source.etag, part_bytes, check)

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Tell the same by fetching the object."""
        request = get_version(source_version(self._route, step), step.entry.size)
        return same_as_object(self._route.target.at(step.target), self._s3, request, check)

    def abandon(self) -> None:
        """Remove what is left of downloads that did not end."""
        for path in self._temporary.values():
            _remove(path)
        self._temporary.clear()


def _nothing() -> Future[None]:
    future: Future[None] = Future()
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
