"""The parameters of an HTTP request: in its path, in its query, in its body."""

from __future__ import annotations

import ast
import base64
import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn
from urllib.parse import unquote

from ..json_io import JSON, JSONObject

QUERY_PARAMS_KEY: Final = "data"

# No path of a route needs more, and Python's parser is no place for long text from a stranger.
_LONGEST_LITERAL: Final = 1024

# All that looks like a name and is a value; most parts of paths need no parser.
_NAMED_VALUES: Final = ("False", "None", "True")


@dataclass
class HTTPParameters:
    """The parameters of one request, as JSON values.

    Args:
        route_params: those in the path.
        query_params: those in the query.
        request_body: those in the body.
    """

    route_params: JSONObject = field(default_factory=dict)
    query_params: JSONObject = field(default_factory=dict)
    request_body: JSONObject = field(default_factory=dict)

    @property
    def merged_params(self) -> JSONObject:
        """All parameters: those of the query go over those of the path, the body's over both."""
        return {**self.route_params, **self.query_params, **self.request_body}

    @property
    def stringified_route_params(self) -> dict[str, str]:
        """The text of each parameter in the path, not yet quoted."""
        return self.to_stringified_route_params(self.route_params)

    @property
    def stringified_query_params(self) -> dict[str, str]:
        """The query."""
        return self.to_stringified_query_params(self.query_params)

    @property
    def stringified_request_body(self) -> str | None:
        """The JSON text of the body, if there is one."""
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
        """Return the values that parts of a path stand for, percent-encoded or not."""
        return {name: read_literal(unquote(text)) for name, text in (parameters or {}).items()}

    @staticmethod
    def to_stringified_query_params(parameters: JSONObject | None) -> dict[str, str]:
        """Return one query parameter ``data``: the JSON of all, in URL-safe base64 (RFC 4648)."""
        if not parameters:
            return {}
        text = json.dumps(parameters, sort_keys=True)
        return {QUERY_PARAMS_KEY: base64.urlsafe_b64encode(text.encode()).decode()}

    @staticmethod
    def from_stringified_query_params(parameters: Mapping[str, str] | None) -> JSONObject:
        """Return the parameters that ``data`` holds; without ``data``, those given, as text.

        Raises:
            ValueError: ``data`` is no base64 of a JSON object.
        """
        if not parameters or QUERY_PARAMS_KEY not in parameters:
            return dict(parameters or {})
        return decode_query(parameters[QUERY_PARAMS_KEY])

    @staticmethod
    def to_stringified_request_body(parameters: JSONObject | None) -> str | None:
        """Return the JSON text of the parameters, or `None` where there are none."""
        return json.dumps(parameters, sort_keys=True) if parameters else None

    @staticmethod
    def from_stringified_request_body(parameters: str | None) -> JSONObject:
        """Return the parameters that a body holds.

        Raises:
            ValueError: the body is no JSON object.
        """
        document = decode_body(parameters)
        if not isinstance(document, dict):
            raise ValueError(f"the body is no JSON object, but {type(document).__name__}")
        return document


def decode_query(text: str) -> JSONObject:
    """Return the JSON object that the query parameter ``data`` holds.

    Raises:
        ValueError: it is no URL-safe base64, with or without padding, of a JSON object.
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
    """Return the JSON value of a body; an empty body, or one that is null, is ``{}``.

    A JSON string that holds JSON text, as typed clients send it, is read as what it holds.

    Raises:
        ValueError: the body is no JSON.
    """
    document = _parse(text) if text else None
    if isinstance(document, str) and document:
        try:
            document = _parse(document)
        except ValueError:
            return document
    return {} if document is None or document == "" else document


def read_literal(text: str) -> JSON:
    """Return the JSON value that ``text`` is in Python's notation; other text as it is.

    ``12``, ``1.5``, ``None``, ``True``, ``'12'`` and ``[1, 'x']`` are values; ``true``, ``007``,
    ``abc``, and forms for which JSON has no type, such as ``{1, 2}`` and ``...``, are text.
    """
    if len(text) > _LONGEST_LITERAL or (text.isidentifier() and text not in _NAMED_VALUES):
        return text
    try:
        with warnings.catch_warnings():
            # They concern programs: an odd escape in a path is nobody's mistake.
            warnings.simplefilter("ignore")
            value = ast.literal_eval(text)
    except (MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        return text
    return value if _is_json(value) else text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


# `json.loads` takes NaN and Infinity for numbers, RFC 8259 does not.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


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
