"""TLS as boto3 does it: the CA bundle, and handshakes that fail for good."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from .endpoint import config_mentions

if TYPE_CHECKING:
    import http.client
    import ssl

    from awscrt.io import TlsConnectionOptions

_HTTPS_PORT = 443
_TIMEOUT_SECONDS = 10
# https://github.com/awslabs/aws-c-io: s2n_tls_channel_handler.c
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def find_ca_bundle() -> str | None:
    """Return the path of the CA bundle that boto3 would use, or `None` for that of the system.

    The order is that of boto3: ``AWS_CA_BUNDLE``, ``ca_bundle`` of the profile, and
    ``REQUESTS_CA_BUNDLE``.

    Raises:
        AWSError: there is nothing at the path.
    """
    path = os.environ.get("AWS_CA_BUNDLE") or _ca_bundle_of_the_profile()
    path = path or os.environ.get("REQUESTS_CA_BUNDLE")
    if path and not os.path.exists(path):  # noqa: PTH110
        raise AWSError(
            f"cannot read the CA bundle {path}: no such file or directory. Correct AWS_CA_BUNDLE, "
            "ca_bundle of the profile, or REQUESTS_CA_BUNDLE"
        )
    return path or None


def _ca_bundle_of_the_profile() -> str | None:
    # Importing botocore takes as long as all other imports together.
    if not config_mentions("ca_bundle"):
        return None
    import botocore.session

    found: str | None = botocore.session.Session().get_config_variable("ca_bundle")
    return found


def make_tls_options(ca_bundle: str) -> TlsConnectionOptions:
    """Return the TLS options of connections that trust the CAs of a bundle.

    Raises:
        AWSError: the bundle has no certificates.
    """
    from awscrt.io import ClientTlsContext, TlsContextOptions

    options = TlsContextOptions()
    try:
        if os.path.isdir(ca_bundle):  # noqa: PTH112
            options.override_default_trust_store_from_path(ca_bundle, None)
        else:
            options.override_default_trust_store_from_path(None, ca_bundle)
        return ClientTlsContext(options).new_connection_options()
    except Exception as error:
        raise AWSError(
            f"cannot read the CA bundle {ca_bundle}: {error}. It must have certificates in PEM "
            "format"
        ) from error


class HandshakeError(Exception):
    """A TLS handshake has failed for good.

    Args:
        message: the reason.
    """

    name = "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE"
    """The name that awscrt has for the error."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def failed_handshake(host: str, ca_bundle: str | None) -> HandshakeError | None:
    """Return the error that a TLS handshake with a host ends in; `None` if it does not.

    The client library takes half a minute to tell, and repeats the handshake as if that helped.

    Args:
        host: the host, with its port if that is not 443.
        ca_bundle: the path of the CA bundle, or `None` for that of the system.
    """
    import ssl

    connection = _make_connection(host, _make_context(ca_bundle))
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        return HandshakeError(error.verify_message)
    except ssl.SSLError as error:
        return HandshakeError(error.reason or str(error))
    except OSError:
        return None
    finally:
        connection.close()
    return None


def _make_context(ca_bundle: str | None) -> ssl.SSLContext:
    import ssl

    # The bundle that the client library takes, which may be another one than Python's.
    trusted = ca_bundle or next(filter(os.path.exists, _SYSTEM_BUNDLES), None)
    is_folder = trusted is not None and os.path.isdir(trusted)  # noqa: PTH112
    if is_folder:
        return ssl.create_default_context(capath=trusted)
    return ssl.create_default_context(cafile=trusted)


def _make_connection(host: str, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    import http.client
    import urllib.request

    target = urlsplit(f"https://{host}")
    name, port = target.hostname or host, target.port or _HTTPS_PORT
    url = urllib.request.getproxies().get("https")
    if not url or urllib.request.proxy_bypass(name):
        return http.client.HTTPSConnection(name, port, context=context, timeout=_TIMEOUT_SECONDS)
    proxy = urlsplit(url if "://" in url else f"http://{url}")
    connection = http.client.HTTPSConnection(
        proxy.hostname or "", proxy.port or 80, context=context, timeout=_TIMEOUT_SECONDS
    )
    headers = {}
    if proxy.username:
        user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
    connection.set_tunnel(name, port, headers)
    return connection
