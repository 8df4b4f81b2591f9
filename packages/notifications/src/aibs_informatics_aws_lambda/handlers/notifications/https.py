"""Send HTTPS requests to endpoints that users choose, without reaching private networks."""

import os
import random
import re
import socket
import ssl
import time
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from aibs_informatics_aws_lambda.common.exceptions import ValidationError

from .notifiers.webhook_targets import WEBHOOK_PRIVATE_HOSTS_ENV_VAR

_TIMEOUT_SECONDS = 10
_PAUSES = (1, 2, 4)
_MAX_PAUSE_SECONDS = 30
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_MAX_BODY_BYTES = 64 * 1024
# IPv4 addresses as seen through NAT64 (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Response:
    """The response of an endpoint.

    Args:
        status: HTTP status code.
        body: first 64 KiB of the body.
        retry_after: header ``Retry-After``, or an empty string.
    """

    status: int
    body: bytes = b""
    retry_after: str = ""


def post(url: str, body: bytes, headers: dict[str, str]) -> Response:
    """Send a POST request, and retry it if the endpoint is unavailable or throttles.

    There are at most 4 attempts. Redirects are not followed.

    Args:
        url: an ``https:`` URL. The hosts in ``WEBHOOK_PRIVATE_HOSTS`` may have private addresses,
            and may be reached by ``http:``.
        body: body of the request.
        headers: headers of the request.

    Returns:
        The last response, with any status.

    Raises:
        ValidationError: the URL is invalid, or its host has a private address. The message does
            not contain the URL, which may be secret.
        OSError: the endpoint cannot be reached.
    """
    parts = _split(url)
    for pause in _PAUSES:
        try:
            response = _post_once(parts, body, headers)
        except (OSError, HTTPException):
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter, not a secret
            continue
        if response.status not in _TRANSIENT:
            return response
        time.sleep(_pause_after(response, pause))
    try:
        return _post_once(parts, body, headers)
    except HTTPException as error:
        raise OSError(f"{parts.hostname} sent an invalid response: {error!r}") from None


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if port == -1 or not parts.hostname or "@" in parts.netloc:
        raise ValidationError("the webhook is not a valid URL")
    if parts.scheme != "https" and not (parts.scheme == "http" and _may_be_private(parts)):
        raise ValidationError("the webhook is not an https: URL")
    return parts


def _may_be_private(parts: SplitResult) -> bool:
    hosts = os.environ.get(WEBHOOK_PRIVATE_HOSTS_ENV_VAR, "").lower().split(",")
    return (parts.hostname or "") in {host.strip() for host in hosts}


def _pause_after(response: Response, pause: float) -> float:
    if re.fullmatch(r"\d{1,9}", response.retry_after):
        return min(int(response.retry_after), _MAX_PAUSE_SECONDS)
    return pause * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret


def _post_once(parts: SplitResult, body: bytes, headers: dict[str, str]) -> Response:
    host = parts.hostname or ""
    connection: HTTPConnection
    if parts.scheme == "https":
        connection = HTTPSConnection(host, parts.port, context=_tls_context())
    else:
        connection = HTTPConnection(host, parts.port)
    # Connected here, not by the connection, which would resolve the name again: it could be a
    # private address then (DNS rebinding).
    connection.sock = _connect(parts, connection.port)
    try:
        if parts.scheme == "https":
            connection.sock = _tls_context().wrap_socket(connection.sock, server_hostname=host)
        path = parts.path or "/"
        connection.request("POST", f"{path}?{parts.query}" if parts.query else path, body, headers)
        # A body that is longer than what is read keeps the socket open.
        with connection.getresponse() as response:
            return Response(
                response.status,
                response.read(_MAX_BODY_BYTES),
                response.headers.get("Retry-After", ""),
            )
    finally:
        connection.close()


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _connect(parts: SplitResult, port: int) -> socket.socket:
    host = parts.hostname or ""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not _may_be_private(parts):
        check_public(host, addresses)
    error: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=_TIMEOUT_SECONDS)
        except OSError as failure:
            error = failure
    raise error or OSError(f"{host} has no address")


def check_public(host: str, addresses: list[str]) -> None:
    """Check that all addresses of a host are on the public internet.

    Raises:
        ValidationError: an address is private, loopback, link-local or otherwise reserved.
    """
    for address in addresses:
        if not _is_public(address):
            raise ValidationError(
                f"cannot reach {host}: {address} is not a public address. To allow it, add the "
                f"host to {WEBHOOK_PRIVATE_HOSTS_ENV_VAR}."
            )


def _is_public(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        # The address that packets are delivered to in the end.
        if address in _NAT64:
            return _is_public(str(ip_address(address.packed[-4:])))
        embedded = address.ipv4_mapped or address.sixtofour
        if embedded is not None:
            return _is_public(str(embedded))
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast
