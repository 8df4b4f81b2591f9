"""Copy of objects within S3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import accumulate, pairwise, starmap
from types import MappingProxyType
from typing import Any, NamedTuple

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ...evidence import have_same_content
from ...local.folders import Folder
from ...progress import CheckDeadline, OnBytes
from ...s3 import requests
from ...s3.client import S3
from ...s3.etags import object_digest
from ...s3.multipart import MultipartUpload
from ...s3.parts import (
    common_part_sizes,
    is_copyable,
    known_part_sizes,
    part_bytes_for,
    parts_of,
    split_parts,
)
from ...s3.versions import check_unchanged, find_stored
from ..diff import Step
from ..object_headers import copy_headers, needs_source, upload_of_parts_headers
from ..report import Evidence
from ..request import StorageSettings
from ..routes import Route
from ..window import AnyFuture, Window
from .method import Buffered

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
_MAX_COPY_BYTES = 5 * 2**30
_PARTS_AT_A_TIME = 8


def _no_check() -> None:
    """Set no deadline."""


class S3Copy:
    """Copies objects on the server side.

    An object that was uploaded in parts is copied in the same parts, which preserves its ETag: the
    next sync finds both equal.

    Args:
        route: the route.
        source_s3: the S3 client of the source.
        s3: the S3 client of the destination.
        pool: the threads that copy objects in parts.
        settings: how the copies are stored, if not as their sources.
        check: called at each block of what is read; an error that it raises ends the sync.
    """

    buffered: Buffered = ()

    def __init__(
        self,
        route: Route,
        source_s3: S3,
        s3: S3,
        pool: Executor,
        settings: StorageSettings | None = None,
        check: CheckDeadline = _no_check,
    ) -> None:
        self._route = route
        self._source_s3 = source_s3
        self._s3 = s3
        self._pool = pool
        self._settings = settings
        self._needs_source = settings is not None and needs_source(settings)
        self._headers_of = None if settings is None else copy_headers(settings)
        self._check = check

    def start(self, step: Step, on_bytes: OnBytes | None) -> AnyFuture[requests.Response]:
        """Start to copy an object."""
        if self._is_large(step):
            return self._pool.submit(self._copy_large, step, on_bytes)
        if self._needs_source:
            return self._copy_as_stored(step)
        return self._s3.send(self._request(step), future=requests.ResponseFuture())

    def copy(self, step: Step) -> None:
        """Copy an object and wait until it was copied.

        Raises:
            AWSError: it has changed, or S3 refuses, or does not confirm the copy.
        """
        if self._is_large(step):
            response = self._copy_large(step, None)
        else:
            response = self.start(step, None).result()
        self.publish(step, response)

    def publish(self, step: Step, response: requests.Response) -> Evidence:
        """Check that S3 confirms the copy, which it has published itself.

        Raises:
            AWSError: the response, whose status is 200, does not confirm it, or the copy has
                other content than its source.
        """
        try:
            etag = requests.copied_etag(response)
            if not etag:
                # Some services leave the ETag of what they put together from parts empty.
                etag = find_stored(self._s3, self._target(step)).etag
            if etag != step.entry.etag:
                self._check_content(step)
        except AWSError as error:
            source = self._route.source.name(step.entry.relative)
            target = self._route.target.name(step.target)
            raise AWSError(f"cannot copy {source} to {target}: {error}") from None
        return Evidence(f"etag:{etag}", verified=etag == step.entry.etag, etag=etag)

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool:  # noqa: ARG002
        """Return whether both objects have one checksum, or one ETag as it is listed or served."""
        if step.entry.etag == step.target_etag:
            return True
        source, target = self._source(step), self._target(step)
        try:
            found = find_stored(self._source_s3, source), find_stored(self._s3, target)
            return have_same_content(*found)
        except AWSError:
            # The copy tells what is wrong.
            return False

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Return whether both objects have the same content, by downloading both."""
        return self._are_same(step, self._target(step), check)

    def restore(self, step: Step, folder: Folder | None, name: str) -> None:
        """Do nothing: copies have the metadata of their sources."""

    def discard(self, received: Sequence[tuple[Step, Any]]) -> None:
        """Do nothing: S3 makes objects whole or not at all."""

    def _is_large(self, step: Step) -> bool:
        """Return whether an object was uploaded in parts, or is too large for one request."""
        return step.entry.size > _MAX_COPY_BYTES or parts_of(step.entry.etag or "") is not None

    def _source(self, step: Step) -> requests.ObjectVersion:
        return requests.object_version(self._route.source, step.entry.relative, step.entry)

    def _target(self, step: Step) -> requests.ObjectVersion:
        return requests.object_version(self._route.target, step.target, step.there)

    def _copy_large(self, step: Step, on_bytes: OnBytes | None) -> requests.Response:
        """Copy an object that was uploaded in parts, or is too large for one request."""
        source, size = self._source(step), step.entry.size
        copied = None
        for sizes in known_part_sizes(self._source_s3, source, size):
            if not is_copyable(sizes):
                continue
            copied = self._copy_parts(step, sizes, on_bytes)
            if copied.is_encrypted or copied.etag in (None, "", source.etag):
                # Other parts would not give it the ETag of the source.
                break
        if copied is not None:
            return copied.response
        if size <= _MAX_COPY_BYTES and self._needs_source:
            return self._copy_as_stored(step).result()
        if size <= _MAX_COPY_BYTES:
            return self._s3.ask(self._request(step))
        guesses = common_part_sizes(size, parts_of(source.etag) or 0)
        usual = split_parts(size, part_bytes_for(size))
        return self._copy_parts(step, next(guesses, usual), on_bytes).response

    def _copy_as_stored(self, step: Step) -> requests.ResponseFuture:
        """Start to copy an object, once it is known how its source is stored."""
        source, copied = self._source(step), requests.ResponseFuture()

        def copy(found: requests.ResponseFuture) -> None:
            try:
                self._s3.send(self._request(step, found.result().headers), future=copied)
            except Exception as error:
                # In a callback it would be lost, and the caller would wait.
                copied.set_exception(error)

        head = requests.head(source.bucket, source.key)
        found = self._source_s3.send(head, future=requests.ResponseFuture())
        found.add_done_callback(copy)
        return copied

    def _request(
        self, step: Step, found: Mapping[str, str] = MappingProxyType({})
    ) -> requests.Request:
        """Return the request that copies an object whose headers were found to be these."""
        source, target = self._source(step), self._route.target
        headers = self._headers_of(found) if self._headers_of else {}
        return requests.copy_whole(source, target.bucket or "", target.at(step.target), headers)

    def _copy_parts(self, step: Step, sizes: Sequence[int], on_bytes: OnBytes | None) -> _Copied:
        source, target = self._source(step), self._target(step)
        bucket, key = target.bucket, target.key
        before = self._source_s3.ask(requests.head(source.bucket, source.key))
        metadata = self._metadata(source, before)
        with MultipartUpload(self._s3, bucket, key, metadata) as upload:
            window = Window(_PARTS_AT_A_TIME)
            for number, span in enumerate(_spans(sizes), 1):
                part = requests.copy_part(source, bucket, key, upload.upload_id, number, span)
                window.add(partial(self._s3.send, part), partial(upload.note_copied, number))
                if on_bytes:
                    on_bytes(len(span))
            window.drain()
            check_unchanged(self._source_s3, source, before)
            response = upload.complete()
        upload.restore_tags()
        return _Copied(response, requests.find_etag(response), upload.is_encrypted)

    def _check_content(self, step: Step) -> None:
        """Check that a copy under another ETag is of its source, except on AWS.

        Some services decode the name of the source in another way, and copy another object.

        Raises:
            AWSError: it is not, or cannot be read.
        """
        if self._s3.service.is_aws:
            return
        target = self._target(step)
        source = find_stored(self._source_s3, self._source(step))
        copied = find_stored(self._s3, target)
        if have_same_content(source, copied):
            return
        copy = target._replace(etag=copied.etag, size=None, modified=None)
        if source.size == copied.size and self._are_same(step, copy, self._check):
            return
        raise AWSError(
            "the service has stored different content. Delete the copy, and "
            "copy the object by a download and an upload"
        )

    def _are_same(self, step: Step, target: requests.ObjectVersion, check: CheckDeadline) -> bool:
        versions = (self._source_s3, self._source(step)), (self._s3, target)
        source, copied = (
            object_digest(s3, requests.get_version(version, step.entry.size), check)
            for s3, version in versions
        )
        return source == copied

    def _metadata(self, source: requests.ObjectVersion, head: requests.Response) -> dict[str, str]:
        # Not those of the first part: some services answer with that part's own.
        kept = upload_of_parts_headers(self._settings, head.headers)
        if "x-amz-tagging" not in kept and int(head.headers.get("x-amz-tagging-count", 0)):
            tags = self._source_s3.ask(requests.get_tags(source.bucket, source.key))
            kept["x-amz-tagging"] = requests.read_tags(tags)
        return kept


class _Copied(NamedTuple):
    """What was put together from parts."""

    response: requests.Response
    etag: str | None
    is_encrypted: bool


def _spans(sizes: Sequence[int]) -> Iterator[range]:
    """Yield the bytes of each part."""
    return starmap(range, pairwise(accumulate(sizes, initial=0)))
