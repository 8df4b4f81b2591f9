"""The botocore client of S3, for single requests besides those of a sync."""

from __future__ import annotations

from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from aibs_informatics_aws_lambda.common.aws import client_config, get_client
from aibs_informatics_aws_lambda.common.exceptions import AWSError

from . import endpoint, sessions

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection

# Any of these fields is in each response of S3 to an operation.
_FIELDS: Final = MappingProxyType(
    {
        "GetObject": ("ETag",),
        "HeadObject": ("ETag",),
        "ListBuckets": ("Buckets", "Owner"),
        "ListObjectsV2": ("IsTruncated", "KeyCount", "Name"),
        "PutObject": ("ETag",),
    }
)


def s3_client(connection: S3Connection | None = None) -> Any:
    """Return a client, which sends requests as the connection or the environment says.

    Raises:
        AWSError: the configuration is invalid, or the role cannot be assumed.
    """
    client = _make_client(connection)
    client.meta.events.register("after-call.s3", _check_response, unique_id="data-sync-response")
    if not endpoint.are_signed(connection):
        from botocore import UNSIGNED

        client.meta.events.register_first(
            "choose-signer.s3", lambda **_: UNSIGNED, unique_id="data-sync-unsigned"
        )
    headers = endpoint.payer_headers()
    if headers:
        client.meta.events.register(
            "before-call.s3",
            lambda params, **_: params["headers"].update(headers),
            unique_id="data-sync-payer",
        )
    return client


def _make_client(connection: S3Connection | None) -> Any:
    is_signed = endpoint.are_signed(connection)
    if connection is None and not (is_signed and sessions.find_role(None)):
        return get_client("s3")
    found = endpoint.find_endpoint(connection)
    session = (sessions.make_session if is_signed else sessions.make_base_session)(connection)
    url = found.endpoint if found.is_custom else None
    return session.create_client(
        "s3", region_name=found.region, endpoint_url=url, config=client_config()
    )


def _check_response(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    """Raise `AWSError` if a response of success is not one of S3: botocore would take it as empty.

    A proxy, a login page or a web server may respond to any request.
    """
    fields = _FIELDS.get(model.name, ())
    is_success = http_response.status_code < HTTPStatus.MULTIPLE_CHOICES
    if not fields or not is_success or any(name in parsed for name in fields):
        return
    if any(name.lower().startswith("x-amz-") for name in http_response.headers):
        return
    parts = urlsplit(http_response.url)
    kind = http_response.headers.get("content-type", "no content type")
    raise AWSError(
        f"cannot use {parts.scheme}://{parts.netloc}: its response to {model.name} is not one of "
        f"S3 ({http_response.status_code}, {kind}). Check that it is compatible with S3, and that "
        "no proxy or login page responds instead"
    )
