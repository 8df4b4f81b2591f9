"""Requests to S3 over AWS's C library: many at a time, each retried where that is worth it."""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import lru_cache, partial
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError

from ..locations import s3_uri
from ..progress import OnBytes
from .endpoint import escape_key, find_endpoint, make_credentials

if TYPE_CHECKING:
    from awscrt.io import ClientBootstrap
    from awscrt.s3 import S3Client

from ..settings import CHECKSUM_KEY
from .thread_state import keep_thread_state
from .xml import find_text

PART_BYTES: Final = 8 * 2**20
"""The size of the parts of large objects, unless these would be too many."""

_MEMORY_BYTES: Final = 256 * 2**20
_CONNECT_TIMEOUT_MS: Final = 10_000
# With the first attempt, ten; waits double from the first one, each cut by chance.
_RETRIES: Final = 9
_FIRST_WAIT_MS: Final = 100


_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_NOT_FOUND = {"NoSuchBucket", "NoSuchKey", "NotFound"}
_REGION_HEADER = "x-amz-bucket-region"
# How awscrt calls the errors of connections.
_UNREACHABLE: Final = ("AWS_IO_", "AWS_ERROR_HTTP_")
# What it calls the errors of files.
_FILE_ERRORS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "AWS_ERROR_NO_PERMISSION": errno.EACCES,
        "AWS_ERROR_FILE_INVALID_PATH": errno.ENOENT,
        "AWS_ERROR_NO_SPACE": errno.ENOSPC,
        "AWS_ERROR_MAX_FDS_EXCEEDED": errno.EMFILE,
    }
)


class Request(NamedTuple):
    """A request to S3.

    Args:
        operation: its name in the API of S3.
        permission: the IAM action that it needs.
        bucket: the bucket.
        key: the key, where it is about an object.
        method: the HTTP method.
        query: the query string, escaped.
        headers: further headers.
        body: what is sent.
        send_file: the file to send in location of ``body``.
        receive_file: the file to write the body of the response to.
        size: the size in bytes of the file that is sent or received.
        part_bytes: the size of the parts that ``send_file`` is sent in, if it is larger.
        keeps_headers: whether anybody looks at the headers of the response.
    """

    operation: str
    permission: str
    bucket: str
    key: str = ""
    method: str = "GET"
    query: str = ""
    headers: Mapping[str, str] = _NO_HEADERS
    body: bytes = b""
    send_file: str | None = None
    receive_file: str | None = None
    size: int | None = None
    part_bytes: int | None = None
    keeps_headers: bool = False

    @property
    def is_transfer(self) -> bool:
        """Tell whether a file is sent or received. Nothing else about these is looked at."""
        return bool(self.send_file or self.receive_file)

    @property
    def subject(self) -> str:
        """What the request is about, for messages."""
        uri = s3_uri(self.bucket, self.key)
        if self.send_file:
            return f"{uri} from {self.send_file}"
        return f"{uri} to {self.receive_file}" if self.receive_file else uri


class Response(NamedTuple):
    """What S3 has answered.

    Args:
        headers: the headers, with names in lower case, if the request keeps them.
        body: the body, unless it went elsewhere or a file was sent.
        size: how many bytes of a file were sent or received.
        verified: whether a checksum that came with an object was found right.
    """

    headers: Mapping[str, str]
    body: bytes
    size: int = 0
    verified: bool = False


