"""The S3 client, over the AWS Common Runtime: parallel requests with retries."""

from __future__ import annotations

import io
import logging
import math
import os
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import nullcontext
from functools import cache, cached_property, lru_cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, overload

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..cpu_affinity import all_cpus, shared_cpu
from ..progress import OnBytes, OutOfTimeError, activity
from .endpoint import (
    escape_key,
    find_endpoint,
    identity_of,
    is_one_service,
    is_plain_key,
    make_credentials,
    payer_headers,
)

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection
    from awscrt.io import ClientBootstrap, TlsConnectionOptions
    from awscrt.s3 import S3Client

    from ..ahead import BegunIterator
    from ..entries import Entry
    from .tcp import TrafficMeter
    from .throughput import InFlight, Throughputs

from ..rate_limits import RateLimits
from ..settings import (
    CHECKSUM_KEY,
    DEFAULT_RETRIES,
    MEMORY_KEY,
    WORKERS,
    count_connections,
    count_open_files,
    count_threads,
    most_concurrency,
)
from .errors import error_code, too_slow_error, translate_error
from .pacing import PacedFile, body_bytes, operations_of
from .requests import (
    Request,
    Response,
    ResponseFuture,
    head,
    head_bucket,
    left_to_delete,
    read_stored,
    settle,
)
from .retries import find_header, is_throttled, is_transient, retry_delay
from .service import Feature, Service, refuses_trailer
from .thread_state import keep_thread_state

PART_BYTES = 8 * 2**20
"""The size of the parts of large objects, unless these would be too many."""

# The library refuses parts that are larger than a part of its memory.
_MEMORY_BYTES = 256 * 2**20
_PARTS_IN_MEMORY = 4
_CONNECT_TIMEOUT_MS = 10_000
# After so many seconds without a response from a host, its TLS handshake is looked at.
_HANDSHAKE_SECONDS = 2.0
# Waits double, with jitter.
_RETRIES = DEFAULT_RETRIES
# Throttling may last for minutes, and the library gives up within one: so often it starts again.
_ROUNDS_IF_THROTTLED = 2
# These take their time, in which the service sends a blank now and then, or nothing.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
_SLOW_OPERATIONS = frozenset(
    {"CompleteMultipartUpload", "CopyObject", "DeleteObjects", "UploadPartCopy"}
)
_UPLOADS = frozenset({"PutObject", "UploadPart"})
# With a limit, transfers in parts get about four times as many parts ahead of it.
_PACED_CONNECTIONS = 2
_BYTES_PER_SECOND_OF_A_CONNECTION = 10 * 10**6
_REQUESTS_PER_SECOND_OF_A_CONNECTION = 10
# Requests are sent to another region, or without trailing checksums, however few the retries.
_REDIRECTIONS = 3
_FIRST_WAIT_MS = 100


SILENCE_SECONDS = 15.0
"""A warning says after so many seconds that nothing arrives. After 30 seconds without a byte, the
library ends an attempt."""

SLOW_SECONDS = 60.0
"""An attempt ends if it is below the minimum throughput for so many seconds."""

# How often the requests in flight are looked at in this time.
_LOOKS = 4

# What has no size known before, such as a page of a listing, is smaller.
_UNKNOWN_BYTES = 4 * 2**20

# A page of 1,000 keys has at most 4 MiB.
_MAX_BODY_BYTES = 16 * 2**20

_REGION_HEADER = "x-amz-bucket-region"
# By it, listings of AWS tell which archived objects are restored.
_RESTORE_STATUS = ("x-amz-optional-object-attributes", "RestoreStatus")
_CANCELED = "AWS_ERROR_S3_CANCELED"

logger = logging.getLogger(__name__)

Awaited: TypeAlias = Future[Response] | ResponseFuture
AnyAwaited = TypeVar("AnyAwaited", Future[Response], ResponseFuture)

_OPEN_FILES = count_open_files()
DEFAULT_CONNECTIONS = count_connections(os.environ.get(MEMORY_KEY, ""), _OPEN_FILES)
"""The maximum number of connections where the request leaves it open."""

MOST_CONCURRENCY = most_concurrency(_OPEN_FILES)
"""The maximum number of connections, whatever a request names."""

