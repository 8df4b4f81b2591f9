"""Options for the connection to AWS: profile, region, endpoint and role, for all or one side."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from aibs_informatics_aws_lambda.common.cli.errors import UsageError

from .arguments import Parser, as_argument
from .messages import invalid_argument

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection

Side: TypeAlias = Literal["source", "destination"]

_OPTIONS = ("profile", "region", "endpoint_url", "no_sign_request", "role_arn")
_ROLE_OPTIONS = ("role_session_name", "external_id")
# The names of arguments that are locations.
_LOCATIONS: Final[Mapping[Side, tuple[str, ...]]] = MappingProxyType(
    {
        "source": ("source_path", "sources", "path", "paths", "location"),
        "destination": ("destination_path", "destination"),
    }
)
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def add_connection_options(parser: Parser, *, has_sides: bool = False) -> None:
    """Add the options for all requests, and with ``has_sides`` those for one side."""
    hint = " (for one side: --source-profile, --destination-region ..., see --help-all)"
    group = parser.add_argument_group(f"connection{hint if has_sides else ''}")
    _add_service_options(group, "")
    group = parser.add_rarely_used("roles and payers")
    _add_role_options(group, "")
    group.add_argument(
        "--request-payer",
        nargs="?",
        const="requester",
        choices=("requester",),
        metavar="WHO",
        help="pay for requests to buckets with Requester Pays",
    )

    if has_sides:
        _add_side_options(parser)


def _add_side_options(parser: Parser) -> None:
    group = parser.add_rarely_used("connection of one side, if both are not the same")
    for side in ("source", "destination"):
        _add_service_options(group, f"{side}-")
        _add_role_options(group, f"{side}-")


def _add_service_options(group: argparse._ArgumentGroup, side: str) -> None:
    of = f" of the {side[:-1]}" if side else ""
    group.add_argument(
        f"--{side}profile", metavar="NAME", help=f"profile of the AWS configuration{of}"
    )
    group.add_argument(f"--{side}region", metavar="NAME", help=f"AWS region{of}")
    group.add_argument(
        f"--{side}endpoint-url",
        metavar="URL",
        type=_parse_url,
        help=f"endpoint of S3{of}, with http(s)://",
    )
    group.add_argument(
        f"--{side}no-sign-request",
        action="store_true",
        help="send no credentials, to public buckets",
    )


def _add_role_options(group: argparse._ArgumentGroup, side: str) -> None:
    of = f" for the {side[:-1]}" if side else ""
    group.add_argument(
        f"--{side}role-arn", metavar="ARN", type=_parse_role, help=f"IAM role to assume{of}"
    )
    group.add_argument(
        f"--{side}role-session-name",
        metavar="NAME",
        help="name of the session of the role (default: data-sync)",
    )
    group.add_argument(
        f"--{side}external-id", metavar="ID", help="external ID that the role requires"
    )


def given_connection(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options for all requests that were given, none of which is secret."""
    found = vars(options)
    names = (*_OPTIONS, *_ROLE_OPTIONS, "request_payer")
    return {name: found[name] for name in names if found.get(name)}


def given_side_options(options: argparse.Namespace, side: Side) -> dict[str, Any]:
    """Return the options for one side that were given, by their names without the side."""
    found = {name: vars(options).get(f"{side}_{name}") for name in (*_OPTIONS, *_ROLE_OPTIONS)}
    return {name: value for name, value in found.items() if value}


def make_side_connection(options: argparse.Namespace, side: Side) -> dict[str, Any] | None:
    """Return the connection of one side as a request has it; `None` if it is that of both.

    An option for all requests takes precedence over what a profile says.
    """
    given = given_side_options(options, side)
    if not given:
        return None
    common = {name: vars(options).get(name) for name in ("region", "endpoint_url")}
    return {**{name: value for name, value in common.items() if value}, **given}


def find_side_connection(options: argparse.Namespace, side: Side) -> S3Connection | None:
    """Return the connection of one side; `None` if it is that of both.

    Raises:
        UsageError: an option is invalid.
    """
    given = make_side_connection(options, side)
    if given is None:
        return None
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection

    try:
        return S3Connection.from_dict(given)
    except ValueError as error:
        raise UsageError(invalid_argument(error, side)) from error


