"""Transfers that preserve mode, owner and times of files; in S3, in the metadata of objects."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aibs_informatics_aws_lambda.storage.data_sync.object_settings import ObjectSettings

from ...local import attributes as files
from ...local.folders import Folder, Folders
from ...local.staging import StagedFile
from ...progress import CheckDeadline, OnBytes
from ...s3 import requests
from ...s3.client import S3
from ..archived import is_archived
from ..context import ExecutionContext
from ..diff import Step
from ..object_headers import copy_headers
from ..report import Evidence
from ..routes import Route
from ..window import AnyFuture
from .download import Download
from .local_copy import LocalCopy
from .upload import Upload

logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
_MAX_COPY_BYTES = 5 * 2**30


class _Compared(NamedTuple):
    """The attributes of both sides of an entry that is compared.

    Args:
        wanted: those of the source.
        found: those at the destination.
        headers: the headers of the object, if one of both is an object.
    """

    wanted: files.Attributes
    found: files.Attributes
    headers: Mapping[str, str]

    @property
    def have_same_time(self) -> bool:
        """Whether the time is preserved, so that the content need not be read."""
        return self.wanted.modified is not None and self.wanted.modified == self.found.modified


class PreservingUpload(Upload):
    """Stores the attributes of files in the metadata of their objects.

    Args:
        trusts_times: whether an object with the size and the preserved time of a file is in sync.
        options: those of an upload.
    """

    def __init__(
        self, route: Route, s3: S3, check: CheckDeadline, *, trusts_times: bool, **options: Any
    ) -> None:
        super().__init__(route, s3, check, **options)
        self._trusts_times = trusts_times
        self._compared: dict[str, _Compared] = {}

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool | None:
        """Return whether the object has the preserved time of the file, or else its ETag."""
        headers = _head(self._s3, self._target(step))
        compared = _Compared(_stat(self._path(step)), files.from_headers(headers), headers)
        self._compared[step.target] = compared
        if self._trusts_times and compared.have_same_time:
            return True
        return super().has_same_checksum(step, check)

    def restore(self, step: Step, folder: Folder | None, name: str) -> None:  # noqa: ARG002
        """Copy the object onto itself with the attributes of the file, if they differ."""
        compared = self._compared.pop(step.target, None)
        if compared is None or not files.differ(compared.wanted, compared.found):
            return
        target = self._target(step)
        if step.entry.size > _MAX_COPY_BYTES or is_archived(compared.headers):
            uri = self._route.target.name(step.target)
            logger.warning(
                "Mode, owner and times of %s are not updated: it is archived or larger than 5 GiB",
                uri,
            )
            return
        kept = {**compared.headers, **files.to_headers(compared.wanted)}
        kept.pop("x-amz-meta-s3cmd-attrs", None)
        metadata = {
            header.removeprefix(files.PREFIX): text
            for header, text in kept.items()
            if header.startswith(files.PREFIX)
        }
        settings = ObjectSettings(metadata=metadata, keep=True)
        headers = copy_headers(settings)(kept)
        copy = requests.copy_whole(target, target.bucket, target.key, headers)
        requests.copied_etag(self._s3.ask(copy))

    def _headers(self, step: Step) -> dict[str, str]:
        return {**files.to_headers(_stat(self._path(step))), **super()._headers(step)}


@dataclass
class PreservingDownload(Download):
    """Restores the attributes that the metadata of objects has.

    Args:
        trusts_times: whether a file with the size and the preserved time of an object is in sync.
    """

    trusts_times: bool = False
    _compared: dict[str, _Compared] = field(default_factory=dict, init=False)

    def start(self, step: Step, on_bytes: OnBytes | None) -> AnyFuture[Any]:
        """Start to download an object, of which also nothing but the metadata may be needed."""
        started = super().start(step, on_bytes)
        if step.entry.size:
            return started
        source = self._source(step)
        return self.s3.send(requests.head(source.bucket, source.key))

    def publish(self, step: Step, response: requests.Response | None) -> Evidence:
        """Rename the temporary file to its target, and restore the attributes.

        Raises:
            OSError: it cannot be renamed, or a folder is in the way.
            AWSError: fewer or more bytes were received than were listed.
        """
        staged = self._staged[step.target]
        evidence = super().publish(step, response)
        if response is not None:
            wanted = files.from_headers(response.headers)
            files.apply(wanted, staged.target_folder, staged.target_name)
        return evidence

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool | None:
        """Return whether the file has the preserved time of the object, or else its ETag."""
        headers = _head(self.s3, self._source(step))
        found = _stat(self.route.target.at(step.target))
        compared = _Compared(files.from_headers(headers), found, headers)
        self._compared[step.target] = compared
        if self.trusts_times and compared.have_same_time:
            return True
        return super().has_same_checksum(step, check)

    def restore(self, step: Step, folder: Folder | None, name: str) -> None:
        """Give the file the attributes of the object, if they differ."""
        _restore(self._compared.pop(step.target, None), folder, name)

    def _request(self, step: Step) -> requests.Request:
        return super()._request(step)._replace(keeps_headers=True)


class PreservingLocalCopy(LocalCopy):
    """Gives copies the owner and the times of their sources as well."""

    def __init__(
        self,
        route: Route,
        folders: Folders,
        context: ExecutionContext,
        on_published: Callable[[float], None] = lambda _: None,
    ) -> None:
        super().__init__(route, folders, context, on_published)
        self._trusts_times = context.trusts_times
        self._compared: dict[str, _Compared] = {}

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool:
        """Return whether both files have the same time, or else the same content."""
        source, target = self._route.source, self._route.target
        wanted, found = _stat(source.at(step.entry.relative)), _stat(target.at(step.target))
        compared = _Compared(wanted, found, {})
        self._compared[step.target] = compared
        if self._trusts_times and compared.have_same_time:
            return True
        return super().has_same_checksum(step, check)

    def restore(self, step: Step, folder: Folder | None, name: str) -> None:
        """Give the copy the attributes of its source, if they differ."""
        _restore(self._compared.pop(step.target, None), folder, name)

    def _copy_once(self, step: Step, staged: StagedFile, on_bytes: OnBytes | None) -> None:
        # Before the file is read, which changes the time of its last access.
        wanted = _stat(self._route.source.at(step.entry.relative))
        super()._copy_once(step, staged, on_bytes)
        files.apply(wanted, staged.target_folder, staged.target_name)


def _restore(compared: _Compared | None, folder: Folder | None, name: str) -> None:
    if compared is None or folder is None:
        return
    wanted = files.can_own(compared.wanted, compared.found)
    if files.differ(wanted, compared.found):
        files.apply(compared.wanted, folder, name)


def _stat(path: str) -> files.Attributes:
    return files.attributes_of(os.stat(path))  # noqa: PTH116


def _head(s3: S3, version: requests.ObjectVersion) -> Mapping[str, str]:
    return s3.ask(requests.head(version.bucket, version.key)).headers
