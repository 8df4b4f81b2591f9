"""Attempts of requests, as the client library takes them, and their responses as they arrive."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from .endpoint import Address, escape_key, is_plain_key
from .requests import Request, Response, ResponseFuture
from .thread_state import keep_thread_state

if TYPE_CHECKING:
    from ..progress import OnBytes
    from .pacing import PacedFile, TakeBody

# A page of 1,000 keys has at most 4 MiB.
_MAX_BODY_BYTES: Final = 16 * 2**20
# By it, listings of AWS tell which archived objects are restored.
_RESTORE_STATUS: Final = ("x-amz-optional-object-attributes", "RestoreStatus")

Awaited: TypeAlias = Future[Response] | ResponseFuture


class Collector:
    """Collects the response to one attempt of a request.

    Args:
        take: called with the pieces of the body, in order; without it, the body is kept.
        on_bytes: called with the size of each part that was uploaded or downloaded.

    Attributes:
        is_stream: whether the body is passed on.
        size: the bytes that have been transferred, of a file in whole parts.
        has_begun: whether a part of the body was passed on: the request cannot be sent again.
        is_taking: whether ``take`` is running.
        failure: the error that ``take`` has raised.
        too_slow: the error by which the attempt was ended, as it was too slow.
    """

    __slots__ = (
        "_chunks",
        "_headers",
        "_on_bytes",
        "_take",
        "failure",
        "has_begun",
        "is_stream",
        "is_taking",
        "size",
        "too_slow",
    )

    def __init__(self, take: TakeBody | None, on_bytes: OnBytes | None) -> None:
        self.is_stream = take is not None
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._take = take or self._chunks.append
        self._on_bytes = on_bytes
        self.size = 0
        self.has_begun = False
        self.is_taking = False
        self.failure: Exception | None = None
        self.too_slow: AWSError | None = None

    def take_headers(self, headers: list[tuple[str, str]], **_: Any) -> None:
        """Keep the headers."""
        keep_thread_state()
        self._headers = {name.lower(): value for name, value in headers}

    def take_body(self, chunk: bytes, **_: Any) -> None:
        """Keep or pass on a piece of the body.

        Raises:
            AWSError: a body that is kept is larger than any that S3 sends.
            Exception: the error of what takes the pieces.
        """
        keep_thread_state()
        self.has_begun = self.is_stream
        self.size += len(chunk)
        try:
            if not self.is_stream and self.size > _MAX_BODY_BYTES:
                raise AWSError(
                    f"the response has more than {_MAX_BODY_BYTES} bytes. Check that the endpoint "
                    "is a service compatible with S3, and proxies"
                )
            self.is_taking = self.is_stream
            self._take(bytes(chunk))
            self.is_taking = False
        except Exception as failure:
            # The library ends the transfer, and does not say by which error.
            self.failure = failure
            raise

    def take_progress(self, size: int) -> None:
        """Note a part of a file that was uploaded or downloaded."""
        keep_thread_state()
        self.size += size
        if self._on_bytes:
            self._on_bytes(size)

    def as_response(self, *, verified: bool) -> Response:
        """Return the whole response.

        Args:
            verified: whether the checksum that S3 sent with an object was correct.
        """
        body = b"".join(self._chunks)
        return Response(self._headers, body, 0 if body else self.size, verified)


class Call(NamedTuple):
    """A call of `S3.send`, which may take several attempts.

    Args:
        request: the request.
        future: the future of the response.
        take: called with the pieces of the body, in order; without it, the body is kept.
        on_bytes: called with the size of each part that was uploaded or downloaded.
    """

    request: Request
    future: Awaited
    take: TakeBody | None = None
    on_bytes: OnBytes | None = None


class Attempt(NamedTuple):
    """An attempt to send a request.

    Args:
        call: the call.
        number: the number of the attempt, from 0.
        address: where it is sent.
        response: collects the response.
        checksums: the checksums that are sent and verified.
        part_bytes: the size of the parts, if it is not `PART_BYTES`.
        in_one_piece: whether an object is transferred as a whole.
        paced: reads or writes the file, if limits slow down its transfer.
    """

    call: Call
    number: int
    address: Address
    response: Collector
    checksums: Any
    part_bytes: int | None
    in_one_piece: bool
    paced: PacedFile | None


def make_options(
    attempt: Attempt, connections: int, payer: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    """Return the arguments of ``S3Client.make_request``, but for ``on_done``.

    Args:
        attempt: the attempt.
        connections: the maximum number of connections for the parts of the object.
        payer: the headers by which the requester pays.
    """
    request, response, paced = attempt.call.request, attempt.response, attempt.paced
    checksums = attempt.checksums
    http, s3 = _library()
    # An upload in one piece has no progress until its response.
    is_upload_in_parts = bool(request.send_file) and not attempt.in_one_piece
    # Parts are read as they are sent, unless a header has their checksums.
    is_streamed = is_upload_in_parts and (checksums is None or are_trailing(checksums))
    return {
        "type": s3.S3RequestType[_type_of(request, response)],
        "operation_name": request.operation,
        "request": http.HttpRequest(
            request.method,
            _path(request, attempt.address),
            http.HttpHeaders(_headers(request, attempt.address.host, payer)),
            paced if paced and request.send_file else _body(request),
        ),
        "send_filepath": None if paced else request.send_file,
        "recv_filepath": None if paced else request.receive_file,
        "checksum_config": checksums,
        "part_size": attempt.part_bytes,
        "multipart_upload_threshold": request.part_bytes,
        "max_active_connections_override": connections,
        "fio_options": _streamed() if is_streamed else None,
        "on_headers": response.take_headers if request.keeps_headers else None,
        "on_body": _on_body(request, response, paced),
        "on_progress": (
            response.take_progress if request.receive_file or is_upload_in_parts else None
        ),
    }


def _headers(
    request: Request, host: str, payer: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    headers = [("Host", host), *request.headers.items(), *payer]
    if request.method not in ("GET", "HEAD"):
        length = request.size if request.send_file else len(request.body)
        headers.append(("Content-Length", str(length)))
    elif request.operation == "ListObjectsV2" and ".amazonaws." in host:
        headers.append(_RESTORE_STATUS)
    return headers


def _on_body(
    request: Request, response: Collector, paced: PacedFile | None
) -> Callable[..., None] | None:
    if request.receive_file:
        return paced.write if paced else None
    return None if request.send_file else response.take_body


@cache
def _library() -> Any:
    # Not in each request, where the import statements alone take 7 us.
    from awscrt import http, s3

    return http, s3


def _path(request: Request, address: Address) -> str:
    if request.key:
        key = request.key if is_plain_key(request.key) else escape_key(request.key)
        path = address.path + key
    else:
        # Other clients send requests about a bucket without a slash at its end.
        path = address.path.rstrip("/") or "/"
    return f"{path}?{request.query}" if request.query else path


def _body(request: Request) -> io.BytesIO | None:
    # The library wants a stream for an upload, also of nothing.
    is_upload = request.operation == "PutObject" and not request.send_file
    return io.BytesIO(request.body) if request.body or is_upload else None


def _type_of(request: Request, response: Collector) -> str:
    """Return the name of the awscrt request type; all but ``DEFAULT`` transfer in parts."""
    if request.operation == "PutObject":
        return "PUT_OBJECT"
    is_moved = request.receive_file or response.is_stream
    return "GET_OBJECT" if request.operation == "GetObject" and is_moved else "DEFAULT"


@lru_cache
def _streamed() -> Any:
    """Return the options by which parts are read from a file as they are sent.

    Otherwise each is in memory as a whole, and the memory for 16 of them limits the connections:
    https://github.com/awslabs/aws-c-s3, ``aws_s3_file_io_options``.
    """
    from awscrt.s3 import S3FileIoOptions

    return S3FileIoOptions(should_stream=True)


@lru_cache
def checksums_of_upload(in_header: bool) -> Any:
    """Return the checksums of an upload, in a header or in a trailer."""
    from awscrt import s3 as crt

    # In a header for small files: a trailer takes one more packet.
    location = crt.S3ChecksumLocation.HEADER if in_header else crt.S3ChecksumLocation.TRAILER
    return crt.S3ChecksumConfig(crt.S3ChecksumAlgorithm.CRC64NVME, location)


def are_trailing(checksums: Any) -> bool:
    """Return whether checksums are sent in a trailer."""
    if checksums is None:
        return False
    from awscrt.s3 import S3ChecksumLocation

    return bool(checksums.location == S3ChecksumLocation.TRAILER)


@lru_cache
def checksums_of(operation: str, in_one_piece: bool) -> Any:
    """Return the checksums of any other request; `None` if it has none.

    S3 sends the checksum with an object that is downloaded in one piece; that of a larger one
    costs another request.
    """
    from awscrt import s3 as crt

    if operation == "GetObject":
        mode = crt.S3ChecksumValidationMode
        return crt.S3ChecksumConfig(
            validate_response=True,
            response_validation_mode=mode.REQUEST_ONLY if in_one_piece else mode.FULL_OBJECT,
        )
    if operation == "DeleteObjects":
        # S3 requires one.
        return crt.S3ChecksumConfig(crt.S3ChecksumAlgorithm.CRC32, crt.S3ChecksumLocation.HEADER)
    return None
