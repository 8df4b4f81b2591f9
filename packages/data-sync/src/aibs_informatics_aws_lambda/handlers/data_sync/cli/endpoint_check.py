"""A look at an endpoint before the first request, which would be retried for half a minute."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from aibs_informatics_aws_lambda.common.cli.errors import CommandError

from ..s3.endpoint import Endpoint

if TYPE_CHECKING:
    from ssl import SSLError, SSLSocket

_SECONDS = 4.5
_STEP_SECONDS = 1.5
_MOST_BYTES = 8192
_TLS_ALERT = b"\x15\x03"
# Credentials without a signature: services respond by an error in XML, or list buckets anyway.
# Swift hands requests without credentials to another layer, which responds 404 with text/html.
_QUERY = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=data-sync"
_OTHER_TYPES = ("text/html", "text/plain", "application/json", "application/xhtml+xml")
_PAGE = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!doctype\s+html|<html)", re.IGNORECASE)
_OTHER_STATUSES = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)


@contextmanager
def checked_endpoint(endpoint: Endpoint, setting: str) -> Iterator[None]:
    """Look whether a service compatible with S3 responds at an endpoint, while the block runs.

    Of an endpoint of AWS, only the name of the host is looked up. Of a proxy in between, only
    whether it accepts connections.

    Args:
        endpoint: the endpoint.
        setting: where it is configured, for messages.

    Raises:
        CommandError: after the block; there is no such service, or no response within seconds.
    """
    parts = urlsplit(endpoint.endpoint)
    proxy = _find_proxy(parts)
    is_aws = endpoint.is_aws and not endpoint.is_custom
    target, look, check = endpoint.endpoint, _find_problem, setting
    if proxy is not None:
        # Without its user and password.
        target = f"the proxy {proxy.scheme}://{proxy.netloc.rpartition('@')[2]}"
        parts, look, check = proxy, _find_refusal, f"{parts.scheme.upper()}_PROXY, NO_PROXY"
    elif is_aws:
        look, check = _find_host, "the region"
    found: list[str | None] = []
    # A thread: looking up a name has no timeout.
    thread = Thread(target=lambda: found.append(look(parts)), daemon=True)
    thread.start()
    until = time.monotonic() + _SECONDS
    yield
    thread.join(max(0.0, until - time.monotonic()))
    problem = found[0] if found else f"no response within {_SECONDS} seconds"
    if problem:
        raise CommandError(f"cannot connect to {target}: {problem}. Check {check} and the network")


def _find_proxy(parts: SplitResult) -> SplitResult | None:
    """Return the proxy of requests to an endpoint, or `None` if they go there directly."""
    # Only macOS and Windows have settings of proxies besides variables.
    has_settings = sys.platform in ("darwin", "win32")
    if not has_settings and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # It takes longer than a response.
    from urllib.request import getproxies, proxy_bypass

    url = getproxies().get(parts.scheme)
    if not url or proxy_bypass(parts.hostname or ""):
        return None
    return urlsplit(url if "://" in url else f"http://{url}")


def _find_refusal(parts: SplitResult) -> str | None:
    """Return why a server does not accept connections, or `None` if it does."""
    try:
        _connect(parts).close()
    except (OSError, ValueError) as error:
        return _describe(error, parts)
    return None


def _find_host(parts: SplitResult) -> str | None:
    try:
        socket.getaddrinfo(_host_of(parts), 443)
    except OSError:
        return _unknown_host(parts)
    return None


def _find_problem(parts: SplitResult) -> str | None:
    try:
        connection = _connect(parts)
    except (OSError, ValueError) as error:
        return _describe(error, parts)
    with closing(connection):
        if parts.scheme == "https":
            return _find_problem_of_tls(connection, parts)
        try:
            response = _request(connection, parts)
        except OSError:
            response = b""
    if response and not _is_about_tls(response):
        return judge_response(response)
    if response or _speaks_tls(parts):
        return "the server speaks TLS: write https:// instead of http://"
    return None


def _find_problem_of_tls(connection: socket.socket, parts: SplitResult) -> str | None:
    from ssl import SSLError

    try:
        with closing(_encrypt(connection)) as encrypted:
            return judge_response(_request(encrypted, parts))
    except SSLError as error:
        return describe_tls_error(error)
    except OSError:
        return None


def _describe(error: OSError | ValueError, parts: SplitResult) -> str:
    """Return why there is no connection to a server."""
    if isinstance(error, socket.gaierror):
        return _unknown_host(parts)
    return getattr(error, "strerror", None) or str(error)


def _unknown_host(parts: SplitResult) -> str:
    return f"the host {parts.hostname} is unknown"


def _host_of(parts: SplitResult) -> str | bytes:
    # Text is encoded by a codec that takes milliseconds to import.
    host = parts.hostname or ""
    return host.encode() if host.isascii() else host


def _connect(parts: SplitResult) -> socket.socket:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address: Any = _host_of(parts), port
    return socket.create_connection(address, _STEP_SECONDS * 2)


def _encrypt(connection: socket.socket) -> SSLSocket:
    # Not for plain HTTP: it takes milliseconds.
    import ssl

    # The first request reports, with the remedy, whether the certificate is trusted.
    # So the CAs of the system, which take a while to read, are left out.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection.settimeout(_STEP_SECONDS)
    return context.wrap_socket(connection)


def _speaks_tls(parts: SplitResult) -> bool:
    try:
        with closing(_connect(parts)) as connection, closing(_encrypt(connection)):
            return True
    except OSError:
        return False


def _request(connection: socket.socket, parts: SplitResult) -> bytes:
    """Send a request for the list of buckets, without a signature, and return the response."""
    connection.settimeout(_STEP_SECONDS)
    host = parts.netloc.rpartition("@")[2]
    request = (
        f"GET {parts.path.rstrip('/')}/?{_QUERY} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n"
        "User-Agent: data-sync\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"
        "Connection: close\r\n\r\n"
    )
    connection.sendall(request.encode())
    response = b""
    try:
        while len(response) < _MOST_BYTES and (received := connection.recv(_MOST_BYTES)):
            response += received
    except OSError:
        # What has arrived by now may tell.
        return response
    return response


def _is_about_tls(response: bytes) -> bool:
    """Return whether a response to plain HTTP says that TLS is expected."""
    is_refusal = response.startswith(b"HTTP/") and b" 400 " in response[:16]
    return response.startswith(_TLS_ALERT) or (is_refusal and b"HTTPS" in response)


def describe_tls_error(error: SSLError) -> str | None:
    """Return what an error of a TLS handshake tells of a server, if it tells anything."""
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return "the server does not speak TLS: write http:// instead of https://"
    # By the first request.
    return None


def judge_response(response: bytes) -> str | None:
    """Return why a response is not that of a service compatible with S3; `None` if it may be."""
    if not response:
        return None
    head, _, body = response.partition(b"\r\n\r\n")
    status_line = re.match(rb"HTTP/\S+ (\d{3})", head)
    if status_line is None:
        return "the server does not speak HTTP: it is not compatible with S3"
    status = int(status_line[1])
    headers = head.decode("latin-1").lower()
    if re.search(r"^x-amz-", headers, re.MULTILINE):
        return None
    is_page = _PAGE.match(body) is not None
    if not is_page and body.lstrip().startswith(b"<?xml"):
        return None
    found = re.search(r"^content-type: *([^;\s]+)", headers, re.MULTILINE)
    kind = found[1] if found else ""
    is_success = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    # LocalStack responds with an empty body to a request without a signature.
    is_other = (is_success and body.strip()) or status in _OTHER_STATUSES
    if is_other and (kind in _OTHER_TYPES or is_page):
        content = kind if kind in _OTHER_TYPES else "a page of HTML"
        return f"the server is not compatible with S3: it responds {status} with {content}"
    return None
