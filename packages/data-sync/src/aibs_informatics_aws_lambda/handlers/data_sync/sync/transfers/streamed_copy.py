"""Copy of objects from one service or account to another, through this machine."""

from __future__ import annotations

import base64
import ctypes
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError

from ...evidence import StoredObject, have_same_content, is_digest
from ...local.folders import Folder
from ...progress import CheckDeadline, OnBytes
from ...s3 import parts, requests
from ...s3.client import S3
from ...s3.etags import object_digest
from ...s3.multipart import MultipartUpload
from ...s3.requests import PART_BYTES
from ...s3.versions import check_unchanged, find_stored
from ...settings import WORKERS
from ..context import ExecutionContext
from ..diff import Step
from ..object_headers import streamed_headers
from ..report import Evidence
from ..routes import Route
from ..window import Window
from .method import Buffered, after, together

T = TypeVar("T")

# Up to this size, objects wait in memory for the window alone: it has some hundred of them.
_SMALL_BYTES = 2**20

# Larger parts, and objects that were not uploaded in parts, are divided.
_LARGEST_BYTES = 64 * 2**20

_MEMORY_BYTES = 64 * 2**20 // WORKERS
_PARTS_AT_A_TIME = 8

# Of malloc.h.
_M_MMAP_THRESHOLD = -3