class S3:
    """Sends requests to S3.

    Args:
        connections: how many there are at most.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._connections_of_one = min(connections, _connections_of_one())
        self._sends_checksums = sends_checksums()
        self._connection = find_endpoint()
        self._clients: dict[tuple[str, int], S3Client] = {}
        self._regions: dict[str, str] = {}
        self._addresses: dict[tuple[str, str], tuple[str, str]] = {}
        self._in_flight: dict[Future[Response], Any] = {}

    def ask(self, request: Request) -> Response:
        """Send a request and wait for the response.

        Raises:
            ResourceNotFoundError: there is no such bucket or object.
            AWSError: S3 has refused, or could not be reached.
        """
        return self.send(request).result()

    def send(
        self,
        request: Request,
        take: Callable[[bytes], None] | None = None,
        on_bytes: OnBytes | None = None,
    ) -> Future[Response]:
        """Send a request.

        Args:
            request: the request.
            take: takes the body, piece by piece, in order; what it raises ends the transfer.
            on_bytes: is told of each part of a file that was sent or received.

        Returns:
            What raises the errors of `ask`.
        """
        future: Future[Response] = Future()
        self._send(request, future, partial(_Collector, take, on_bytes))
        return future

    def cancel(self) -> None:
        """Give up all requests that have not been answered, and wait until they have ended."""
        for future, sent in list(self._in_flight.items()):
            sent.cancel()
            future.exception()

    def _send(
        self,
        request: Request,
        future: Future[Response],
        collect: Callable[[], _Collector],
    ) -> None:
        from awscrt.http import HttpHeaders, HttpRequest
        from awscrt.s3 import S3RequestType

        region = self._regions.get(request.bucket, self._connection.region)
        host, path = self._address(request.bucket, region)
        path += escape_key(request.key)
        response = collect()
        length = [] if request.method in ("GET", "HEAD") else [_content_length(request)]
        http_request = HttpRequest(
            request.method,
            f"{path}?{request.query}" if request.query else path,
            HttpHeaders([("Host", host), *length, *request.headers.items()]),
            io.BytesIO(request.body) if request.body else None,
        )

        def finish(
            error: Exception | None, *, did_validate_checksum: bool = False, **_: Any
        ) -> None:
            keep_thread_state()
            try:
                if error is None:
                    future.set_result(response.as_response(verified=did_validate_checksum))
                elif self._is_elsewhere(request, region, error):
                    self._send(request, future, collect)
                else:
                    future.set_exception(_named(error, request, host))
            except Exception as failure:
                # In a thread of the library nobody would see it, and the caller would wait.
                future.set_exception(failure)

        try:
            sent = self._client(region, request).make_request(
                type=S3RequestType[_type_of(request, response)],
                operation_name=request.operation,
                request=http_request,
                send_filepath=request.send_file,
                recv_filepath=request.receive_file,
                checksum_config=_checksums(request, sends=self._sends_checksums),
                part_size=request.part_bytes,
                multipart_upload_threshold=request.part_bytes,
                max_active_connections_override=self._connections_of_one,
                on_headers=response.take_headers if request.keeps_headers else None,
                on_body=None if request.is_transfer else response.take_body,
                on_progress=response.take_progress if request.is_transfer else None,
                on_done=finish,
            )
        except (OSError, RuntimeError) as error:
            # The file cannot be opened.
            future.set_exception(_named(error, request, host))
            return
        self._in_flight[future] = sent
        future.add_done_callback(self._forget)

    def _address(self, bucket: str, region: str) -> tuple[str, str]:
        """Return the host of a bucket, and the beginning of the paths of its objects."""
        if (bucket, region) not in self._addresses:
            connection = self._connection.in_region(region)
            self._addresses[bucket, region] = connection.address(bucket)
        return self._addresses[bucket, region]

    def _forget(self, future: Future[Response]) -> None:
        self._in_flight.pop(future, None)

    def _is_elsewhere(self, request: Request, region: str, error: Exception) -> bool:
        """Tell whether S3 has named another region for the bucket; it is remembered."""
        headers = dict(getattr(error, "headers", None) or ())
        named = next((v for k, v in headers.items() if k.lower() == _REGION_HEADER), region)
        if named == region:
            return False
        self._regions[request.bucket] = named
        return True

    def _client(self, region: str, request: Request) -> S3Client:
        """Return the client for a request.

        Large files are moved by as many threads as there are cores. For what is small, one is
        faster: several would wait for the interpreter in turn.
        """
        threads = (os.cpu_count() or 1) if (request.size or 0) > PART_BYTES else 1
        if (region, threads) not in self._clients:
            self._clients[region, threads] = self._make_client(region, threads)
        return self._clients[region, threads]

    def _make_client(self, region: str, threads: int) -> S3Client:
        from awscrt.s3 import (
            S3Client,
            S3RequestTlsMode,
            S3RetryConfig,
            S3RetryMode,
            create_default_s3_signing_config,
        )

        encrypted, credentials = self._connection.encrypted, make_credentials()
        tls = S3RequestTlsMode.ENABLED if encrypted else S3RequestTlsMode.DISABLED
        return S3Client(
            bootstrap=_bootstrap(threads),
            region=region,
            tls_mode=tls,
            signing_config=create_default_s3_signing_config(
                region=region, credential_provider=credentials
            ),
            part_size=PART_BYTES,
            memory_limit=_MEMORY_BYTES,
            max_active_connections_override=self._connections,
            retry_config=S3RetryConfig(
                max_retries=_RETRIES,
                backoff_scale_factor_ms=_FIRST_WAIT_MS,
                # Others give up early when many requests fail at a time.
                retry_mode=S3RetryMode.EXPONENTIAL_BACKOFF,
            ),
            connect_timeout_ms=_CONNECT_TIMEOUT_MS,
        )


@lru_cache
def _bootstrap(threads: int) -> ClientBootstrap:
    """Return what has threads for requests. It is there as long as the process.

    The library cannot take such threads away while an error is on its way.
    """
    from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup

    loops = EventLoopGroup(threads)
    return ClientBootstrap(loops, DefaultHostResolver(loops))


class _Collector:
    """Takes a response as it comes."""

    def __init__(self, take: Callable[[bytes], None] | None, on_bytes: OnBytes | None) -> None:
        self.is_stream = take is not None
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._take = take or self._chunks.append
        self._on_bytes = on_bytes
        self._size = 0

    def take_headers(self, headers: list[tuple[str, str]], **_: Any) -> None:
        keep_thread_state()
        self._headers = {name.lower(): value for name, value in headers}

    def take_body(self, chunk: bytes, **_: Any) -> None:
        keep_thread_state()
        self._take(bytes(chunk))

    def take_progress(self, size: int) -> None:
        keep_thread_state()
        self._size += size
        if self._on_bytes:
            self._on_bytes(size)

    def as_response(self, *, verified: bool) -> Response:
        return Response(self._headers, b"".join(self._chunks), self._size, verified)


def _type_of(request: Request, response: _Collector) -> str:
    """Return the name of awscrt's type of a request; others than the default move in parts."""
    if request.operation == "PutObject":
        return "PUT_OBJECT"
    is_moved = request.receive_file or response.is_stream
    return "GET_OBJECT" if request.operation == "GetObject" and is_moved else "DEFAULT"


