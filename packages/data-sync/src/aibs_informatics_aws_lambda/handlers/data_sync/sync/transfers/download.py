"""Download: objects to local files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ...local.files import file_digest
from ...local.folders import Folder
from ...local.staging import StagedFile, Staging
from ...progress import CheckDeadline, OnBytes
from ...s3.client import S3
from ...s3.etags import file_has_etag, find_part_sizes, object_digest, usual_kind
from ...s3.requests import (
    PART_BYTES,
    ObjectVersion,
    Request,
    Response,
    ResponseFuture,
    get_version,
    object_version,
)
from ..context import ExecutionContext
from ..diff import Step
from ..report import NO_EVIDENCE, Evidence
from ..routes import Route
from ..window import AnyFuture
from .method import Buffered

if TYPE_CHECKING:
    from ...local.checksum_cache import ChecksumCache

# Up to this size an object passes through memory: the thread that receives objects writes one file
# at a time, and that takes long on a network file system.
_SMALL_BYTES = 256 * 2**10

# Others are written as they arrive. Those of two parts are many, and often have both in memory: at
# half of their size, they take no more memory than larger ones.
_BUFFERED: Buffered = ((_SMALL_BYTES, 1), (PART_BYTES, 0), (2 * PART_BYTES, 0.5))


@dataclass
class Download:
    """Writes objects to temporary files beside their targets, and renames these when complete.

    Args:
        route: the route.
        s3: the S3 client.
        staging: the temporary files.
        context: the options of the sync.
    """

    route: Route
    s3: S3
    staging: Staging
    context: ExecutionContext
    _staged: dict[str, StagedFile] = field(default_factory=dict, init=False)
    buffered: Buffered = field(default=_BUFFERED, init=False)

    def start(self, step: Step, on_bytes: OnBytes | None) -> AnyFuture[Response | None]:
        """Start to download an object to a temporary file, or to memory."""
        earlier = self._staged.pop(step.target, None)
        if earlier is not None:
            # Of a version that no longer exists.
            earlier.discard()
        staged = self.staging.file(self.route.target.path + step.target)
        self._staged[step.target] = staged
        size = step.entry.size
        if not size:
            return _nothing()
        request = self._request(step)
        if size > _SMALL_BYTES:
            request = request._replace(receive_file=staged.open_path(), file_name=staged.target)
        return self.s3.send(request, on_bytes=on_bytes, future=ResponseFuture())

    def publish(self, step: Step, response: Response | None) -> Evidence:
        """Rename the temporary file to its target.

        Raises:
            OSError: it cannot be renamed, or a folder is in the way.
            AWSError: fewer or more bytes were received than were listed.
        """
        staged = self._staged[step.target]
        body = response.body if response else b""
        received = response.size if response and response.size else len(body)
        if received != step.entry.size:
            uri = self.route.source.name(step.entry.relative)
            raise AWSError(
                f"cannot download {uri} to {staged.target}: received {received} bytes of "
                f"{step.entry.size}. Sync again"
            )
        modified = self.context.time_to_set(step.entry)
        checksums = self.context.checksums if response and response.verified else None
        if received <= _SMALL_BYTES:
            staged.write_whole(body, modified, fsync=self.context.fsync)
        else:
            if checksums:
                modified = modified or time.time()
            staged.complete(None, modified, fsync=self.context.fsync)
        if self.context.backup is not None:
            self.context.backup.keep(self.route, step)
        self.staging.publish(staged, is_new=step.there is None)
        if checksums and received > _SMALL_BYTES:
            self._note_etag(step, staged, modified or 0.0, checksums)
        del self._staged[step.target]
        if not self.context.report.is_read:
            return NO_EVIDENCE
        is_verified = response is None or response.verified
        return Evidence(f"etag:{step.entry.etag}", verified=is_verified)

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool | None:
        """Return whether the file at the target has the ETag of an object."""
        path = self.route.target.at(step.target)
        source, size = self._source(step), step.entry.size
        sizes = partial(find_part_sizes, self.s3, source, size)
        return file_has_etag(path, size, source.etag, sizes, check, self.context.checksums)

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Download an object, and return whether the file at the target has its content."""
        request = get_version(self._source(step), step.entry.size)
        digest = file_digest(self.route.target.at(step.target), check)
        return digest == object_digest(self.s3, request, check)

    def discard(self, received: Sequence[tuple[Step, Any]]) -> None:  # noqa: ARG002
        """Delete the temporary files of downloads that did not end."""
        for staged in self._staged.values():
            staged.discard()
        self._staged.clear()

    def restore(self, step: Step, folder: Folder | None, name: str) -> None:
        """Do nothing: no attributes are preserved."""

    def _note_etag(
        self, step: Step, staged: StagedFile, modified: float, checksums: ChecksumCache
    ) -> None:
        """Remember the ETag of an object whose content the checksum of S3 has verified."""
        etag, size = step.entry.etag or "", step.entry.size
        kind = usual_kind(etag, size)
        if kind is not None:
            folder, name = staged.target_folder, staged.target_name
            checksums.note_published(folder, name, size, modified, kind, etag)

    def _request(self, step: Step) -> Request:
        return get_version(self._source(step), step.entry.size)

    def _source(self, step: Step) -> ObjectVersion:
        return object_version(self.route.source, step.entry.relative, step.entry)


def _nothing() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future
