"""The content of objects in order, of large ones in several parts at a time."""

from __future__ import annotations

import base64
import hashlib
import logging
import time
import zlib
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aibs_informatics_aws_lambda.common.aws import named_errors
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..ahead import start_ahead
from ..locations import s3_uri
from ..s3.botocore_client import s3_client
from ..s3.errors import ChangedError
from ..s3.requests import ObjectVersion, Response, bare_etag, get_range
from ..s3.retries import retry_delay
from ..settings import DEFAULT_RETRIES

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection

    from ..s3.client import S3

VERSION = "?versionId="
"""Precedes the version at the end of the URI of an object."""

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 2**20
_PART_BYTES = 8 * 2**20
_PARTS_AHEAD = 8
# Waits double, with jitter.
_FIRST_WAIT_SECONDS = 0.1


class ObjectReader:
    """Reads objects. The credentials are looked up once, and a role is assumed once.

    Args:
        connection: the connection to S3, if not that of the environment.
    """

    def __init__(self, connection: S3Connection | None = None) -> None:
        self._connection = connection

    @cached_property
    def _client(self) -> Any:
        return s3_client(self._connection)

    @cached_property
    def _s3(self) -> S3:
        # Not for small objects, whose start it would slow down.
        from ..s3.client import S3

        return S3(_PARTS_AHEAD, self._connection)

    def read(self, location: S3Path, block_bytes: int | None = None) -> Generator[bytes]:
        """Yield the content of an object, or of a version of it.

        A large object is downloaded in several parts at a time: at a distance, a single connection
        is slow. Nothing is downloaded ahead of a reader that takes its time, but for these parts.

        Args:
            location: the URI of the object.
            block_bytes: the maximum size of a block; with one, the object is downloaded in one
                piece.

        Raises:
            AWSError: the object does not exist or cannot be read, or has changed in the meantime.
        """
        key, _, version = location.key.partition(VERSION)
        arguments = {"Bucket": location.bucket, "Key": key}
        if version:
            arguments["VersionId"] = version
        permission = "s3:GetObjectVersion" if version else "s3:GetObject"
        with named_errors(f"read {location}", permission=permission):
            response = self._client.get_object(**arguments)
            with closing(response["Body"]) as body:
                size = response.get("ContentLength", 0)
                etag = bare_etag(response.get("ETag", ""))
                has_parts = etag and response.get("AcceptRanges") == "bytes"
                if block_bytes or size <= 2 * _PART_BYTES or not has_parts:
                    blocks = self._read_whole(response, arguments, block_bytes or _BLOCK_BYTES)
                    yield from _checked(blocks, response, location)
                    return
                found = ObjectVersion(location.bucket, key, etag, size)
                blocks = self._read_parts(found, version, body)
                yield from _checked(blocks, response, location)

    def _read_whole(
        self, response: Mapping[str, Any], arguments: Mapping[str, str], block_bytes: int
    ) -> Generator[bytes]:
        """Yield an object in one piece; where a connection breaks, the rest is requested again.

        Args:
            response: the response that has begun.
            arguments: those of its request.
            block_bytes: the maximum size of a block.
        """
        from botocore import exceptions as errors

        broken = errors.IncompleteReadError, errors.ReadTimeoutError, errors.ResponseStreamingError
        body, done, failed = response["Body"], 0, 0
        while True:
            try:
                with closing(body):
                    for block in body.iter_chunks(block_bytes):
                        yield block
                        done, failed = done + len(block), 0
                return
            except broken:
                if failed == DEFAULT_RETRIES or not response.get("ETag"):
                    raise
            time.sleep(retry_delay(failed, _FIRST_WAIT_SECONDS))
            failed += 1
            rest = self._client.get_object(**arguments, Range=f"bytes={done}-")
            body = rest["Body"]
            _check_rest(rest, response, done, s3_uri(arguments["Bucket"], arguments["Key"]))

    def _read_parts(self, found: ObjectVersion, version: str, body: Any) -> Generator[bytes]:
        """Yield an object part by part; the first one is that of a response that has begun.

        This response is kept until the second part has arrived. If that fails, the rest of the
        response is read: some services ignore ranges, or compare other ETags than they serve.
        """
        s3 = self._s3
        query = f"versionId={quote(version, safe='')}" if version else ""

        def send(span: range) -> Callable[[], bytes]:
            future = s3.send(get_range(found, span)._replace(query=query))
            return lambda: _read_part(future.result(), found, len(span))

        def start(span: range) -> Callable[[], bytes]:
            return send(span) if span.start else lambda: _read_exactly(body, len(span))

        size = found.size or 0
        starts = range(0, size, _PART_BYTES)
        spans = (range(start, min(start + _PART_BYTES, size)) for start in starts)
        has_body = True
        try:
            for span, wait in start_ahead(spans, start, _PARTS_AHEAD):
                try:
                    block = wait()
                except AWSError:
                    if not has_body:
                        raise
                    if span.start:
                        logger.debug(
                            "Cannot download parts: reading a single response", exc_info=True
                        )
                        s3.cancel()
                        yield from body.iter_chunks(_BLOCK_BYTES)
                        return
                    # The connection broke.
                    has_body = False
                    block = send(span)()
                if span.start:
                    has_body = False
                    body.close()
                yield block
        finally:
            s3.cancel()