_MOST_THREADS = count_threads(sys.maxsize, _OPEN_FILES)

# The library opens no more connections than its throughput target takes, at 0.1 GB/s each.
_GBPS_OF_A_CONNECTION = 0.8

# Responses that take longer than this come from a distance.
_FAR_SECONDS = 0.01
# As long the response is awaited that tells how far a service is.
_MEASURE_SECONDS = 1.0

# Those of the event loops for a thread: without them, the library aborts the process.
_FILES_OF_LOOPS = 9

# Each upload takes about 2 MiB, most of it in buffers of TLS and of the sockets.
_MOST_CONNECTIONS_FOR_LARGE = 64


sent_requests: Counter[str] = Counter()
"""The number of requests that this process has sent, by operation. Those of a transfer in parts
follow from its size: the library does not count them, nor what it repeats."""

# Requests are sent by several threads.
_counts = threading.Lock()


class S3:
    """Sends requests to S3.

    Args:
        connections: the maximum number of connections of all workers.
        connection: the service and the credentials, if not those of the environment.
        limits: the limits of bytes and requests per second, if there are any.
        retries: the attempts of a request after the first one; by default 9, and three times
            as many attempts if the service throttles.

    Attributes:
        is_far: whether all responses so far took longer than those of a service nearby.
        begun_listings: the listings that were begun ahead, by bucket and prefix, until they are
            taken.
    """

    def __init__(
        self,
        connections: int,
        connection: S3Connection | None = None,
        limits: RateLimits | None = None,
        retries: int | None = None,
    ) -> None:
        self._chosen = connection
        self._connections = min(max(1, connections // WORKERS), MOST_CONCURRENCY)
        memory = os.environ.get(MEMORY_KEY)
        if memory:
            logger.debug("Connections: up to %s, in %s MB of memory", self._connections, memory)
        self._limits = limits
        block = limits.block_bytes if limits else None
        # Of downloads.
        self._part_bytes = min(block or PART_BYTES, PART_BYTES)
        # Python asks the kernel each time, which takes 10 us.
        self._cores = os.cpu_count() or 1
        self._most_of_one_near, self._most_of_one_far = (
            min(self._connections, max(1, most // WORKERS))
            for most in (max(4, 2 * self._cores), 32)
        )
        self._retries = _RETRIES if retries is None else retries
        self._repeats_throttled = retries is None
        self._shortest_response = float("inf")
        self.is_far = False
        self._sends_checksums = sends_checksums()
        self._connection = find_endpoint(connection)
        self._encrypted = self._connection.encrypted
        self._credentials = make_credentials(connection)
        self._payer = payer_headers().items()
        self._clients: dict[tuple[str, int, bool, int], S3Client] = {}
        self._regions: dict[str, str] = {}
        self._addresses: dict[str, _Address] = {}
        self._in_flight: dict[Awaited, tuple[Request, Any, _Collector]] = {}
        self._look: threading.Timer | None = None
        self._throughputs: Throughputs | None = None
        self._traffic: TrafficMeter | None = None
        self._waiting: dict[Awaited, threading.Timer] = {}
        self._is_stopped = False
        self._hosts: set[str] = set()
        self._handshakes: dict[str, threading.Timer] = {}
        self._failed_handshakes: dict[str, Exception] = {}
        self.begun_listings: dict[tuple[str, str], BegunIterator[list[Entry]]] = {}

    @cached_property
    def service(self) -> Service:
        """The service that responds."""
        return Service(self._connection.endpoint, is_aws=self._connection.is_aws)

    def can_copy_from(self, source: S3) -> bool:
        """Return whether the service can copy objects of another client by itself.

        The service must be one for both, and so must the credentials: a copy is a single request,
        which reads the source as well.
        """
        if source is self:
            return True
        is_one = is_one_service(self._connection, source._connection)
        return is_one and identity_of(self._chosen) == identity_of(source._chosen)

    def ask(self, request: Request) -> Response:
        """Send a request and wait for the response.

        Raises:
            ResourceNotFoundError: the bucket or object does not exist.
            AWSError: S3 refuses or cannot be reached.
        """
        future = self.send(request)
        while wait([future], SILENCE_SECONDS).not_done:
            warn_of_silence(request.operation, request.subject)
        return future.result()

    @overload
    def send(
        self,
        request: Request,
        take: Callable[[bytes], None] | None = None,
        on_bytes: OnBytes | None = None,
    ) -> Future[Response]: ...

    @overload
    def send(
        self,
        request: Request,
        take: Callable[[bytes], None] | None = None,
        on_bytes: OnBytes | None = None,
        *,
        future: AnyAwaited,
    ) -> AnyAwaited: ...

    def send(
        self,
        request: Request,
        take: Callable[[bytes], None] | None = None,
        on_bytes: OnBytes | None = None,
        future: Awaited | None = None,
    ) -> Awaited:
        """Send a request.

        Args:
            request: the request.
            take: called with the pieces of the body, in order; an error that it raises ends the
                transfer.
            on_bytes: called with the size of each part that was uploaded or downloaded.
            future: the future to return, by default a new one.

        Returns:
            A future that raises the errors of `ask`.
        """
        future = Future() if future is None else future
        if self._limits is None:
            self._send(request, future, partial(_Collector, take, on_bytes))
            return future
        taken = partial(self._take_paced, take) if take else None
        collect, seconds = partial(_Collector, taken, on_bytes), self._reserve(request, take)
        if seconds:
            self._send_later(seconds, request, future, collect)
        else:
            self._send(request, future, collect)
        return future

    def _take_paced(self, take: Callable[[bytes], None], chunk: bytes) -> None:
        if self._limits is not None:
            self._limits.take(len(chunk))
        take(chunk)

    def _reserve(self, request: Request, take: Callable[[bytes], None] | None = None) -> float:
        """Take what a request needs of the limits, and return the seconds to wait for it."""
        if self._limits is None:
            return 0.0
        operations = self._operations(request, is_stream=take is not None)
        if take is not None or not self._is_paced(request):
            size = 0 if take else body_bytes(request)
            return self._limits.reserve(size, sum(operations.values()))
        # Parts and bytes are taken one by one.
        return self._limits.reserve(0, sum(operations.values()) - max(operations.values()))

    def _operations(self, request: Request, *, is_stream: bool) -> dict[str, int]:
        if self._is_in_one_piece(request):
            return {request.operation: 1}
        part_bytes = request.part_bytes or self._part_bytes
        is_download = request.receive_file is not None or is_stream
        return operations_of(request, part_bytes, is_download=is_download)

    def _is_paced(self, request: Request, *, is_stream: bool = False) -> bool:
        """Return whether the bytes of a file are taken from the limits one by one."""
        if self._limits is None or not (request.send_file or request.receive_file or is_stream):
            return False
        return (request.size or 0) > (self._limits.block_bytes or PART_BYTES)

    def measure_distance(self, bucket: str) -> None:
        """Find out how far the service is, by a small request, unless a response has told."""
        if self._shortest_response == float("inf"):
            # Whatever the response says of the bucket, so does that to the first transfer.
            wait([self.send(head_bucket(bucket))], _MEASURE_SECONDS)

    def cancel(self) -> None:
        """Cancel all requests in flight, and wait until they have ended."""
        ended = [*self._in_flight, *self._waiting]
        if self._limits is not None:
            self._limits.interrupt()
        self._cancel()
        for future in ended:
            future.exception()
        self.resume()

    def stop(self) -> None:
        """Cancel all requests, as the time is up: they raise `OutOfTimeError` until `resume`."""
        self._is_stopped = True
        if self._limits is not None:
            self._limits.interrupt()
        self._cancel()

    def resume(self) -> None:
        """Send requests again."""
        self._is_stopped = False
        if self._limits is not None:
            self._limits.resume()

    def _cancel(self) -> None:
        for _, sent, _ in list(self._in_flight.values()):
            sent.cancel()
        for future in list(self._waiting):
            # Either the timer takes it, or this.
            timer = self._waiting.pop(future, None)
            if timer:
                timer.cancel()
                future.set_exception(OutOfTimeError("a retry was cancelled"))

    def _send(
        self,
        request: Request,
        future: Awaited,
        collect: Callable[[], _Collector],
        attempt: int = 0,
    ) -> None:
        if self._is_stopped:
            future.set_exception(OutOfTimeError())
            return
        region, host, path = self._addresses.get(request.bucket) or self._address(request.bucket)
        if host in self._failed_handshakes:
            future.set_exception(translate_error(self._failed_handshakes[host], request, host))
            return
        if request.key:
            path += request.key if is_plain_key(request.key) else escape_key(request.key)
        else:
            # Other clients send requests about a bucket without a slash at its end.
            path = path.rstrip("/") or "/"
        response = collect()
        in_one_piece = self._is_in_one_piece(request)
        checksums = self._checksums(request.operation, in_one_piece)
        is_transfer = bool(request.send_file or request.receive_file)
        # An upload in one piece has no progress until its response.
        has_progress = request.receive_file or (request.send_file and not in_one_piece)
        # Parts are read as they are sent, unless a header has their checksums.
        is_streamed = (
            request.send_file is not None
            and not in_one_piece
            and (checksums is None or _is_trailing(checksums))
        )
        # The library wants a stream for an upload, also of nothing.
        is_upload = request.operation == "PutObject" and not request.send_file
        has_body = bool(request.body) or is_upload
        is_paced, paced = self._is_paced(request, is_stream=response.is_stream), None
        headers = [("Host", host), *request.headers.items(), *self._payer]
        if request.method not in ("GET", "HEAD"):
            headers.append(_content_length(request))
        elif request.operation == "ListObjectsV2" and ".amazonaws." in host:
            headers.append(_RESTORE_STATUS)

        def finish(
            error: Exception | None, *, did_validate_checksum: bool = False, **_: Any
        ) -> None:
            keep_thread_state()
            if paced:
                paced.close()
            if future.done():
                # By a handshake that failed.
                return
            if host in self._handshakes:
                self._handshakes.pop(host).cancel()
            if not is_transfer:
                self._shortest_response = min(self._shortest_response, time.monotonic() - start)
                self.is_far = self._shortest_response > _FAR_SECONDS
            try:
                if error is None:
                    received = response.as_response(verified=did_validate_checksum)
                    self._end(request, received, future, collect, attempt)
                elif failure := response.failure or (paced.failure if paced else None):
                    future.set_exception(failure)
                elif response.too_slow and not self._is_stopped:
                    if attempt < self._retries and not response.has_begun:
                        self._repeat(request, future, collect, attempt, error)
                    else:
                        future.set_exception(response.too_slow)
                elif attempt >= max(self._retries, _REDIRECTIONS) or response.has_begun:
                    future.set_exception(self._translate(error, request, host))
                elif self._is_elsewhere(request, region, error) or self._refuses_trailer(
                    checksums, error
                ):
                    self._send(request, future, collect, attempt + 1)
                elif self._is_repeated(attempt, error):
                    self._repeat(request, future, collect, attempt, error)
                elif self._is_in_doubt(request, error):
                    failure = self._translate(error, request, host)
                    self._settle(request, failure, future, collect)
                else:
                    future.set_exception(self._translate(error, request, host))
            except Exception as failure:
                # Raised in a thread of the library, it would be lost, and the caller would wait.
                future.set_exception(failure)

        try:
            if self._limits is not None and is_paced and is_transfer:
                paced = PacedFile(request, self._limits, request.part_bytes or self._part_bytes)
            http, s3 = _library()
            client = self._client(region, request, is_paced=is_paced)
            # The first client takes as long to make as a service nearby takes to respond.
            start = time.monotonic()
            sent = client.make_request(
                type=s3.S3RequestType[_type_of(request, response)],
                operation_name=request.operation,
                request=http.HttpRequest(
                    request.method,
                    f"{path}?{request.query}" if request.query else path,
                    http.HttpHeaders(headers),
                    (paced if request.send_file else None)
                    or (io.BytesIO(request.body) if has_body else None),
                ),
                send_filepath=None if paced else request.send_file,
                recv_filepath=None if paced else request.receive_file,
                checksum_config=checksums,
                part_size=request.part_bytes or (self._part_bytes if self._limits else None),
                multipart_upload_threshold=request.part_bytes,
                fio_options=_streamed() if is_streamed else None,
                max_active_connections_override=1 if is_paced else self._connections_of_one(),
                on_headers=response.take_headers if request.keeps_headers else None,
                on_body=(paced.write if paced and request.receive_file else None)
                if is_transfer
                else response.take_body,
                on_progress=response.take_progress if has_progress else None,
                on_done=finish,
            )
        except (OSError, RuntimeError) as error:
            # The file cannot be opened.
            if paced:
                paced.close()
            future.set_exception(translate_error(error, request, host))
            return
        with _counts:
            if in_one_piece:
                sent_requests[request.operation] += 1
            else:
                sent_requests.update(self._operations(request, is_stream=response.is_stream))
        self._in_flight[future] = request, sent, response
        future.add_done_callback(self._forget)
        if self._look is None:
            self._look_later()
        if self._encrypted and host not in self._hosts:
            self._watch_handshake(host)
        if self._is_stopped:
            # Meanwhile, and perhaps too late for this request.
            sent.cancel()

    def _end(
        self,
        request: Request,
        response: Response,
        future: Awaited,
        collect: Callable[[], _Collector],
        attempt: int,
    ) -> None:
        """Give out a response, or send a request for the objects that could not be deleted yet."""
        is_deletion = request.operation == "DeleteObjects" and attempt < self._retries
        left = left_to_delete(request, response) if is_deletion else None
        if left is None:
            future.set_result(response)
        else:
            self._repeat(left, future, collect, attempt)

    def _is_repeated(self, attempt: int, error: Exception) -> bool:
        """Return whether to send a request again after an error that may not recur."""
        code = error_code(error)
        if is_throttled(code):
            return self._repeats_throttled and attempt < _ROUNDS_IF_THROTTLED
        status = getattr(error, "status_code", None)
        return attempt < self._retries and is_transient(status, code)

    def _repeat(
        self,
        request: Request,
        future: Awaited,
        collect: Callable[[], _Collector],
        attempt: int,
        error: Exception | None = None,
    ) -> None:
        """Send a request again, after a while."""
        headers = dict(getattr(error, "headers", None) or ())
        seconds = retry_delay(attempt, _FIRST_WAIT_MS / 1000, find_header(headers, "retry-after"))
        seconds = max(seconds, self._reserve(request))
        activity.retry_at = max(activity.retry_at, time.monotonic() + seconds)
        self._send_later(seconds, request, future, collect, attempt + 1)

    def _send_later(
        self,
        seconds: float,
        request: Request,
        future: Awaited,
        collect: Callable[[], _Collector],
        attempt: int = 0,
    ) -> None:
        def send() -> None:
            if self._waiting.pop(future, None):
                self._send(request, future, collect, attempt)

        timer = threading.Timer(seconds, send)
        timer.daemon = True
        self._waiting[future] = timer
        timer.start()
        if self._is_stopped:
            self._cancel()

    def _look_later(self) -> None:
        """Look at the throughput of the requests in flight, after a while."""
        with _counts:
            if self._look is None:
                self._look = _timer_of(self, SLOW_SECONDS / _LOOKS)
                self._look.start()

    def end_slow_requests(self) -> None:
        """End the attempts of requests that are too slow; they are sent again."""
        from .tcp import TrafficMeter
        from .throughput import Throughputs, minimum_within

        self._look = None
        # Each attempt has a response of its own.
        in_flight = {found[2]: found for found in list(self._in_flight.values())}
        if not in_flight:
            self._throughputs = self._traffic = None
            return
        if self._throughputs is None or self._traffic is None:
            self._throughputs = Throughputs(minimum_within(self._limits, SLOW_SECONDS))
            self._traffic = TrafficMeter()
        known = {
            response: self._state_of(request, response)
            for request, _, response in in_flight.values()
            # One that was ended may take a moment.
            if request.operation not in _SLOW_OPERATIONS and response.too_slow is None
        }
        parts = sum(math.ceil(state.unknown / self._part_bytes) for state in known.values())
        is_queue = parts > min(self._connections, _MEMORY_BYTES // PART_BYTES)
        traffic, now = self._traffic.read(), time.monotonic()
        found = self._throughputs.find_slow(now, known, traffic, is_queue=is_queue)
        for response, throughput in found.items():
            request, sent, _ = in_flight[response]
            response.too_slow = too_slow_error(request, throughput, self._throughputs.minimum)
            logger.warning("%s. This attempt is ended", response.too_slow)
            sent.cancel()
        self._look_later()

    def _state_of(self, request: Request, response: _Collector) -> InFlight:
        from .throughput import InFlight

        size, done = request.size, response.size
        rest = _UNKNOWN_BYTES if size is None else max(0, size - done)
        most = self._connections_of_one() * (request.part_bytes or self._part_bytes)
        is_upload = request.operation in _UPLOADS
        # S3 takes its time to put the parts of an upload together.
        is_held = response.is_taking or (is_upload and not rest)
        return InFlight(done, min(rest, most), sends=is_upload, is_held=is_held)

    def _translate(self, error: Exception, request: Request, host: str) -> Exception:
        if self._is_stopped and getattr(error, "name", "") == _CANCELED:
            return OutOfTimeError()
        return translate_error(error, request, host, is_signed=self._credentials is not None)

    def _watch_handshake(self, host: str) -> None:
        """Look for the reason if there is no response from a host within seconds."""
        self._hosts.add(host)
        timer = threading.Timer(_HANDSHAKE_SECONDS, self._check_handshake, [host])
        timer.daemon = True
        self._handshakes[host] = timer
        timer.start()

    def _check_handshake(self, host: str) -> None:
        """Cancel all requests if the TLS handshake with a host fails: it does so for good."""
        from .tls import failed_handshake, find_ca_bundle

        if self._handshakes.pop(host, None):
            error = failed_handshake(host, find_ca_bundle())
            if error is not None:
                self._failed_handshakes[host] = error
                self._cancel()
                # The library waits for up to half a minute before it ends a failed connection.
                for future, (request, _, _) in list(self._in_flight.items()):
                    if not future.done():
                        future.set_exception(translate_error(error, request, host))

    def _find_tls_options(self) -> TlsConnectionOptions | None:
        if not self._encrypted:
            return None
        from .tls import find_ca_bundle, make_tls_options

        ca_bundle = find_ca_bundle()
        return make_tls_options(ca_bundle) if ca_bundle else None

    def _connections_of_one(self) -> int:
        """Return the maximum number of connections for the parts of one object.

        Each takes its share of a core: more than a few for each core are slower, and hold more
        parts in memory. At a distance, where they spend their time waiting, more are faster. The
        share of a worker limits its memory as well: the library accepts no lower memory limit.
        """
        return self._most_of_one_far if self.is_far else self._most_of_one_near

    def _address(self, bucket: str) -> _Address:
        """Return where the objects of a bucket are."""
        region = self._regions.get(bucket, self._connection.region)
        if bucket.startswith("arn:"):
            # An access point names its region.
            region = bucket.split(":")[3]
        host, path = self._connection.in_region(region).address(bucket)
        self._addresses[bucket] = address = _Address(region, host, path)
        return address

    def _forget(self, future: Awaited) -> None:
        self._in_flight.pop(future, None)

    def _is_elsewhere(self, request: Request, region: str, error: Exception) -> bool:
        """Return whether the bucket is in another region, and remember that region."""
        headers = dict(getattr(error, "headers", None) or ())
        named = find_header(headers, _REGION_HEADER)
        if named is None or named == region:
            return False
        self._regions[request.bucket] = named
        self._addresses.pop(request.bucket, None)
        return True

    def _refuses_trailer(self, checksums: Any, error: Exception) -> bool:
        """Return whether the service refuses the trailing checksums of a request, and note it."""
        if self.service.is_aws or not checksums or not _is_trailing(checksums):
            return False
        status, code = getattr(error, "status_code", None), error_code(error)
        if is_transient(status, code) or not refuses_trailer(status, code):
            return False
        self.service.note_lack(Feature.TRAILERS)
        return True

    def _is_in_doubt(self, request: Request, error: Exception) -> bool:
        """Return whether a condition may have failed because a listing had another ETag."""
        status = getattr(error, "status_code", None)
        is_refused = request.version is not None and status == HTTPStatus.PRECONDITION_FAILED
        return is_refused and not self.service.is_aws

    def _settle(
        self,
        request: Request,
        failure: Exception,
        future: Awaited,
        collect: Callable[[], _Collector],
    ) -> None:
        """Send a request again, unless the object that it names has changed."""
        version = request.version

        def repeat(awaited: Future[Response]) -> None:
            try:
                found = read_stored(awaited.result(), is_head=True)
                settled = settle(request, found)
                if version is None or settled is None:
                    raise failure
                self.service.note_served(version.bucket, version.key, found.etag)
                self._send(settled, future, collect)
            except OutOfTimeError as error:
                future.set_exception(error)
            except Exception:
                # Raised in a thread of the library, it would be lost, and the caller would wait.
                future.set_exception(failure)

        if version is not None:
            self.send(head(version.bucket, version.key)).add_done_callback(repeat)

    def _is_in_one_piece(self, request: Request) -> bool:
        return (request.size or 0) <= (request.part_bytes or self._part_bytes)

    def _checksums(self, operation: str, in_one_piece: bool) -> Any:
        """Return which checksums are sent and verified."""
        # S3 sends the checksum with an object that is downloaded in one piece; that of a larger
        # one costs another request.
        if operation == "PutObject":
            in_header = in_one_piece or not self.service.supports(Feature.TRAILERS)
            return _upload_checksums(in_header) if self._sends_checksums else None
        return _checksums_of(operation, in_one_piece)

    def _client(self, region: str, request: Request, *, is_paced: bool) -> S3Client:
        """Return the client for a request.

        Large files take one thread for each core. Small ones are faster with a single thread:
        several would wait for the interpreter lock.
        """
        is_large = (request.size or 0) > PART_BYTES and not is_paced
        threads = max(1, min(self._cores, _MOST_THREADS) // WORKERS) if is_large else 1
        memory = max(_MEMORY_BYTES, _PARTS_IN_MEMORY * (request.part_bytes or 0))
        key = region, threads, is_paced, memory
        client = self._clients.get(key)
        if client is None:
            connections = self._paced_connections() if is_paced else self._connections
            if is_large:
                connections = min(connections, max(1, _MOST_CONNECTIONS_FOR_LARGE // WORKERS))
            # Several threads encrypt and hash at the same time.
            with nullcontext() if threads == 1 else all_cpus():
                client = self._make_client(region, threads, connections, memory)
            self._clients[key] = client
        return client

    def _paced_connections(self) -> int:
        """Return the number of connections for files whose bytes or parts are limited."""
        limits = self._limits
        size, requests = (limits.bandwidth, limits.requests_per_second) if limits else (None, None)
        most = min(
            (size or float("inf")) / _BYTES_PER_SECOND_OF_A_CONNECTION,
            (requests or float("inf")) / _REQUESTS_PER_SECOND_OF_A_CONNECTION,
            self._connections,
        )
        return max(_PACED_CONNECTIONS, int(most))

    def _make_client(self, region: str, threads: int, connections: int, memory: int) -> S3Client:
        from awscrt.s3 import (
            S3Client,
            S3RequestTlsMode,
            S3RetryConfig,
            S3RetryMode,
            create_default_s3_signing_config,
        )

        _check_open_files(_FILES_OF_LOOPS * threads + 1)
        signing = (
            create_default_s3_signing_config(region=region, credential_provider=self._credentials)
            if self._credentials
            else None
        )
        tls = S3RequestTlsMode.ENABLED if self._encrypted else S3RequestTlsMode.DISABLED
        return S3Client(
            bootstrap=_bootstrap(threads),
            region=region,
            tls_mode=tls,
            tls_connection_options=self._find_tls_options(),
            signing_config=signing,
            part_size=PART_BYTES,
            memory_limit=memory,
            max_active_connections_override=connections,
            throughput_target_gbps=_GBPS_OF_A_CONNECTION * connections,
            retry_config=S3RetryConfig(
                max_retries=self._retries,
                backoff_scale_factor_ms=_FIRST_WAIT_MS,
                # The other modes give up early when many requests fail at once.
                retry_mode=S3RetryMode.EXPONENTIAL_BACKOFF if self._retries else S3RetryMode.NONE,
            ),
            connect_timeout_ms=_CONNECT_TIMEOUT_MS,
        )


def warn_of_silence(operation: str, subject: str) -> None:
    """Warn that there is no response to a request yet."""
    logger.warning(
        "No response for %.0f seconds: %s %s is tried again after 30 seconds without a byte",
        SILENCE_SECONDS,
        operation,
        subject,
    )


@cache
def _library() -> Any:
    # Not in each request, where the import statements alone take 7 us.
    from awscrt import http, s3

    return http, s3


def _timer_of(client: S3, seconds: float) -> threading.Timer:
    """Return what lets a client look at its requests, unless nothing uses it any more.

    A reference to it would keep its threads and sockets, and a function may have 1,024 of each.
    """
    timer = threading.Timer(seconds, _look_at)
    timer.args = [weakref.ref(client, lambda _: timer.cancel())]
    timer.daemon = True
    return timer


def _look_at(reference: weakref.ref[S3]) -> None:
    client = reference()
    if client is not None:
        client.end_slow_requests()


def _check_open_files(count: int) -> None:
    """Raise `OSError` if a process cannot open so many more files: the library would abort it."""
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(count))
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot open connections to S3: the process may have {_OPEN_FILES:,} files open, and "
            "they would be more. Raise the limit (ulimit -n), for example to 1024",
        ) from error
    finally:
        for file in opened:
            os.close(file)


@lru_cache
def _bootstrap(threads: int) -> ClientBootstrap:
    """Return the event loop threads, which live as long as the process.

    The library cannot stop them while an error is being delivered.
    """
    from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup

    # A single one takes turns with the main thread.
    with shared_cpu() if threads == 1 else nullcontext():
        loops = EventLoopGroup(threads)
    return ClientBootstrap(loops, DefaultHostResolver(loops))


class _Address(NamedTuple):
    """Where the objects of a bucket are.

    Args:
        region: the region of the bucket.
        host: the host of its endpoint.
        path: the start of the paths of its objects.
    """

    region: str
    host: str
    path: str


class _Collector:
    """Collects a response as it arrives."""

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

    def __init__(self, take: Callable[[bytes], None] | None, on_bytes: OnBytes | None) -> None:
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
        keep_thread_state()
        self._headers = {name.lower(): value for name, value in headers}

    def take_body(self, chunk: bytes, **_: Any) -> None:
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
        keep_thread_state()
        self.size += size
        if self._on_bytes:
            self._on_bytes(size)

    def as_response(self, *, verified: bool) -> Response:
        body = b"".join(self._chunks)
        return Response(self._headers, body, 0 if body else self.size, verified)


def _type_of(request: Request, response: _Collector) -> str:
    """Return the name of the awscrt request type; all but ``DEFAULT`` transfer in parts."""
    if request.operation == "PutObject":
        return "PUT_OBJECT"
    is_moved = request.receive_file or response.is_stream
    return "GET_OBJECT" if request.operation == "GetObject" and is_moved else "DEFAULT"


def _content_length(request: Request) -> tuple[str, str]:
    length = request.size if request.send_file else len(request.body)
    return ("Content-Length", str(length))


@lru_cache
def _streamed() -> Any:
    """Return the options by which parts are read from a file as they are sent.

    Otherwise each is in memory as a whole, and the memory for 16 of them limits the connections:
    https://github.com/awslabs/aws-c-s3, ``aws_s3_file_io_options``.
    """
    from awscrt.s3 import S3FileIoOptions

    return S3FileIoOptions(should_stream=True)


@lru_cache
def _upload_checksums(in_header: bool) -> Any:
    from awscrt import s3 as crt

    # In a header for small files: a trailer takes one more packet.
    location = crt.S3ChecksumLocation.HEADER if in_header else crt.S3ChecksumLocation.TRAILER
    return crt.S3ChecksumConfig(crt.S3ChecksumAlgorithm.CRC64NVME, location)


def _is_trailing(checksums: Any) -> bool:
    from awscrt.s3 import S3ChecksumLocation

    return bool(checksums.location == S3ChecksumLocation.TRAILER)


@lru_cache
def _checksums_of(operation: str, in_one_piece: bool) -> Any:
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


def sends_checksums() -> bool:
    """Return whether files are uploaded with a checksum, which S3 verifies."""
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html
    return os.environ.get(CHECKSUM_KEY, "").lower() != "when_required"
