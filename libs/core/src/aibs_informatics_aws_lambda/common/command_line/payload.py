"""Reading the payload: text, file, stdin or S3."""

from __future__ import annotations

import sys

from aibs_informatics_aws_lambda.common.command_line.errors import PayloadError, in_one_line
from aibs_informatics_aws_lambda.common.json_io import (
    JSON,
    JSONObject,
    as_json_object,
    load_json,
    parse_json,
    path_from_text,
)
from aibs_informatics_aws_lambda.common.s3 import S3Path, download_to_json

__all__ = ["read_payload", "read_payload_file"]


def read_payload(payload: str) -> JSONObject:
    """Return the JSON object that ``payload`` is or leads to.

    Args:
        payload: an S3 URI, JSON text, a path, ``@`` and a path or S3 URI, or ``-`` for stdin.

    Raises:
        PayloadError: there is none; the message says where it was looked for.
    """
    if payload.startswith("@"):
        return read_payload_file(payload[1:])
    try:
        return as_json_object(_load(payload))
    except (ValueError, OSError) as error:
        raise PayloadError(f"cannot use the payload: {in_one_line(error)}") from error


def read_payload_file(location: str) -> JSONObject:
    """Return the JSON object at a path or an S3 URI.

    Raises:
        PayloadError: there is none; the message names the location.
    """
    try:
        if S3Path.is_valid(location):
            return as_json_object(download_to_json(S3Path(location)))
        return as_json_object(load_json(path_from_text(location)))
    except (ValueError, OSError) as error:
        raise PayloadError(
            f"cannot use the payload at {location}: {in_one_line(error)}"
        ) from error


def _load(payload: str) -> JSON:
    if payload == "-":
        return parse_json(sys.stdin.buffer.read())
    if not payload.strip():
        raise ValueError("it is empty, expected a JSON object such as {}")
    if S3Path.is_valid(payload):
        return download_to_json(S3Path(payload))
    return load_json(payload)
