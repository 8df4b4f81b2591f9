"""Download: objects to local files."""

import errno
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ...local.delete import delete_file
from ...local.files import file_digest, flush, set_modified, write_new
from ...local.staging import Staging, temporary_path
from ...progress import CheckDeadline, OnBytes
from ...s3.client import S3
from ...s3.etags import file_has_etag, first_part_bytes, object_digest
from ...s3.requests import ObjectVersion, Response, get_version, object_version
from ..context import ExecutionContext
from ..diff import Step
from ..report import NO_EVIDENCE, Evidence
from ..routes import Route

# Up to this size an object passes through memory: the thread that receives objects writes one file
# at a time, and that takes long on a network file system.
_SMALL_BYTES = 256 * 2**10


class Download:
    """Writes objects to temporary files beside their targets, and renames these when complete.

    Args:
        route: the route.
        s3: the S3 client.
        context: the options of the sync.
    """

    def __init__(self, route: Route, s3: S3, context: ExecutionContext) -> None:
        self._route = route
        self._s3 = s3
        self._context = context
        self._staging = Staging(context.staging)
        self._temporary: dict[str, str] = {}

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[Response] | Future[None]:
        """Start to download an object to a temporary file, or to memory."""
        temporary = self._staging.path_for(self._route.target.path + step.target)
        self._temporary[step.target] = temporary
        size = step.entry.size
        if not size:
            return _nothing()
        file = temporary if size > _SMALL_BYTES else None
        version = object_version(self._route.source, step.entry.relative, step.entry.etag)
        return self._s3.send(get_version(version, size, file), on_bytes=on_bytes)

    def publish(self, step: Step, response: Response | None) -> Evidence:
        """Rename the temporary file to its target.

        Raises:
            OSError: it cannot be renamed, or a folder is in the way.
            AWSError: fewer or more bytes were received than were listed.
        """
        temporary = self._temporary[step.target]
        target = self._route.target.at(step.target)
        body = response.body if response else b""
        received = response.size if response and response.size else len(body)
        if received != step.entry.size:
            uri = self._route.source.name(step.entry.relative)
            raise AWSError(
                f"cannot download {uri} to {target}: received {received} bytes of "
                f"{step.entry.size}. Sync again"
            )
        if received <= _SMALL_BYTES:
            write_new(temporary, body)
        if self._context.size_only:
            set_modified(temporary, self._context.time_of_copy(step.entry))
        if self._context.fsync:
            flush(temporary)
        _rename(temporary, target)
        del self._temporary[step.target]
        if not self._context.report.is_read:
            return NO_EVIDENCE
        is_verified = response is None or response.verified
        return Evidence(f"etag:{step.entry.etag}", verified=is_verified)

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether the file at the target has the ETag of an object."""
        path = self._route.target.at(step.target)
        source, size = self._source(step), step.entry.size
        part_bytes = partial(first_part_bytes, self._s3, source)
        return file_has_etag(path, size, source.etag, part_bytes, check)

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether the file at the target has the content of an object, by downloading it."""
        request = get_version(self._source(step), step.entry.size)
        digest = file_digest(self._route.target.at(step.target), check)
        return digest == object_digest(self._s3, request, check)

    def discard(self, received: Sequence[tuple[Step, Any]]) -> None:  # noqa: ARG002
        """Delete the temporary files of downloads that did not end."""
        for path in self._temporary.values():
            delete_file(path)
        self._temporary.clear()

    def _source(self, step: Step) -> ObjectVersion:
        return object_version(self._route.source, step.entry.relative, step.entry.etag)


def _nothing() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


def _rename(path: str, target: str) -> None:
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
            delete_file(beside)
            raise
        delete_file(path)
