"""Authorization of requests to registries.

Registries other than Amazon ECR ask for credentials by a challenge: either Basic, or Bearer, with
a token from the token server that the challenge names. See
https://distribution.github.io/distribution/spec/auth/token/ and
https://distribution.github.io/distribution/spec/auth/oauth/.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aibs_informatics_aws_lambda.common.json_io import JSONObject, parse_json

from .protocol import RegistryError

if TYPE_CHECKING:
    from ..credentials import Credentials

_CHALLENGE = re.compile(r"(?:^|,)\s*(basic|bearer)(?=[\s,]|$)", re.IGNORECASE)
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')

_CLIENT_ID = "aibs-informatics-aws-lambda-ecr"
# The default lifetime of a token in the specification.
_DEFAULT_LIFETIME_SECONDS = 60
_MIN_REMAINING_SECONDS = 10
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class TokenRequest(Protocol):
    """Sends a request to a token server and returns the body of its response."""

    def __call__(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> bytes:
        """Send the request.

        Raises:
            RegistryError: the token server denied the request or failed.
        """


class Authorizer(Protocol):
    """Provides the ``Authorization`` header of requests to a registry; thread-safe."""

    has_challenges: bool
    """Whether the header depends on the responses of the registry."""

    def get_header(self, send: TokenRequest) -> str | None:
        """Return the header for the next request; `None` if none is known to be required.

        Raises:
            AWSError: the login failed.
        """

    def renew(self, challenge: str, used: str | None, send: TokenRequest) -> bool:
        """Return whether to repeat a request to which the registry responded with a challenge.

        Args:
            challenge: the ``WWW-Authenticate`` header of the response.
            used: the ``Authorization`` header of the request.
            send: sends requests to the token server.

        Raises:
            RegistryError: the token server denied the request or failed.
        """

    def advice(self) -> str:
        """Return the remedy for a denied request (status 401 or 403), in sentences."""


class Gate:
    """Lets one request go ahead of all others, which wait for its response.

    Otherwise a registry would respond with a challenge to each of many concurrent requests.
    """

    def __init__(self) -> None:
        self._is_open = False
        self._lock = Lock()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Wait for the first request unless it is this one, which ends with the block."""
        with ExitStack() as held:
            if not self._is_open:
                held.enter_context(self._lock)
                if self._is_open:
                    held.close()
            try:
                yield
            finally:
                self._is_open = True


class StaticAuthorizer:
    """Sends one header with every request; see `Authorizer`.

    Args:
        make_header: returns the header; called once, before the first request.
        advice: the remedy for a denied request.
    """

    has_challenges = False

    def __init__(self, make_header: Callable[[], str], advice: str) -> None:
        self._make_header = make_header
        self._advice = advice
        self._header = ""
        self._lock = Lock()

    def get_header(self, send: TokenRequest) -> str:  # noqa: ARG002 - no token server
        """Return the header."""
        with self._lock:
            self._header = self._header or self._make_header()
            return self._header

    def renew(
        self,
        challenge: str,  # noqa: ARG002
        used: str | None,  # noqa: ARG002
        send: TokenRequest,  # noqa: ARG002
    ) -> bool:
        """Return false: there is no other header."""
        return False

    def advice(self) -> str:
        """Return the remedy for a denied request."""
        return self._advice