def _connections_of_one() -> int:
    """Return over how many connections the parts of one object go at most.

    Each takes its share of a core: more than a few for each core are slower, and hold more parts
    in memory.
    """
    return max(4, 2 * (os.cpu_count() or 1))


def _content_length(request: Request) -> tuple[str, str]:
    length = request.size if request.send_file else len(request.body)
    return ("Content-Length", str(length))


def _checksums(request: Request, *, sends: bool) -> Any:
    # The checksum of an object that comes in one piece comes with it; that of a larger one costs a
    # request of its own.
    in_one_piece = (request.size or 0) <= PART_BYTES
    return _checksums_of(request.operation, in_one_piece, sends)


@lru_cache
def _checksums_of(operation: str, in_one_piece: bool, sends: bool) -> Any:
    from awscrt.s3 import (
        S3ChecksumAlgorithm,
        S3ChecksumConfig,
        S3ChecksumLocation,
        S3ChecksumValidationMode,
    )

    if operation == "GetObject":
        mode = S3ChecksumValidationMode
        return S3ChecksumConfig(
            validate_response=True,
            response_validation_mode=mode.REQUEST_ONLY if in_one_piece else mode.FULL_OBJECT,
        )
    if operation == "PutObject" and sends:
        # In a header where the content is at hand: a trailer takes one more packet.
        location = S3ChecksumLocation
        return S3ChecksumConfig(
            S3ChecksumAlgorithm.CRC64NVME, location.HEADER if in_one_piece else location.TRAILER
        )
    if operation == "DeleteObjects":
        # S3 insists on one.
        return S3ChecksumConfig(S3ChecksumAlgorithm.CRC32, S3ChecksumLocation.HEADER)
    return None


def sends_checksums() -> bool:
    """Tell whether files are sent with a checksum, which S3 verifies."""
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html
    return os.environ.get(CHECKSUM_KEY, "").lower() != "when_required"


def _named(error: Exception, request: Request, host: str) -> Exception:
    """Return an error that says what failed, and how to mend it."""
    file = request.receive_file or request.send_file
    if isinstance(error, OSError):
        return OSError(error.errno, error.strerror, file)
    number = _FILE_ERRORS.get(_name_of(error)) if file else None
    if number is not None:
        return OSError(number, os.strerror(number), file)
    status = getattr(error, "status_code", None)
    code, message = _reason(error, status)
    text = f"cannot {_in_words(request.operation)} {request.subject}: {code}: {message}"
    if code in _NOT_FOUND or status == HTTPStatus.NOT_FOUND:
        return ResourceNotFoundError(text)
    if status == HTTPStatus.FORBIDDEN:
        text += f"; allow {request.permission} on it to the role or user in use"
    if status is None and code.startswith(_UNREACHABLE):
        text += f"; is S3 at {host}? Check the network, the region and AWS_ENDPOINT_URL"
    return AWSError(text)


def _reason(error: Exception, status: int | None) -> tuple[str, str]:
    body = (getattr(error, "body", None) or b"").decode(errors="replace")
    code = find_text(body, "Code") or _name_of(error)
    message = find_text(body, "Message") or str(getattr(error, "message", error))
    if status and not body:
        code = _in_words_of_http(status)
    return code, message


def _name_of(error: Exception) -> str:
    """Return the name that awscrt has for an error; some errors have it in their text only."""
    found = re.search(r"\((AWS_\w+)\)", str(error))
    return found[1] if found else getattr(error, "name", type(error).__name__)


def _in_words_of_http(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP status {status}"


def _in_words(operation: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", operation.removesuffix("V2")).lower()
