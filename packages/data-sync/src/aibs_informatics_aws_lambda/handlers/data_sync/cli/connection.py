"""Options for the connection to AWS: profile, region and endpoint."""

import argparse
import os
from typing import Any

from aibs_informatics_aws_lambda.common.cli.errors import CommandError

from .arguments import as_argument

_CONNECT_SECONDS = 4
_OPTIONS = ("profile", "region", "endpoint_url")
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("connection")
    group.add_argument("--profile", metavar="NAME", help="profile of the AWS configuration")
    group.add_argument("--region", metavar="NAME", help="AWS region")
    group.add_argument(
        "--endpoint-url",
        metavar="URL",
        type=_parse_url,
        help="endpoint of S3, with http(s)://",
    )
    group.add_argument(
        "--no-sign-request", action="store_true", help="send no credentials, to public buckets"
    )
    group.add_argument(
        "--request-payer",
        nargs="?",
        const="requester",
        choices=("requester",),
        metavar="WHO",
        help="pay for requests to buckets with Requester Pays",
    )


def given_connection(options: argparse.Namespace) -> dict[str, str]:
    """Return the options that were given, none of which is secret, by their names."""
    found = vars(options)
    return {name: found[name] for name in _OPTIONS if found.get(name) is not None}


def use_connection(options: argparse.Namespace) -> None:
    """Set the environment variables that the options stand for, also for worker processes.

    Raises:
        CommandError: the endpoint cannot be reached.
    """
    profile, region, url = map(vars(options).get, _OPTIONS)
    if profile:
        os.environ["AWS_PROFILE"] = profile
        # Credentials in variables would take precedence over the profile.
        for name in _CREDENTIALS:
            os.environ.pop(name, None)
    if region:
        os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = region
    if url:
        os.environ["AWS_ENDPOINT_URL_S3"] = url
        _check_endpoint(url)
    # Not for the help: it takes time.
    from ..settings import NO_SIGN_REQUEST_KEY, REQUEST_PAYER_KEY

    if vars(options).get("no_sign_request"):
        os.environ[NO_SIGN_REQUEST_KEY] = "true"
    if vars(options).get("request_payer"):
        os.environ[REQUEST_PAYER_KEY] = options.request_payer


def _check_endpoint(url: str) -> None:
    """Connect to an endpoint: requests would be retried for half a minute."""
    import socket
    from urllib.parse import urlsplit
    from urllib.request import getproxies

    parts = urlsplit(url)
    if parts.scheme in getproxies():
        return
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), _CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandError(
            f"cannot connect to {url}: {reason}. Check --endpoint-url and the network"
        ) from error


def s3_client() -> Any:
    """Return the boto3 client of S3, which sends requests as the options say."""
    from aibs_informatics_aws_lambda.common.aws import get_client

    from ..s3.endpoint import are_signed, payer_headers

    client = get_client("s3")
    if not are_signed():
        from botocore import UNSIGNED

        client.meta.events.register_first(
            "choose-signer.s3", lambda **_: UNSIGNED, unique_id="data-sync-unsigned"
        )
    headers = payer_headers()
    if headers:
        client.meta.events.register(
            "before-call.s3",
            lambda params, **_: params["headers"].update(headers),
            unique_id="data-sync-payer",
        )
    return client


@as_argument
def _parse_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"{text!r} is not a URL that starts with http:// or https://")
    if "@" in text:
        raise ValueError("a URL with a user name or password: set credentials by --profile")
    return text