class StreamedCopy:
    """Downloads objects, and uploads them with their metadata and tags, without files.

    An object that was uploaded in parts is uploaded in the same parts, unless these are too large
    for the memory: this preserves its ETag, and the next sync finds both equal.

    Args:
        route: the route.
        source_s3: the S3 client of the source.
        target_s3: the S3 client of the destination.
        context: the threads for large objects, and the options of the sync.
    """

    # A small object is there in pieces as it arrives, as a whole, and once more as it is sent, and
    # small blocks that are freed leave gaps.
    buffered: Buffered = ((_SMALL_BYTES, 4),)

    def __init__(
        self, route: Route, source_s3: S3, target_s3: S3, context: ExecutionContext
    ) -> None:
        self._route = route
        self._source_s3 = source_s3
        self._target_s3 = target_s3
        self._context = context
        self._memory = _Memory(_MEMORY_BYTES)
        _return_large_blocks()

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[_Sent]:
        """Start to copy an object."""
        size, number = step.entry.size, parts.parts_of(step.entry.etag or "")
        if not size or (number is None and size <= _SMALL_BYTES):
            # The window has waited until there is space.
            self._memory.add(size)
            return self._giving_back(size, partial(self._send_whole, step))
        return self._context.pool.submit(self._copy_large, step, number, on_bytes)

    def publish(self, step: Step, sent: _Sent) -> Evidence:
        """Check that the service has stored what was received from the source.

        Raises:
            AWSError: it has not.
        """
        found = sent.stored
        is_same = _is_same(sent, found)
        if not is_same:
            found = self._find(step)
            is_same = self._check_stored(step, sent, found)
        text = f"crc64nvme:{sent.crc}" if found.crc64nvme else f"etag:{found.etag}"
        return Evidence(text, verified=is_same, etag=found.etag)

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool | None:  # noqa: ARG002
        """Return whether both objects have the same checksum or ETag; `None` if neither tells.

        Objects that were uploaded in other parts, or encrypted, have other ETags.
        """
        if step.entry.etag == step.target_etag:
            return True
        source = find_stored(self._source_s3, self._source(step))
        target = find_stored(self._target_s3, self._target(step))
        if have_same_content(source, target):
            return True
        if source.crc64nvme and target.crc64nvme:
            return False
        is_told = all(not one.is_encrypted and is_digest(one.etag) for one in (source, target))
        in_same_parts = parts.parts_of(source.etag) == parts.parts_of(target.etag)
        return False if is_told and in_same_parts else None

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Return whether both objects have the same content, by downloading both."""
        versions = self._source(step), self._target(step)
        source, target = (requests.get_version(version, step.entry.size) for version in versions)
        digest = object_digest(self._source_s3, source, check)
        return digest == object_digest(self._target_s3, target, check)

    def restore(self, step: Step, folder: Folder | None, name: str) -> None:
        """Do nothing: copies have the metadata of their sources."""

    def discard(self, received: Sequence[tuple[Step, Any]]) -> None:
        """Do nothing: a service makes objects whole or not at all."""

    def _copy_large(self, step: Step, number: int | None, on_bytes: OnBytes | None) -> _Sent:
        """Copy an object as a whole, or in parts, as it was uploaded; wait for memory."""
        size = step.entry.size
        if number is not None or size > _LARGEST_BYTES:
            return self._copy_in_parts(step, number, on_bytes)
        self._memory.take(size)
        try:
            sent = self._send_whole(step).result()
        finally:
            self._memory.give(size)
        if on_bytes:
            on_bytes(size)
        return sent

    def _send_whole(self, step: Step) -> Future[_Sent]:
        """Start to copy an object with a single upload."""
        received = self._receive(step, range(step.entry.size), is_whole=True)
        return after(received, partial(self._send, step))

    def _send(self, step: Step, received: _Received) -> Future[_Sent]:
        """Upload what was received, once the tags are known."""
        body, found = received.body, received.response.headers
        sent = _sent_of(body)
        self._check_received(step, sent, requests.read_stored(received.response, is_head=True))

        def upload(tags: str) -> Future[requests.Response]:
            headers = self._headers(found, tags)
            return self._target_s3.send(self._put(step, body, headers))

        return after(after(self._find_tags(step, found), upload), partial(_done, sent))

    def _receive(self, step: Step, span: range, *, is_whole: bool = False) -> Future[_Received]:
        """Start to download some bytes of the source, in pieces if these are many."""
        version = self._source(step)
        pieces = [
            range(start, min(start + PART_BYTES, span.stop))
            for start in range(span.start, max(span.stop, span.start + 1), PART_BYTES)
        ]
        sent = [
            self._source_s3.send(
                _get(version, None if is_whole and len(pieces) == 1 else piece, len(piece))
            )
            for piece in pieces
        ]

        def join(responses: Sequence[requests.Response]) -> Future[_Received]:
            body = b"".join(response.body for response in responses)
            if len(body) != len(span):
                raise AWSError(
                    f"cannot copy {self._name(step)}: received {len(body)} bytes of {len(span)}. "
                    "Sync again"
                )
            return _done_with(_Received(body, responses[0]))

        return after(together(sent), join)

    def _check_received(self, step: Step, sent: _Sent, found: StoredObject) -> None:
        """Check a whole object by what the source says of it."""
        is_told = self._source_s3.service.is_aws and not found.is_encrypted
        is_whole = parts.parts_of(found.etag) is None
        is_other = is_told and is_whole and found.etag not in ("", sent.etag)
        # That of an object in several pieces is the checksum of the first one, if of anything.
        is_one_piece = step.entry.size <= PART_BYTES
        if is_other or (is_one_piece and found.crc64nvme not in ("", sent.crc)):
            raise self._corrupt(step)

    def _corrupt(self, step: Step) -> AWSError:
        return AWSError(
            f"cannot copy {self._name(step)}: the received data does not match the checksum of "
            "the source. Sync again, and check the network"
        )

    def _copy_in_parts(self, step: Step, number: int | None, on_bytes: OnBytes | None) -> _Sent:
        source, target = self._source(step), self._target(step)
        before = self._source_s3.ask(requests.head_checksum(source.bucket, source.key))
        tags = self._find_tags(step, before.headers).result()
        headers = self._headers(before.headers, tags)
        sizes = self._part_sizes(step, number)
        digests: dict[int, tuple[bytes, int]] = {}
        window, start = Window(_PARTS_AT_A_TIME), 0
        with MultipartUpload(self._target_s3, target.bucket, target.key, headers) as upload:
            for part, size in enumerate(sizes, 1):
                span, start = range(start, start + size), start + size
                send = partial(self._send_part, step, upload.upload_id, part, digests)
                self._memory.take(size)
                window.add(
                    partial(self._pass_on, step, span, send), partial(upload.note_sent, part)
                )
                if on_bytes:
                    on_bytes(size)
            window.drain()
            check_unchanged(self._source_s3, source, before)
            sent = self._joined(step, sizes, digests, before)
            response = upload.complete()
        # Also where the body of a response, whose status is 200, says that it has failed.
        etag = requests.copied_etag(response)
        upload.restore_tags()
        crc = requests.find_crc64nvme(response)
        return sent._replace(
            stored=StoredObject(None, etag, crc, is_encrypted=upload.is_encrypted)
        )

    def _pass_on(
        self, step: Step, span: range, send: Callable[[_Received], Future[requests.Response]]
    ) -> Future[requests.Response]:
        """Start to copy a part, and give its memory back in the end."""
        return self._giving_back(len(span), lambda: after(self._receive(step, span), send))

    def _giving_back(self, size: int, start: Callable[[], Future[T]]) -> Future[T]:
        """Start a future, and give the memory for some bytes back in the end."""
        try:
            started = start()
        except BaseException:
            self._memory.give(size)
            raise
        started.add_done_callback(lambda _: self._memory.give(size))
        return started

    def _send_part(
        self,
        step: Step,
        upload_id: str,
        number: int,
        digests: dict[int, tuple[bytes, int]],
        received: _Received,
    ) -> Future[requests.Response]:
        body = received.body
        md5 = hashlib.md5(body, usedforsecurity=False).digest()
        digests[number] = md5, _crc(body)
        target = self._target(step)
        request = requests.upload_part(target.bucket, target.key, upload_id, number, body, md5)
        return self._target_s3.send(request._replace(source=self._name(step)))

    def _joined(
        self,
        step: Step,
        sizes: Sequence[int],
        digests: Mapping[int, tuple[bytes, int]],
        before: requests.Response,
    ) -> _Sent:
        """Return the digests of the whole object, which must be those of the source."""
        from awscrt.checksums import combine_crc64nvme

        crc, md5s = 0, b""
        for number, size in enumerate(sizes, 1):
            md5, crc_of_part = digests[number]
            md5s += md5
            crc = combine_crc64nvme(crc, crc_of_part, size)
        source = requests.read_stored(before, is_head=True)
        if source.crc64nvme and source.crc64nvme != _crc_text(crc):
            raise self._corrupt(step)
        etag = f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(sizes)}"
        return _Sent(etag, _crc_text(crc), StoredObject())

    def _part_sizes(self, step: Step, number: int | None) -> Sequence[int]:
        """Return the sizes of the parts of an object: its own, if they are known and fit."""
        size, source = step.entry.size, self._source(step)
        if number is not None:
            known = parts.known_part_sizes(self._source_s3, source, size)
            for sizes in chain(known, parts.common_part_sizes(size, number)):
                if parts.is_copyable(sizes) and max(sizes) <= _LARGEST_BYTES:
                    return sizes
        is_aws = self._target_s3.service.is_aws
        return parts.split_parts(size, parts.upload_part_bytes(size, is_aws=is_aws))

    def _find_tags(self, step: Step, found: Mapping[str, str]) -> Future[str]:
        """Request the tags of the source, if it has any that are to be kept."""
        settings, source = self._context.object_settings, self._source(step)
        is_replaced = settings is not None and settings.tags is not None
        if is_replaced or not int(found.get("x-amz-tagging-count", 0)):
            return _done_with("")
        response = self._source_s3.send(requests.get_tags(source.bucket, source.key))
        return after(response, lambda tags: _done_with(requests.read_tags(tags)))

    def _headers(self, found: Mapping[str, str], tags: str) -> dict[str, str]:
        headers = streamed_headers(self._context.object_settings, found)
        return {**headers, "x-amz-tagging": tags} if tags else headers

    def _put(self, step: Step, body: bytes, headers: Mapping[str, str]) -> requests.Request:
        target = self._target(step)
        return requests.Request(
            "PutObject",
            "s3:PutObject",
            target.bucket,
            target.key,
            "PUT",
            headers=headers,
            body=body,
            part_bytes=max(PART_BYTES, len(body)),
            keeps_headers=True,
            source=self._name(step),
        )

    def _find(self, step: Step) -> StoredObject:
        try:
            return find_stored(self._target_s3, self._target(step))
        except ResourceNotFoundError:
            reason = "the object does not exist, although the response was a success"
            raise self._unconfirmed(step, reason) from None

    def _check_stored(self, step: Step, sent: _Sent, found: StoredObject) -> bool:
        """Check an object whose upload was not confirmed by a checksum.

        Returns:
            Whether it is known to have the content.
        """
        if found.size != step.entry.size:
            reason = f"the object has {found.size} bytes instead of {step.entry.size}"
            raise self._unconfirmed(step, reason)
        if _is_same(sent, found):
            return True
        if found.crc64nvme:
            raise self._unconfirmed(step, "the object has another checksum than was sent")
        if self._context.removes_sources:
            if self._stored_crc(step, found.etag) != sent.crc:
                raise self._unconfirmed(step, "the object differs from its source")
            return True
        if found.etag == step.target_etag:
            raise self._unconfirmed(step, "the object is still the previous one")
        return False

    def _stored_crc(self, step: Step, etag: str) -> str:
        """Return the checksum of the object at the target, by downloading it."""
        crc = 0

        def take(block: bytes) -> None:
            nonlocal crc
            self._context.budget.check()
            crc = _crc(block, crc)

        version = self._target(step)._replace(etag=etag)
        self._target_s3.send(requests.get_version(version, step.entry.size), take).result()
        return _crc_text(crc)

    def _unconfirmed(self, step: Step, reason: str) -> AWSError:
        uri = self._route.target.name(step.target)
        return AWSError(
            f"cannot copy {self._name(step)} to {uri}: {reason}. Check the endpoint of the "
            "destination and proxies, then sync again"
        )

    def _name(self, step: Step) -> str:
        return self._route.source.name(step.entry.relative)

    def _source(self, step: Step) -> requests.ObjectVersion:
        return requests.object_version(self._route.source, step.entry.relative, step.entry)

    def _target(self, step: Step) -> requests.ObjectVersion:
        return requests.object_version(self._route.target, step.target, step.there)


class _Received(NamedTuple):
    """Bytes of the source.

    Args:
        body: the bytes.
        response: the response, or the first one of several.
    """

    body: bytes
    response: requests.Response


class _Sent(NamedTuple):
    """An object that was uploaded.

    Args:
        etag: the ETag that an unencrypted object has.
        crc: its CRC64NVME, in Base64.
        stored: what the response says of the object.
    """

    etag: str
    crc: str
    stored: StoredObject


class _Memory:
    """Limits the bytes that all objects and parts in flight take.

    Args:
        limit: their number; what alone is larger passes alone.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._changed = threading.Condition()

    def take(self, size: int) -> None:
        """Wait until there is space for some bytes."""
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + size <= self._limit)
            self._used += size

    def add(self, size: int) -> None:
        """Take the space of some bytes, whether or not there is any."""
        with self._changed:
            self._used += size

    def give(self, size: int) -> None:
        """Give the space of some bytes back."""
        with self._changed:
            self._used -= size
            self._changed.notify_all()


def _return_large_blocks() -> None:
    """Let blocks of memory from 1 MiB on go back to the system as soon as they are freed.

    By default, the GNU C library keeps blocks as large as those that were freed before in its
    heap, where parts of 8 MiB leave gaps of a third of its size:
    https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    library = ctypes.CDLL(None)
    # Others have no such function, nor such a heap.
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, 2**20)


def _get(version: requests.ObjectVersion, span: range | None, size: int) -> requests.Request:
    if span is not None:
        return requests.get_range(version, span)
    return requests.get_version(version, size)._replace(keeps_headers=True)


def _is_same(sent: _Sent, found: StoredObject) -> bool:
    if found.crc64nvme:
        return found.crc64nvme == sent.crc
    return found.etag == sent.etag


def _sent_of(body: bytes) -> _Sent:
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return _Sent(md5, _crc_text(_crc(body)), StoredObject())


def _done(sent: _Sent, response: requests.Response) -> Future[_Sent]:
    return _done_with(sent._replace(stored=requests.read_stored(response, is_head=False)))


def _done_with(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def _crc(body: bytes, before: int = 0) -> int:
    from awscrt.checksums import crc64nvme

    crc: int = crc64nvme(body, before)
    return crc


def _crc_text(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(8, "big")).decode()
