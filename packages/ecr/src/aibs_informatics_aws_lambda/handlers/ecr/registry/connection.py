"""HTTP to one registry: connections, authorization, retries, and errors in words.

urllib3 does the work. boto3 brings it along and every Lambda runtime has it, so it costs nothing;
and unlike http.client it keeps connections for several threads, follows redirects without the
credentials, verifies TLS, goes through proxies and tries again with growing pauses.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from .protocol import InterruptedTransferError, RegistryError

if TYPE_CHECKING:
    import urllib3


_PIECE_BYTES: Final = 1 << 20

_CONNECT_SECONDS = 10
_READ_SECONDS = 120
# A registry that closes an upload reads all of it once more to verify it.
_CLOSE_SECONDS = 600

_ATTEMPTS = 5
_PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_CONNECTIONS = 8
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LONGEST_SHOWN = 500

_ADVICE = {
    401: "; it asks for credentials that it was not given",
    403: "; allow the role or user in use to do this, by its own policy and, in another account, "
    "by the repository's",
}


@dataclass(frozen=True)
class Answer:
    """An answer of a registry.

    Args:
        status: the HTTP status.
        headers: the headers; their names are case-insensitive.
        url: where it came from.
        body: the whole body.
    """

    status: int
    headers: Mapping[str, str]
    url: str
    body: bytes = b""

    @property
    def location(self) -> str:
        """The absolute URL in the header ``Location``; this answer's own without it."""
        return urljoin(self.url, self.headers.get("Location", ""))

    @property
    def error(self) -> str:
        """The status, and what the registry says about it."""
        return f"{self.status} {' '.join(_reasons(self.body).split())[:_LONGEST_SHOWN]}".strip()