def use_connection(options: argparse.Namespace) -> None:
    """Set the variables that the options stand for, and look at the endpoints in use.

    Raises:
        CommandError: there is no service compatible with S3 at an endpoint.
        AWSError: the configuration is invalid.
    """
    set_variables(options)
    with checked_endpoints(options):
        pass


@contextmanager
def checked_endpoints(options: argparse.Namespace) -> Iterator[None]:
    """Look at the endpoints in use while the block runs.

    Raises:
        CommandError: after the block; there is no service compatible with S3 at an endpoint.
        AWSError: the configuration is invalid.
    """
    found, looked_at = vars(options), set()
    with ExitStack() as stack:
        for side, names in _LOCATIONS.items():
            if any(map(_is_in_s3, (found[name] for name in names if name in found))):
                connection = find_side_connection(options, side)
                if connection not in looked_at:
                    looked_at.add(connection)
                    stack.enter_context(_checked_side(connection, options, side))
        yield


def set_variables(options: argparse.Namespace) -> None:
    """Set the environment variables that the options stand for, also for worker processes."""
    given = given_connection(options)
    profile, region, url = (given.get(name) for name in ("profile", "region", "endpoint_url"))
    if profile:
        os.environ["AWS_PROFILE"] = profile
        # Credentials in variables would take precedence over the profile.
        for name in _CREDENTIALS:
            os.environ.pop(name, None)
    if region:
        os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = region
    if url:
        os.environ["AWS_ENDPOINT_URL_S3"] = url
    # Not for the help: it takes time.
    from .. import settings

    for name, variable in (
        ("role_arn", settings.ROLE_ARN_KEY),
        ("role_session_name", settings.ROLE_SESSION_NAME_KEY),
        ("external_id", settings.EXTERNAL_ID_KEY),
        ("request_payer", settings.REQUEST_PAYER_KEY),
    ):
        if name in given:
            os.environ[variable] = given[name]
    if "no_sign_request" in given:
        os.environ[settings.NO_SIGN_REQUEST_KEY] = "true"


def check_side(
    connection: S3Connection | None,
    options: argparse.Namespace,
    side: Side = "source",
) -> None:
    """Look at the endpoint of a connection, or that of the environment.

    Args:
        connection: the connection; `None` for that of the environment.
        options: the options, for messages.
        side: the side whose connection it is.

    Raises:
        CommandError: there is no service compatible with S3.
        AWSError: the configuration is invalid.
    """
    with _checked_side(connection, options, side):
        pass


def _checked_side(
    connection: S3Connection | None, options: argparse.Namespace, side: Side
) -> AbstractContextManager[None]:
    from ..s3.endpoint import find_endpoint
    from .endpoint_check import checked_endpoint

    endpoint = find_endpoint(connection)
    return checked_endpoint(endpoint, _setting_of(endpoint.endpoint, options, side))


def _setting_of(url: str, options: argparse.Namespace, side: Side) -> str:
    """Return where an endpoint is configured."""
    if url == given_side_options(options, side).get("endpoint_url"):
        return f"--{side}-endpoint-url"
    if url == vars(options).get("endpoint_url"):
        return "--endpoint-url"
    for variable in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if url == os.environ.get(variable):
            return variable
    return "endpoint_url of the AWS profile"


def _is_in_s3(value: Any) -> bool:
    """Return whether a location, or one of several, is in S3."""
    several = value if isinstance(value, list | tuple) else [value]
    return any(isinstance(one, str) and one.startswith("s3://") for one in several)


@as_argument
def _parse_role(text: str) -> str:
    # Few have one, and models take most of the start-up time.
    from aibs_informatics_aws_lambda.storage.data_sync.connection import parse_role_arn

    return parse_role_arn(text)


@as_argument
def _parse_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"{text!r} is not a URL that starts with http:// or https://")
    if "@" in text:
        raise ValueError("a URL with a user name or password: set credentials by --profile")
    return text
