"""The S3 client, over the AWS Common Runtime: parallel requests with retries."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import weakref
from collections import Counter
from concurrent.futures import Future, wait
from functools import cached_property, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, overload

from ..progress import OnBytes, OutOfTimeError, activity
from ..settings import DEFAULT_RETRIES, MEMORY_KEY, WORKERS
from .attempts import (
    Attempt,
    Awaited,
    Call,
    Collector,
    are_trailing,
    checksums_of,
    checksums_of_upload,
    make_options,
)
from .crt_clients import MOST_CONCURRENCY, MOST_THREADS, ClientOptions, make_crt_client
from .endpoint import (
    Addresses,
    find_endpoint,
    identity_of,
    is_one_service,
    make_credentials,
    payer_headers,
    sends_checksums,
)
from .errors import error_code, too_slow_error, translate_error
from .handshakes import Handshakes
from .pacing import Pacing, TakeBody, operations_of
from .requests import (
    PART_BYTES,
    Request,
    Response,
    ResponseFuture,
    head,
    head_bucket,
    left_to_delete,
    read_stored,
    settle,
)
from .retries import (
    FailedAttempt,
    Reaction,
    RetryPolicy,
    find_header_of,
    is_transient,
    react,
    retry_delay,
)
from .service import Feature, Service, refuses_trailer
from .thread_state import keep_thread_state

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.common.exceptions import AWSError
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection
    from awscrt.s3 import S3Client

    from ..ahead import BegunIterator
    from ..entries import Entry
    from ..rate_limits import RateLimits
    from .tcp import TrafficMeter
    from .throughput import InFlight, Throughputs

_RETRIES: Final = DEFAULT_RETRIES
# Waits double, with jitter.
_FIRST_WAIT_MS: Final = 100
# These take their time, in which the service sends a blank now and then, or nothing.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
_SLOW_OPERATIONS: Final = frozenset(
    {"CompleteMultipartUpload", "CopyObject", "DeleteObjects", "UploadPartCopy"}
)
_UPLOADS: Final = frozenset({"PutObject", "UploadPart"})
_CANCELED: Final = "AWS_ERROR_S3_CANCELED"

SILENCE_SECONDS = 15.0
"""A warning says after so many seconds that nothing arrives. After 30 seconds without a byte, the
library ends an attempt."""

SLOW_SECONDS = 60.0
"""An attempt ends if it is below the minimum throughput for so many seconds."""

# How often the requests in flight are looked at in this time.
_LOOKS: Final = 4

# The library refuses parts that are larger than a part of its memory.
_MEMORY_BYTES: Final = 256 * 2**20
_PARTS_IN_MEMORY: Final = 4

# Each upload takes about 2 MiB, most of it in buffers of TLS and of the sockets.
_MOST_CONNECTIONS_FOR_LARGE: Final = 64

# For the parts of one object.
_CONNECTIONS_OF_ONE_NEAR: Final = 4
_CONNECTIONS_OF_ONE_FAR: Final = 32

# What has no size known before, such as a page of a listing, is smaller.
_UNKNOWN_BYTES: Final = 4 * 2**20

# Responses that take longer than this come from a distance.
_FAR_SECONDS: Final = 0.01
# The longest wait for the response that shows how far a service is.
_MEASURE_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)

AnyAwaited = TypeVar("AnyAwaited", Future[Response], ResponseFuture)

sent_requests: Counter[str] = Counter()
"""The number of requests that this process has sent, by operation. Those of a transfer in parts
follow from its size: the library does not count them, nor what it repeats."""

# Requests are sent by several threads.
_counts = threading.Lock()


class _Sent(NamedTuple):
    """An attempt in flight.

    Args:
        attempt: the attempt.
        request: the request of the library, which can be cancelled.
    """

    attempt: Attempt
    request: Any


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
        self._pacing = Pacing(limits) if limits else None
        # Of downloads.
        self._part_bytes = self._pacing.part_bytes if self._pacing else PART_BYTES
        # Python asks the kernel each time, which takes 10 us.
        self._cores = os.cpu_count() or 1
        self._most_of_one_near, self._most_of_one_far = (
            min(self._connections, max(1, most // WORKERS))
            for most in (max(_CONNECTIONS_OF_ONE_NEAR, 2 * self._cores), _CONNECTIONS_OF_ONE_FAR)
        )
        attempts = _RETRIES if retries is None else retries
        self._policy = RetryPolicy(attempts, retries is None, _FIRST_WAIT_MS)
        self._shortest_response = float("inf")
        self.is_far = False
        self._sends_checksums = sends_checksums()
        self._connection = find_endpoint(connection)
        self._encrypted = self._connection.encrypted
        self._credentials = make_credentials(connection)
        self._payer = payer_headers().items()
        self._clients: dict[ClientOptions, S3Client] = {}
        self._addresses = Addresses(self._connection)
        self._handshakes = Handshakes() if self._encrypted else None
        self._in_flight: dict[Awaited, _Sent] = {}
        self._waiting: dict[Awaited, threading.Timer] = {}
        self._is_stopped = False
        self._look: threading.Timer | None = None
        self._throughputs: Throughputs | None = None
        self._traffic: TrafficMeter | None = None
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
        take: TakeBody | None = None,
        on_bytes: OnBytes | None = None,
    ) -> Future[Response]: ...

    @overload
    def send(
        self,
        request: Request,
        take: TakeBody | None = None,
        on_bytes: OnBytes | None = None,
        *,
        future: AnyAwaited,
    ) -> AnyAwaited: ...

    def send(
        self,
        request: Request,
        take: TakeBody | None = None,
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
        if self._pacing is None:
            self._send(Call(request, future, take, on_bytes))
            return future
        call = Call(request, future, take and self._pacing.slow_down(take), on_bytes)
        seconds = self._pacing.reserve(request, is_stream=take is not None)
        if seconds:
            self._send_later(seconds, call)
        else:
            self._send(call)
        return future

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
        for sent in list(self._in_flight.values()):
            sent.request.cancel()
        for future in list(self._waiting):
            # Either the timer takes it, or this.
            timer = self._waiting.pop(future, None)
            if timer:
                timer.cancel()
                future.set_exception(OutOfTimeError("a retry was cancelled"))

    def _send(self, call: Call, number: int = 0) -> None:
        """Begin an attempt to send a request.

        Args:
            call: the request, and the future of its response.
            number: the number of the attempt, from 0.
        """
        request, future, take, on_bytes = call
        if self._is_stopped:
            future.set_exception(OutOfTimeError())
            return
        address = self._addresses[request.bucket]
        failure = self._handshakes and self._handshakes.find_failure(address.host)
        if failure:
            future.set_exception(translate_error(failure, request, address.host))
            return
        part_bytes = request.part_bytes or (self._part_bytes if self._pacing else None)
        in_one_piece = (request.size or 0) <= (part_bytes or PART_BYTES)
        checksums = self._find_checksums(request.operation, in_one_piece)
        is_paced = self._is_paced(call)
        connections = 1 if is_paced else self._most_of_one()
        paced = None
        try:
            client = self._client(address.region, request, is_paced=is_paced)
            paced = self._pacing.open_file(request) if self._pacing else None
            response = Collector(take, on_bytes)
            attempt = Attempt(
                call, number, address, response, checksums, part_bytes, in_one_piece, paced
            )
            # The first client takes as long to make as a service nearby takes to respond.
            end = partial(self._end, attempt, time.monotonic())
            options = make_options(attempt, connections, self._payer)
            sent = client.make_request(**options, on_done=end)
        except (OSError, RuntimeError) as error:
            # The file cannot be opened.
            if paced:
                paced.close()
            future.set_exception(translate_error(error, request, address.host))
            return
        self._count(attempt)
        self._in_flight[future] = _Sent(attempt, sent)
        future.add_done_callback(self._forget)
        if self._look is None:
            self._look_later()
        if self._handshakes:
            self._handshakes.watch(address.host, self._end_all)
        if self._is_stopped:
            # Meanwhile, and perhaps too late for this request.
            sent.cancel()

    def _is_paced(self, call: Call) -> bool:
        if self._pacing is None:
            return False
        return self._pacing.is_paced(call.request, is_stream=call.take is not None)

    def _count(self, attempt: Attempt) -> None:
        request = attempt.call.request
        with _counts:
            if attempt.in_one_piece:
                sent_requests[request.operation] += 1
            else:
                part_bytes, is_stream = attempt.part_bytes, attempt.response.is_stream
                sent_requests.update(operations_of(request, part_bytes, is_stream=is_stream))

    def _end(
        self,
        attempt: Attempt,
        start: float,
        error: Exception | None,
        *,
        did_validate_checksum: bool = False,
        **_: Any,
    ) -> None:
        """End an attempt, in a thread of the library."""
        keep_thread_state()
        request, future = attempt.call.request, attempt.call.future
        response, paced = attempt.response, attempt.paced
        if paced:
            paced.close()
        if future.done():
            # By a handshake that failed.
            return
        if self._handshakes:
            self._handshakes.note_response(attempt.address.host)
        if not (request.send_file or request.receive_file):
            self._shortest_response = min(self._shortest_response, time.monotonic() - start)
            self.is_far = self._shortest_response > _FAR_SECONDS
        try:
            if error is None:
                self._respond(attempt, response.as_response(verified=did_validate_checksum))
            elif failure := response.failure or (paced.failure if paced else None):
                future.set_exception(failure)
            else:
                self._react(attempt, error)
        except Exception as failure:
            # Raised in a thread of the library, it would be lost, and the caller would wait.
            future.set_exception(failure)

    def _respond(self, attempt: Attempt, response: Response) -> None:
        """Give out a response, or send a request for the objects that could not be deleted yet."""
        request, left = attempt.call.request, None
        if request.operation == "DeleteObjects" and attempt.number < self._policy.retries:
            left = left_to_delete(request, response)
        if left is None:
            attempt.call.future.set_result(response)
        else:
            self._repeat(attempt._replace(call=attempt.call._replace(request=left)))

    def _react(self, attempt: Attempt, error: Exception) -> None:
        """Send the request of a failed attempt again, or let it fail."""
        reaction = react(self._describe(attempt, error), self._policy)
        if reaction is Reaction.REPEAT:
            self._repeat(attempt, error)
        elif reaction is Reaction.REDIRECT:
            self._send(attempt.call, attempt.number + 1)
        elif reaction is Reaction.SETTLE:
            self._settle(attempt, self._translate(attempt, error))
        else:
            attempt.call.future.set_exception(self._translate(attempt, error))

    def _describe(self, attempt: Attempt, error: Exception) -> FailedAttempt:
        status, code = getattr(error, "status_code", None), error_code(error)
        request, response, address = attempt.call.request, attempt.response, attempt.address
        is_misdirected = self._addresses.note_region(request.bucket, address.region, error)
        is_misdirected = is_misdirected or self._refuses_trailer(attempt.checksums, status, code)
        # Services may serve an object under another ETag than they list.
        is_refused = request.version is not None and status == HTTPStatus.PRECONDITION_FAILED
        return FailedAttempt(
            attempt.number,
            status,
            code,
            has_begun=response.has_begun,
            is_too_slow=self._too_slow_error(response) is not None,
            is_misdirected=is_misdirected,
            is_in_doubt=is_refused and not self.service.is_aws,
        )

    def _too_slow_error(self, response: Collector) -> AWSError | None:
        return None if self._is_stopped else response.too_slow

    def _repeat(self, attempt: Attempt, error: Exception | None = None) -> None:
        """Send a request again, after a while."""
        asked = find_header_of(error, "retry-after") if error else None
        seconds = retry_delay(attempt.number, self._policy.first_wait_ms / 1000, asked)
        if self._pacing:
            seconds = max(seconds, self._pacing.reserve(attempt.call.request, is_stream=False))
        activity.retry_at = max(activity.retry_at, time.monotonic() + seconds)
        self._send_later(seconds, attempt.call, attempt.number + 1)

    def _send_later(self, seconds: float, call: Call, number: int = 0) -> None:
        def send() -> None:
            if self._waiting.pop(call.future, None):
                self._send(call, number)

        timer = threading.Timer(seconds, send)
        timer.daemon = True
        self._waiting[call.future] = timer
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
        # Each attempt has its own response.
        in_flight = {sent.attempt.response: sent for sent in list(self._in_flight.values())}
        if not in_flight:
            self._throughputs = self._traffic = None
            return
        if self._throughputs is None or self._traffic is None:
            self._throughputs = Throughputs(minimum_within(self._limits, SLOW_SECONDS))
            self._traffic = TrafficMeter()
        known = {
            response: self._state_of(sent.attempt)
            for response, sent in in_flight.items()
            # One that was ended may take a moment.
            if sent.attempt.call.request.operation not in _SLOW_OPERATIONS
            and not response.too_slow
        }
        parts = sum(math.ceil(state.unknown / self._part_bytes) for state in known.values())
        is_queue = parts > min(self._connections, _MEMORY_BYTES // PART_BYTES)
        traffic, now = self._traffic.read(), time.monotonic()
        found = self._throughputs.find_slow(now, known, traffic, is_queue=is_queue)
        for response, throughput in found.items():
            attempt, request = in_flight[response]
            minimum = self._throughputs.minimum
            response.too_slow = too_slow_error(attempt.call.request, throughput, minimum)
            logger.warning("%s. This attempt is ended", response.too_slow)
            request.cancel()
        self._look_later()

    def _state_of(self, attempt: Attempt) -> InFlight:
        from .throughput import InFlight

        request, response = attempt.call.request, attempt.response
        size, done = request.size, response.size
        rest = _UNKNOWN_BYTES if size is None else max(0, size - done)
        most = self._most_of_one() * (request.part_bytes or self._part_bytes)
        is_upload = request.operation in _UPLOADS
        # S3 takes its time to put the parts of an upload together.
        is_held = response.is_taking or (is_upload and not rest)
        return InFlight(done, min(rest, most), sends=is_upload, is_held=is_held)

    def _translate(self, attempt: Attempt, error: Exception) -> Exception:
        if self._is_stopped and getattr(error, "name", "") == _CANCELED:
            return OutOfTimeError()
        if too_slow := self._too_slow_error(attempt.response):
            return too_slow
        is_signed = self._credentials is not None
        return translate_error(
            error, attempt.call.request, attempt.address.host, is_signed=is_signed
        )

    def _end_all(self, host: str, error: Exception) -> None:
        """End all requests, as the TLS handshake with a host fails: it does so for good."""
        self._cancel()
        # The library waits for up to half a minute before it ends a failed connection.
        for future, sent in list(self._in_flight.items()):
            if not future.done():
                future.set_exception(translate_error(error, sent.attempt.call.request, host))

    def _client(self, region: str, request: Request, *, is_paced: bool) -> S3Client:
        """Return the client of the library for a request.

        Large files take one thread for each core. Small ones are faster with a single thread:
        several would wait for the interpreter lock.
        """
        connections = self._connections
        is_large = (request.size or 0) > PART_BYTES and not is_paced
        if self._pacing and is_paced:
            connections = self._pacing.connections(connections)
        elif is_large:
            connections = min(connections, max(1, _MOST_CONNECTIONS_FOR_LARGE // WORKERS))
        options = ClientOptions(
            region,
            max(1, min(self._cores, MOST_THREADS) // WORKERS) if is_large else 1,
            connections,
            max(_MEMORY_BYTES, _PARTS_IN_MEMORY * (request.part_bytes or 0)),
        )
        client = self._clients.get(options)
        if client is None:
            client = self._clients[options] = make_crt_client(
                options, self._policy, self._credentials, encrypted=self._encrypted
            )
        return client

    def _most_of_one(self) -> int:
        """Return the maximum number of connections for the parts of one object.

        Each takes its share of a core: more than a few for each core are slower, and hold more
        parts in memory. At a distance, where they spend their time waiting, more are faster. The
        share of a worker limits its memory as well: the library accepts no lower memory limit.
        """
        return self._most_of_one_far if self.is_far else self._most_of_one_near

    def _forget(self, future: Awaited) -> None:
        self._in_flight.pop(future, None)

    def _refuses_trailer(self, checksums: Any, status: int | None, code: str) -> bool:
        """Return whether the service refuses the trailing checksums of a request, and note it."""
        if self.service.is_aws or not are_trailing(checksums):
            return False
        if is_transient(status, code) or not refuses_trailer(status, code):
            return False
        self.service.note_lack(Feature.TRAILERS)
        return True

    def _settle(self, attempt: Attempt, failure: Exception) -> None:
        """Send a request again, unless the object that it names has changed."""
        call, version = attempt.call, attempt.call.request.version
        future = call.future

        def repeat(awaited: Future[Response]) -> None:
            try:
                found = read_stored(awaited.result(), is_head=True)
                settled = settle(call.request, found)
                if version is None or settled is None:
                    raise failure
                self.service.note_served(version.bucket, version.key, found.etag)
                self._send(call._replace(request=settled))
            except OutOfTimeError as error:
                future.set_exception(error)
            except Exception:
                # Raised in a thread of the library, it would be lost, and the caller would wait.
                future.set_exception(failure)

        if version is not None:
            self.send(head(version.bucket, version.key)).add_done_callback(repeat)

    def _find_checksums(self, operation: str, in_one_piece: bool) -> Any:
        """Return which checksums are sent and verified."""
        if operation == "PutObject":
            in_header = in_one_piece or not self.service.supports(Feature.TRAILERS)
            return checksums_of_upload(in_header) if self._sends_checksums else None
        return checksums_of(operation, in_one_piece)


def warn_of_silence(operation: str, subject: str) -> None:
    """Warn that there is no response to a request yet."""
    logger.warning(
        "No response for %.0f seconds: %s %s is tried again after 30 seconds without a byte",
        SILENCE_SECONDS,
        operation,
        subject,
    )


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