class RegistryConnection:
    """Sends requests to one registry; several threads may do so at once.

    Args:
        url: scheme and host of the registry.
        get_authorization: makes the value of the header ``Authorization``, when it is first
            needed; it goes to this host alone.
    """

    def __init__(self, url: str, get_authorization: Callable[[], str] | None = None) -> None:
        self.url = url.rstrip("/")
        self._get_authorization = get_authorization
        self._pool = _make_pool(urlsplit(self.url))

    def ask(
        self,
        action: str,
        method: str,
        path: str,
        *,
        expect: Iterable[int],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send a request that may be sent twice, again and again if need be.

        Args:
            action: what the request is for, to follow "cannot" in a message.
            method: the HTTP method.
            path: the path on the registry, or an absolute URL.
            expect: the statuses that are answers; others are errors.
            headers: further headers.
            body: the body.

        Raises:
            RegistryError: the registry refused, failed, or cannot be reached.
        """
        import urllib3

        retries = urllib3.Retry(
            total=_ATTEMPTS,
            connect=2,
            backoff_factor=0.2,
            status_forcelist=_PASSING_STATUSES,
            allowed_methods=None,
            raise_on_status=False,
        )
        with self._in_words(action, RegistryError):
            response = self._send(
                method,
                path,
                headers=headers,
                body=body,
                retries=retries,
                redirect=method in ("GET", "HEAD"),
            )
        return self._checked(action, self._answer(response, path), expect)

    def send(
        self,
        action: str,
        method: str,
        url: str,
        *,
        expect: Iterable[int],
        pieces: Iterable[bytes] = (),
        size: int = 0,
    ) -> Answer:
        """Send a request once, with a body that is made while it is sent.

        Args:
            action: what the request is for, to follow "cannot" in a message.
            method: the HTTP method.
            url: the URL.
            expect: the statuses that are answers; others are errors.
            pieces: the body.
            size: its size, bytes.

        Raises:
            InterruptedTransferError: it may succeed when it is tried again.
            RegistryError: the registry refused.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        with self._in_words(action, InterruptedTransferError):
            response = self._send(
                method,
                url,
                headers=headers,
                body=pieces if size else None,
                retries=False,
                redirect=False,
                timeout=_timeout(_READ_SECONDS if size else _CLOSE_SECONDS),
            )
        return self._checked(action, self._answer(response, url), expect, InterruptedTransferError)

    @contextmanager
    def open(
        self, action: str, path: str, headers: Mapping[str, str], expect: Iterable[int]
    ) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """Get something large: yield the answer without its body, and the pieces of the body.

        Raises:
            InterruptedTransferError: it may succeed when it is tried again.
            RegistryError: the registry refused.
        """
        import urllib3

        # Tried once: who reads knows best from where to go on.
        retries = urllib3.Retry(total=None, connect=0, read=0, status=0, redirect=5)
        with self._in_words(action, InterruptedTransferError):
            response = self._send(
                "GET",
                path,
                headers={"Accept-Encoding": "identity", **headers},
                retries=retries,
                redirect=True,
                preload_content=False,
                enforce_content_length=True,
            )
            try:
                if response.status == 403 and _was_redirected(response):
                    # What a registry redirects to is signed for a short time.
                    raise InterruptedTransferError(
                        f"cannot {action}: where {self.url} sent us to, access is denied (403)"
                    )
                is_expected = response.status in expect
                answer = self._answer(response, path, has_body=not is_expected)
                self._checked(action, answer, expect, InterruptedTransferError)
                yield answer, response.stream(_PIECE_BYTES, decode_content=False)
            finally:
                # What is left of the body would have to be read before the next request.
                response.close()
                response.release_conn()

    def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None, **options: object
    ) -> urllib3.BaseHTTPResponse:
        url = self._absolute(path)
        sent = {"User-Agent": "aibs-informatics-aws-lambda-ecr", **(headers or {})}
        if self._get_authorization and _origin(url) == _origin(self.url):
            sent["Authorization"] = self._get_authorization()
        return self._pool.urlopen(method, url, headers=sent, **options)  # type: ignore[arg-type]

    def _answer(
        self, response: urllib3.BaseHTTPResponse, path: str, has_body: bool = True
    ) -> Answer:
        body = response.data if has_body else b""
        return Answer(response.status, response.headers, self._absolute(path), body)

    def _absolute(self, path: str) -> str:
        return path if "://" in path else f"{self.url}{path}"

    def _checked(
        self,
        action: str,
        answer: Answer,
        expect: Iterable[int],
        passing: type[RegistryError] = RegistryError,
    ) -> Answer:
        if answer.status in expect:
            return answer
        error = passing if answer.status in _PASSING_STATUSES else RegistryError
        advice = _ADVICE.get(answer.status, "")
        raise error(f"cannot {action}: {self.url} answered {answer.error}{advice}")

    @contextmanager
    def _in_words(self, action: str, error_cls: type[RegistryError]) -> Iterator[None]:
        from urllib3.exceptions import HTTPError, MaxRetryError

        try:
            yield
        except HTTPError as error:
            reason = error.reason if isinstance(error, MaxRetryError) else error
            raise error_cls(f"cannot {action}: no answer from {self.url}: {reason}") from error


def _make_pool(url: SplitResult) -> urllib3.PoolManager:
    from urllib.request import getproxies, proxy_bypass

    import urllib3

    options = {
        "maxsize": _CONNECTIONS,
        "timeout": _timeout(_READ_SECONDS),
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": os.environ.get("AWS_CA_BUNDLE") or None,
    }
    proxy = getproxies().get(url.scheme)
    if proxy and not proxy_bypass(url.netloc):
        return urllib3.ProxyManager(proxy, **options)  # type: ignore[arg-type]
    return urllib3.PoolManager(**options)  # type: ignore[arg-type]


def _timeout(seconds: float) -> urllib3.Timeout:
    import urllib3

    return urllib3.Timeout(connect=_CONNECT_SECONDS, read=seconds)


def _was_redirected(response: urllib3.BaseHTTPResponse) -> bool:
    return bool(response.retries and response.retries.history)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _reasons(body: bytes) -> str:
    """Return what an error document of the distribution API says; other bodies as they are."""
    try:
        errors = json.loads(body)["errors"]
        return "; ".join(f"{error['code']}: {error.get('message', '')}" for error in errors)
    except (ValueError, TypeError, KeyError, AttributeError):
        return body.decode(errors="replace")