class ChallengeAuthorizer:
    """Responds to the challenges of a registry; see `Authorizer`.

    Args:
        url: scheme and host of the registry.
        find_credentials: returns the credentials for the registry, if there are any; called
            once, at the first challenge.
    """

    has_challenges = True

    def __init__(self, url: str, find_credentials: Callable[[], Credentials | None]) -> None:
        self._url = url
        self._find_credentials = find_credentials
        self._credentials: Credentials | None = None
        self._is_searched = False
        self._header: str | None = None
        self._expires_at = float("inf")
        self._server = ("", "")
        self._scopes: dict[str, None] = {}
        self._lock = Lock()

    def get_header(self, send: TokenRequest) -> str | None:
        """Return the header; get a new token shortly before the present one expires."""
        with self._lock:
            if self._header and time.monotonic() > self._expires_at:
                self._get_token(send, self._scopes)
            return self._header

    def renew(self, challenge: str, used: str | None, send: TokenRequest) -> bool:
        """Get the header that a challenge asks for."""
        with self._lock:
            if self._header != used:
                # Another thread has responded to the same challenge.
                return True
            scheme, parameters = _parse(challenge)
            if scheme == "bearer":
                # One token for all scopes: pull, push, and pull from a mounted repository.
                scopes = self._scopes | dict.fromkeys(parameters.get("scope", "").split())
                if scopes == self._scopes and used and time.monotonic() < self._expires_at - 1:
                    # A fresh token for these scopes was rejected: permissions are missing.
                    return False
                self._server = (parameters.get("realm", ""), parameters.get("service", ""))
                self._get_token(send, scopes)
                return True
            credentials = self._get_credentials() if scheme == "basic" else None
            self._header = credentials.basic if credentials else None
            return self._header is not None and self._header != used

    def advice(self) -> str:
        """Return the remedy for a denied request, which depends on the credentials in use."""
        if not _is_private(self._url):
            return "Credentials are sent over HTTPS only: give the repository without http://."
        if self._credentials:
            return "Check the credentials for the registry and their permissions."
        return (
            "Check the name of the repository. If it requires a login, run docker login "
            f"{urlsplit(self._url).netloc}, or name a secret with credentials."
        )

    def _get_token(self, send: TokenRequest, scopes: dict[str, None]) -> None:
        realm, service = self._server
        credentials = self._get_credentials()
        self._check_realm(realm)
        fields = [
            *([("service", service)] if service else []),
            *(("scope", scope) for scope in scopes),
        ]
        if credentials and credentials.identity_token:
            body = [
                *fields,
                ("grant_type", "refresh_token"),
                ("client_id", _CLIENT_ID),
                ("refresh_token", credentials.identity_token),
            ]
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            response = send("POST", realm, headers, urlencode(body).encode())
        else:
            headers = {"Authorization": credentials.basic} if credentials else {}
            response = send("GET", _with_query(realm, fields), headers, None)
        self._keep(_parse_token(realm, response))
        # Those that the token server rejects are not asked for again.
        self._scopes = scopes

    def _keep(self, document: JSONObject) -> None:
        lifetime = document.get("expires_in")
        seconds = lifetime if isinstance(lifetime, int) else _DEFAULT_LIFETIME_SECONDS
        self._header = f"Bearer {document.get('token') or document['access_token']}"
        self._expires_at = time.monotonic() + max(seconds - _MIN_REMAINING_SECONDS, seconds / 2)

    def _get_credentials(self) -> Credentials | None:
        if not self._is_searched:
            if _is_private(self._url):
                self._credentials = self._find_credentials()
            self._is_searched = True
        return self._credentials

    def _check_realm(self, realm: str) -> None:
        if urlsplit(realm).scheme not in ("http", "https") or (
            not _is_private(realm) and self._url.startswith("https:")
        ):
            raise RegistryError(
                f"cannot log in to {self._url}: its token server {realm!r} does not use HTTPS"
            )


def _parse(challenge: str) -> tuple[str, dict[str, str]]:
    """Return the scheme (preferably bearer) and the parameters of a challenge."""
    parts = _CHALLENGE.split(challenge)[1:]
    found = {scheme.lower(): text for scheme, text in zip(parts[::2], parts[1::2], strict=True)}
    for scheme in ("bearer", "basic"):
        if scheme in found:
            values = _PARAMETER.findall(found[scheme])
            return scheme, {name.lower(): quoted or bare for name, quoted, bare in values}
    return "", {}


def _parse_token(realm: str, body: bytes) -> JSONObject:
    try:
        document = parse_json(body)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not (
        document.get("token") or document.get("access_token")
    ):
        raise RegistryError(f"cannot log in: the response of {realm} contains no token")
    return document


def _with_query(url: str, fields: list[tuple[str, str]]) -> str:
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query), *fields])
    return urlunsplit(parts._replace(query=query))


def _is_private(url: str) -> bool:
    """Return whether credentials may be sent to a URL: by HTTPS, or to this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK
