"""HTTP connections to one registry: authorization, retries and error messages.

Built on urllib3, which boto3 depends on and every Lambda runtime contains. Unlike http.client, it
pools connections across threads, strips credentials from redirects, verifies TLS certificates,
supports proxies and retries with exponential backoff.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from .authorization import Authorizer, Gate
from .protocol import InterruptedTransferError, RegistryError, RejectedRequestError
from .rate_limits import describe_rate_limit
from .throttle import MAX_WAIT_SECONDS, Throttle, backoff
from .watchdog import Watchdog

if TYPE_CHECKING:
    import urllib3


# A request takes about a millisecond of processor time. At a distance of 40 ms, 32 threads are no
# faster, and on a busy machine they are slower, since they wait for the interpreter lock.
MAX_REQUESTS = 16
"""The maximum number of concurrent small requests to a registry."""

_CHUNK_BYTES = 1 << 20

_CONNECT_TIMEOUT_SECONDS = 10
# The longest silence of a registry.
_READ_TIMEOUT_SECONDS = 60
# A registry reads a whole blob again to verify it before it responds to the end of an upload.
_COMMIT_TIMEOUT_SECONDS = 600

_MAX_CHALLENGES = 2
_MAX_REJECTIONS = 8
_READ_ATTEMPTS = 5
_MAX_BODY_BYTES = 4 << 20
_BODY_CHUNK_BYTES = 64 << 10
_MAX_PAGES = 1000
_NEXT_PAGE = re.compile(r'<([^>]+)>\s*;[^,]*rel="?next"?')
_USER_AGENT = "aibs-informatics-aws-lambda-ecr"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_MESSAGE_LENGTH = 500

logger = logging.getLogger(__name__)


class Response(NamedTuple):
    """A response of a registry.

    Args:
        status: the HTTP status.
        headers: the headers, with case-insensitive names.
        url: the URL of the request.
        body: the whole body.
        is_redirected: whether the request was redirected.
    """

    status: int
    headers: Mapping[str, str]
    url: str
    body: bytes = b""
    is_redirected: bool = False

    @property
    def location(self) -> str:
        """The absolute URL in the ``Location`` header; without one, the URL of the request."""
        return urljoin(self.url, self.headers.get("Location", ""))

    @property
    def error(self) -> str:
        """The status, and the error codes and messages of the body."""
        reasons = " ".join(_reasons(self.body).split())
        return f"{self.status} {reasons[:_MAX_MESSAGE_LENGTH]}".strip()


class RegistryConnection:
    """Connections to one registry; safe to use from several threads.

    Args:
        url: scheme and host of the registry.
        authorizer: provides the ``Authorization`` header, which is sent to this host only.
    """

    def __init__(self, url: str, authorizer: Authorizer | None = None) -> None:
        self.url = url.rstrip("/")
        self._authorizer = authorizer
        self._throttle = Throttle()
        self._gates = {"read": Gate(), "write": Gate()}
        self._pool = _make_pool(urlsplit(self.url))

    def request(
        self,
        action: str,
        method: str,
        path: str,
        *,
        expect: Iterable[int],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """Send an idempotent request, with retries.

        The body of the response may have up to 4 MiB, the limit of manifests in registries.

        Args:
            action: a verb phrase for the request, to follow "cannot" in an error message.
            method: the HTTP method.
            path: the path on the registry, or an absolute URL.
            expect: the statuses of a response; every other status is an error.
            headers: additional headers.
            body: the body.

        Raises:
            RejectedRequestError: the registry denied the request.
            RegistryError: the registry failed, or cannot be reached.
        """
        from urllib3.exceptions import HTTPError

        from .retries import THROTTLED, TRANSIENT_STATUSES, make_retries

        with self._registry_errors(action, RegistryError), Watchdog(action) as watchdog:
            for attempt in range(1, _READ_ATTEMPTS + 1):
                response = self._send(
                    method,
                    path,
                    headers=headers,
                    body=body,
                    retries=make_retries(TRANSIENT_STATUSES - {THROTTLED}),
                    redirect=method in ("GET", "HEAD"),
                )
                try:
                    found = self._response(action, response, path, watchdog)
                    break
                except HTTPError:
                    # The body was truncated.
                    if attempt == _READ_ATTEMPTS:
                        raise
        return self.check(action, found, expect)

    def pages(
        self,
        action: str,
        path: str,
        *,
        expect: Iterable[int],
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Response]:
        """Yield the responses of a paginated GET request, following its ``Link`` headers.

        Raises:
            RegistryError: the registry denied a request or failed, a page repeats or is on
                another host, or there are more than 1,000 pages.
        """
        seen: set[str] = set()
        following: str | None = self._absolute(path)
        while following:
            if following in seen or len(seen) == _MAX_PAGES or not self._is_own(following):
                raise RegistryError(f"cannot {action}: invalid or endless pages: {following}")
            seen.add(following)
            response = self.request(action, "GET", following, expect=expect, headers=headers)
            yield response
            link = _NEXT_PAGE.search(response.headers.get("Link", ""))
            following = urljoin(following, link[1]) if link else None

    def send_once(
        self,
        action: str,
        method: str,
        url: str,
        *,
        expect: Iterable[int],
        chunks: Iterable[bytes] | bytes = b"",
        size: int = 0,
    ) -> Response:
        """Send a request with a streamed body, without retries.

        Args:
            action: a verb phrase for the request, to follow "cannot" in an error message.
            method: the HTTP method.
            url: the URL.
            expect: the statuses of a response; every other status is an error.
            chunks: the body.
            size: the size of the body, in bytes.

        Raises:
            InterruptedTransferError: the connection or the registry failed; retry.
            RegistryError: the registry denied the request.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        with self._registry_errors(action, InterruptedTransferError), Watchdog(action) as watchdog:
            response = self._send(
                method,
                url,
                headers=headers,
                body=_body(chunks, watchdog) if size else None,
                retries=False,
                redirect=False,
                timeout=_timeout(
                    _COMMIT_TIMEOUT_SECONDS if method == "PUT" else _READ_TIMEOUT_SECONDS
                ),
            )
            found = self._response(action, response, url, watchdog)
        return self.check(action, found, expect, InterruptedTransferError)

    @contextmanager
    def stream(
        self, action: str, path: str, headers: Mapping[str, str], expect: Iterable[int]
    ) -> Iterator[tuple[Response, Iterator[bytes]]]:
        """Yield the response to a GET request without its body, and the chunks of the body.

        Raises:
            InterruptedTransferError: the connection or the registry failed; retry.
            RegistryError: the registry denied the request.
        """
        from .retries import make_redirects

        with self._registry_errors(action, InterruptedTransferError), Watchdog(action) as watchdog:
            response = self._send(
                "GET",
                path,
                headers={"Accept-Encoding": "identity", **headers},
                # No retries: only the reader knows the byte to resume from.
                retries=make_redirects(),
                redirect=True,
            )
            try:
                if response.status == 403 and _was_redirected(response):
                    # Registries redirect to presigned URLs, which expire; a retry gets a new one.
                    raise InterruptedTransferError(
                        f"cannot {action}: the storage that {self.url} redirects to returned 403"
                    )
                is_expected = response.status in expect
                found = self._response(action, response, path, watchdog, has_body=not is_expected)
                self.check(action, found, expect, InterruptedTransferError)
                body = response.stream(_CHUNK_BYTES, decode_content=False)
                yield found, watchdog.received(iter(body), _descriptor_of(response))
            finally:
                # The connection cannot be reused while the body has unread bytes.
                _discard(response)

    def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None, **options: object
    ) -> urllib3.BaseHTTPResponse:
        url = self._absolute(path)
        sent = {"User-Agent": _USER_AGENT, **(headers or {})}
        if not self._is_own(url):
            return self._open(method, url, sent, options)
        if not self._authorizer:
            return self._open_paced(method, url, sent, options)
        with self._gate_of(method, self._authorizer):
            return self._send_authorized(method, url, sent, options, self._authorizer)

    def _gate_of(self, method: str, authorizer: Authorizer) -> AbstractContextManager[None]:
        """Return the gate for a request: reading and writing have challenges of their own."""
        if not authorizer.has_challenges:
            return nullcontext()
        if method in ("GET", "HEAD"):
            return self._gates["read"].passing()
        is_needed = authorizer.get_header(self._request_token) is not None
        return self._gates["write"].passing() if is_needed else nullcontext()

    def _send_authorized(
        self,
        method: str,
        url: str,
        sent: dict[str, str],
        options: Mapping[str, object],
        authorizer: Authorizer,
    ) -> urllib3.BaseHTTPResponse:
        authorization = authorizer.get_header(self._request_token)
        response = self._open_paced(method, url, _authorized(sent, authorization), options)
        # Requests of several scopes get challenges for each of them.
        for _ in range(_MAX_CHALLENGES):
            challenge = response.headers.get("WWW-Authenticate")
            if response.status != 401 or not challenge:
                break
            if not authorizer.renew(challenge, authorization, self._request_token):
                break
            _discard(response)
            if not isinstance(options.get("body"), bytes | None):
                raise InterruptedTransferError(
                    f"the authorization for {self.url} expired before an upload"
                )
            authorization = authorizer.get_header(self._request_token)
            response = self._open_paced(method, url, _authorized(sent, authorization), options)
        return response

    def _open_paced(
        self, method: str, url: str, headers: dict[str, str], options: Mapping[str, object]
    ) -> urllib3.BaseHTTPResponse:
        """Send a request, and repeat it more slowly while the registry limits the rate."""
        from .retries import THROTTLED, retry_after

        is_repeatable = isinstance(options.get("body"), bytes | None)
        for rejections in range(1, _MAX_REJECTIONS + 1):
            sent_at = self._throttle.wait()
            response = self._open(method, url, headers, options)
            if response.status != THROTTLED:
                self._throttle.speed_up()
                break
            seconds = retry_after(response) or backoff(rejections)
            if seconds > MAX_WAIT_SECONDS:
                break
            if self._throttle.slow_down(sent_at, seconds):
                logger.warning(
                    "%s limits the rate of requests: waiting for %.1f seconds, then sending at "
                    "most %.1f requests per second",
                    self.url,
                    seconds,
                    self._throttle.rate or 0,
                )
            if not is_repeatable or rejections == _MAX_REJECTIONS:
                break
            _discard(response)
        return response

    def _open(
        self, method: str, url: str, headers: dict[str, str], options: Mapping[str, object]
    ) -> urllib3.BaseHTTPResponse:
        return self._pool.urlopen(
            method,
            url,
            headers=headers,
            preload_content=False,
            enforce_content_length=True,
            **options,  # type: ignore[arg-type]
        )

    def _request_token(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> bytes:
        from .retries import make_retries

        action = f"log in to {self.url}"
        with self._registry_errors(action, RegistryError), Watchdog(action) as watchdog:
            sent = {"User-Agent": _USER_AGENT, **headers}
            options = {"body": body, "retries": make_retries(), "redirect": False}
            response = self._open(method, url, sent, options)
            found = self._response(action, response, url, watchdog)
        return self.check(action, found, (200,), server=urlsplit(url).netloc).body

    def _response(
        self,
        action: str,
        response: urllib3.BaseHTTPResponse,
        path: str,
        watchdog: Watchdog,
        has_body: bool = True,
    ) -> Response:
        body = self._read(action, response, watchdog) if has_body else b""
        return Response(
            response.status,
            response.headers,
            self._absolute(path),
            body,
            _was_redirected(response),
        )

    def _read(self, action: str, response: urllib3.BaseHTTPResponse, watchdog: Watchdog) -> bytes:
        """Return the body of a response, which is small also when decompressed."""
        if response.length_remaining == 0:
            # Most responses to small requests. The end of the body frees the connection.
            if response.read(1):
                response.close()
            return b""
        chunks: list[bytes] = []
        missing = _MAX_BODY_BYTES
        arriving = response.stream(_BODY_CHUNK_BYTES, decode_content=False)
        try:
            for chunk in watchdog.received(iter(arriving), _descriptor_of(response)):
                missing -= len(chunk)
                if missing < 0:
                    break
                chunks.append(chunk)
        except BaseException:
            response.close()
            raise
        body = _decompress(response.headers.get("Content-Encoding", ""), b"".join(chunks))
        if missing < 0 or len(body) > _MAX_BODY_BYTES:
            response.close()
            raise RegistryError(
                f"cannot {action}: the response of {self.url} has more than 4 MiB, the limit of "
                "manifests"
            )
        return body

    def _is_own(self, url: str) -> bool:
        # Most URLs, without parsing them.
        return url.startswith(f"{self.url}/") or _origin(url) == _origin(self.url)

    def _absolute(self, path: str) -> str:
        return path if "://" in path else f"{self.url}{path}"

    def check(
        self,
        action: str,
        response: Response,
        expect: Iterable[int],
        transient: type[RegistryError] = RegistryError,
        server: str = "",
    ) -> Response:
        """Return a response with an expected status.

        Args:
            action: a verb phrase for the request, to follow "cannot" in an error message.
            response: the response.
            expect: the expected statuses.
            transient: the error of a status that may change in a retry.
            server: the server to name in messages; default: the registry.

        Raises:
            RegistryError: the status is another one.
        """
        from .retries import TRANSIENT_STATUSES

        if response.status in expect:
            return response
        error = RejectedRequestError if 400 <= response.status < 500 else RegistryError
        if response.status in TRANSIENT_STATUSES:
            error = transient
        raise error(
            f"cannot {action}: {server or self.url} returned {response.error}"
            f"{self._advice(response)}"
        )

    def _advice(self, response: Response) -> str:
        """Return the remedy for a response, to follow its error in a message; empty if unknown."""
        if response.status == 429:
            return describe_rate_limit(response.headers)
        if response.status in (401, 403) and self._authorizer:
            return f". {self._authorizer.advice()}"
        return ""

    @contextmanager
    def _registry_errors(self, action: str, error_cls: type[RegistryError]) -> Iterator[None]:
        from urllib3.exceptions import HTTPError

        try:
            yield
        except HTTPError as error:
            from .connection_errors import describe_error

            raise error_cls(
                f"cannot {action}: no response from {self.url}: {describe_error(error)}"
            ) from error


def _descriptor_of(response: urllib3.BaseHTTPResponse) -> int | None:
    """Return the file descriptor of a response's connection; `None` once it has ended."""
    try:
        return response.fileno()
    except (OSError, ValueError):
        return None


def _body(chunks: Iterable[bytes] | bytes, watchdog: Watchdog) -> Iterable[bytes] | bytes:
    return chunks if isinstance(chunks, bytes) else watchdog.sent(iter(chunks))


def _make_pool(url: SplitResult) -> urllib3.PoolManager:
    import urllib3

    options = {
        # Idle connections to keep: those of small requests, and of transfers of large blobs.
        "maxsize": 2 * MAX_REQUESTS,
        "timeout": _timeout(_READ_TIMEOUT_SECONDS),
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": os.environ.get("AWS_CA_BUNDLE") or None,
    }
    if proxy := _find_proxy(url):
        return urllib3.ProxyManager(proxy, **options)  # type: ignore[arg-type]
    return urllib3.PoolManager(**options)  # type: ignore[arg-type]


def _find_proxy(url: SplitResult) -> str | None:
    """Return the URL of the proxy for requests to a registry, if there is one."""
    # macOS and Windows have settings of proxies as well.
    if sys.platform == "linux" and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # It takes as long as several requests.
    from urllib.request import getproxies, proxy_bypass

    proxy = getproxies().get(url.scheme)
    return None if proxy_bypass(url.netloc) else proxy


def _timeout(seconds: float) -> urllib3.Timeout:
    import urllib3

    return urllib3.Timeout(connect=_CONNECT_TIMEOUT_SECONDS, read=seconds)


def _decompress(encoding: str, body: bytes) -> bytes:
    """Return a decoded body; cut after one byte more than the limit."""
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    try:
        # 47: gzip and zlib formats, detected automatically.
        return zlib.decompressobj(47).decompress(body, _MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise RegistryError(f"the response of the registry is not valid {encoding}") from error


def _authorized(headers: dict[str, str], authorization: str | None) -> dict[str, str]:
    return {**headers, "Authorization": authorization} if authorization else headers


def _discard(response: urllib3.BaseHTTPResponse) -> None:
    """Close a response without reading its body."""
    response.close()
    response.release_conn()


def _was_redirected(response: urllib3.BaseHTTPResponse) -> bool:
    return bool(response.retries and response.retries.history)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _reasons(body: bytes) -> str:
    """Return the messages of an error document of the distribution API; other bodies as text."""
    try:
        errors = json.loads(body)["errors"]
        return "; ".join(f"{error['code']}: {error.get('message', '')}" for error in errors)
    except (ValueError, TypeError, KeyError, AttributeError):
        return body.decode(errors="replace")
