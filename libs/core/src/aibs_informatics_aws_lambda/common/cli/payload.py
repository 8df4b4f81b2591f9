"""Reading the payload: text, file, stdin or S3."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..documents import parse_location
from ..handler import LambdaHandler
from ..json_io import JSONObject, as_json_object, parse_json
from .errors import PayloadError, error_message


def read_payload(payload: str) -> JSONObject:
    """Return the JSON object in ``payload``, or at the location that ``payload`` is.

    Args:
        payload: an S3 URI, JSON text, a path, ``-`` for stdin, or ``@`` followed by a path, an S3
            URI or ``-``.

    Raises:
        PayloadError: there is no JSON object; the message has the location.
    """
    if payload.startswith("@"):
        return read_payload_file(payload[1:])
    if payload == "-":
        return read_payload_file(payload)
    with _payload_errors():
        if not payload.strip():
            raise ValueError("it is empty; expected a JSON object such as {}")
        return LambdaHandler.load_input(payload)


def read_payload_file(location: str) -> JSONObject:
    """Return the JSON object at a path or S3 URI, or from stdin for ``-``.

    JSON text, and ``@`` before a path, are taken as ``--payload`` takes them, with a hint.

    Raises:
        PayloadError: there is no JSON object; the message has the location.
    """
    if location.startswith(("{", "@")) and not os.path.exists(location):  # noqa: PTH110
        sys.stderr.write("hint: JSON text and @PATH are for --payload; taken as such\n")
        return read_payload(location)
    with _payload_errors():
        if location == "-":
            return as_json_object(parse_json(sys.stdin.buffer.read()), origin=" on stdin")
        return LambdaHandler.load_input(parse_location(location))


@contextmanager
def _payload_errors() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        raise PayloadError(f"cannot use the payload: {error_message(error)}") from error