def _check_rest(
    rest: Mapping[str, Any], response: Mapping[str, Any], start: int, uri: str
) -> None:
    """Check that a response is the rest of the object that another one has begun with.

    Raises:
        AWSError: it is not.
    """
    if rest.get("ETag") == response["ETag"]:
        if rest.get("ContentRange", "").startswith(f"bytes {start}-"):
            return
        error = AWSError(f"cannot read {uri}: the connection broke, and ranges are ignored")
    else:
        error = ChangedError(f"cannot read {uri}: the object has changed meanwhile. Try again")
    rest["Body"].close()
    raise error


def _read_exactly(body: Any, size: int) -> bytes:
    """Return the next bytes of a response.

    Raises:
        AWSError: the connection broke.
    """
    from botocore.exceptions import BotoCoreError

    try:
        block: bytes = body.read(size)
    except BotoCoreError as error:
        raise AWSError(str(error)) from error
    if len(block) != size:
        raise AWSError(f"received {len(block)} bytes of {size}")
    return block


def _read_part(response: Response, found: ObjectVersion, size: int) -> bytes:
    """Return a part, which must be one of the object that was found.

    Raises:
        AWSError: it is not.
    """
    uri = s3_uri(found.bucket, found.key)
    received = len(response.body)
    if received != size:
        raise AWSError(
            f"cannot read {uri}: received {received} bytes of a part of {size}. Try again"
        )
    # Some services ignore the condition of the request.
    if bare_etag(response.headers.get("etag", "")) != found.etag:
        raise ChangedError(f"cannot read {uri}: the object changed while it was read. Try again")
    return response.body


def _checked(
    blocks: Generator[bytes], response: Mapping[str, Any], location: S3Path
) -> Generator[bytes]:
    """Yield blocks, and check at the end that they are what the service has a checksum of.

    Raises:
        AWSError: they are not.
    """
    algorithm, stored = _find_checksum(response) or (None, None)
    digest = algorithm and _DIGESTS[algorithm]()
    with closing(blocks):
        for block in blocks:
            if digest:
                digest.update(block)
            yield block
    if digest and base64.b64encode(digest.digest()).decode() != stored:
        raise AWSError(
            f"cannot read {location}: the received data does not match the checksum that the "
            "service has stored. Try again, and check the network"
        )


class _Crc:
    """A CRC with the interface of `hashlib`.

    Args:
        crc: returns the CRC of bytes, after that of the bytes before them.
        length: its number of bytes.
    """

    def __init__(self, crc: Callable[[bytes, int], int], length: int) -> None:
        self._crc = crc
        self._length = length
        self._value = 0

    def update(self, block: bytes) -> None:
        self._value = self._crc(block, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._length, "big")


def _crc32c() -> _Crc:
    from awscrt.checksums import crc32c

    return _Crc(crc32c, 4)


def _crc64nvme() -> _Crc:
    from awscrt.checksums import crc64nvme

    return _Crc(crc64nvme, 8)


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
_DIGESTS: Mapping[str, Callable[[], Any]] = {
    "CRC64NVME": _crc64nvme,
    "CRC32C": _crc32c,
    "CRC32": lambda: _Crc(zlib.crc32, 4),
    "SHA256": hashlib.sha256,
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
}


def _find_checksum(response: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the algorithm and checksum (Base64) of a whole object, if a response names one.

    That of an object in parts, which ends in their number, is one of the checksums of the parts.
    """
    for algorithm in _DIGESTS:
        value = response.get(f"Checksum{algorithm}")
        if value and "-" not in value:
            return algorithm, value
    return None
