"""The botocore client of S3, for single requests beside those of a sync."""

from typing import Any

from aibs_informatics_aws_lambda.common.aws import client_config, get_client
from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection

from . import endpoint, sessions


def s3_client(connection: S3Connection | None = None) -> Any:
    """Return a client, which sends requests as the connection or the environment says.

    Raises:
        AWSError: the configuration is invalid, or the role cannot be assumed.
    """
    client = _make_client(connection)
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
