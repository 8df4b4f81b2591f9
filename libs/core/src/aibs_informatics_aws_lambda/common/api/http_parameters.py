"""The parameters of an HTTP request: path, query and body."""

from __future__ import annotations

import ast
import base64
import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import unquote

from ..json_io import JSON, JSONObject

QUERY_PARAMS_KEY = "data"

# Longer values are not literals in practice, and untrusted text is not passed to Python's parser.
_LONGEST_LITERAL = 1024

# The only identifiers that are literals; most path parameters need no parser.
_NAMED_VALUES = ("False", "None", "True")


@dataclass
class HTTPParameters:
    """The parameters of one request, as JSON values.

    Args:
        route_params: the path parameters.
        query_params: the query parameters.
        request_body: the fields of the body.
    """

    route_params: JSONObject = field(default_factory=dict)
    query_params: JSONObject = field(default_factory=dict)
    request_body: JSONObject = field(default_factory=dict)

    @property
    def merged_params(self) -> JSONObject:
        """All parameters: body takes precedence over query, query over path."""
        return {**self.route_params, **self.query_params, **self.request_body}

    @property
    def stringified_route_params(self) -> dict[str, str]:
        """The text of each path parameter, not percent-encoded."""
        return self.to_stringified_route_params(self.route_params)

    @property
    def stringified_query_params(self) -> dict[str, str]:
        """The query parameters as they are sent."""
        return self.to_stringified_query_params(self.query_params)

    @property
    def stringified_request_body(self) -> str | None:
        """The JSON text of the body, or `None` if the body is empty."""
        return self.to_stringified_request_body(self.request_body)

    @classmethod
    def from_http_request(
        cls,
        stringified_route_params: Mapping[str, str] | None,
        stringified_query_params: Mapping[str, str] | None,
        stringified_request_body: str | None,
    ) -> HTTPParameters:
        """Read the parameters of a request.

        Raises:
            ValueError: query or body cannot be decoded.
        """
        return cls(
            cls.from_stringified_route_params(stringified_route_params),
            cls.from_stringified_query_params(stringified_query_params),
            cls.from_stringified_request_body(stringified_request_body),
        )

    @staticmethod
    def to_stringified_route_params(parameters: Mapping[str, JSON] | None) -> dict[str, str]:
        """Return the text of each parameter, as `read_literal` reads it."""
        return {name: str(value) for name, value in (parameters or {}).items()}

    @staticmethod
    def from_stringified_route_params(parameters: Mapping[str, str] | None) -> JSONObject:
        """Return the values of path parameters, percent-encoded or not."""
        return {name: read_literal(unquote(text)) for name, text in (parameters or {}).items()}

    @staticmethod
    def to_stringified_query_params(parameters: JSONObject | None) -> dict[str, str]:
        """Return one query parameter ``data``: a JSON object in URL-safe base64 (RFC 4648)."""
        if not parameters:
            return {}
        text = json.dumps(parameters, sort_keys=True)
        return {QUERY_PARAMS_KEY: base64.urlsafe_b64encode(text.encode()).decode()}

    @staticmethod
    def from_stringified_query_params(parameters: Mapping[str, str] | None) -> JSONObject:
        """Return the parameters in ``data``; without ``data``, the parameters as text.

        Raises:
            ValueError: ``data`` is not a JSON object in base64.
        """
        if not parameters or QUERY_PARAMS_KEY not in parameters:
            return dict(parameters or {})
        return decode_query(parameters[QUERY_PARAMS_KEY])

    @staticmethod
    def to_stringified_request_body(parameters: JSONObject | None) -> str | None:
        """Return the JSON text of the parameters, or `None` if there are none."""
        return json.dumps(parameters, sort_keys=True) if parameters else None

    @staticmethod
    def from_stringified_request_body(parameters: str | None) -> JSONObject:
        """Return the parameters in a body.

        Raises:
            ValueError: the body is not a JSON object.
        """
        document = decode_body(parameters)
        if not isinstance(document, dict):
            raise ValueError(f"expected a JSON object in the body, got {type(document).__name__}")
        return document


def decode_query(text: str) -> JSONObject:
    """Return the JSON object in the query parameter ``data``.

    Raises:
        ValueError: the text is not a JSON object in URL-safe base64, with or without padding.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        document = _parse(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ValueError(
            f"the query parameter {QUERY_PARAMS_KEY!r} is not URL-safe base64 of a JSON object"
        )
    return document


def decode_body(text: str | None) -> JSON:
    """Return the JSON value of a body; ``{}`` for an empty body or null.

    A JSON string that contains JSON text, as typed clients send it, is decoded twice.

    Raises:
        ValueError: the body is not JSON.
    """
    document = _parse(text) if text else None
    if isinstance(document, str) and document:
        try:
            document = _parse(document)
        except ValueError:
            return document
    return {} if document is None or document == "" else document


def read_literal(text: str) -> JSON:
    """Return the JSON value of a Python literal; return other text unchanged.

    ``12``, ``1.5``, ``None``, ``True``, ``'12'`` and ``[1, 'x']`` are values; ``true``, ``007``,
    ``abc``, and literals of types that JSON lacks, such as ``{1, 2}`` and ``...``, are text.
    """
    if len(text) > _LONGEST_LITERAL or (text.isidentifier() and text not in _NAMED_VALUES):
        return text
    try:
        with warnings.catch_warnings():
            # They are meant for programs: an unknown escape in a path is not a mistake.
            warnings.simplefilter("ignore")
            value = ast.literal_eval(text)
    except (MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        return text
    return value if _is_json(value) else text


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


# `json.loads` accepts NaN and Infinity, which RFC 8259 does not allow.
_DECODER = json.JSONDecoder(parse_constant=_reject_constant)


def _parse(text: str) -> JSON:
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("the JSON text is nested too deeply") from None


def _is_json(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(held) for key, held in value.items())
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int | str)
