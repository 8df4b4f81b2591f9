"""Handler requests from the parameters of HTTP requests."""

from collections.abc import Mapping
from functools import cache
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote

import pydantic
from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent

from ..exceptions import ValidationError
from ..json_io import JSON, JSONObject
from ..model import ModelProtocol, PydanticBaseModel
from .event import body_of, query_of
from .http_parameters import QUERY_PARAMS_KEY, decode_body, decode_query, read_literal
from .problem import InvalidRequestError

MODEL = TypeVar("MODEL", bound=ModelProtocol)

Readings: TypeAlias = dict[str, list[JSON]]
"""The possible values of each parameter, in order of preference: the field's type decides."""

_Refusal: TypeAlias = tuple[JSON, list[JSONObject]]
"""A value of a parameter, and the errors of the model about it."""


def read_request(
    request_cls: type[MODEL], event: BaseProxyEvent, path_parameters: Mapping[str, str]
) -> MODEL:
    """Return the handler request in an HTTP event.

    Args:
        request_cls: the request model.
        event: the event; its body takes precedence over its query, its query over the path.
        path_parameters: the percent-encoded values of the path parameters.

    Raises:
        BadRequestError: the body, or the query parameter ``data``, cannot be decoded.
        InvalidRequestError: the parameters do not fit the model, or the body is not a JSON object.
    """
    try:
        body = decode_body(body_of(event))
        readings = _readings_of_path(path_parameters) | _readings_of_query(query_of(event))
    except ValueError as error:
        raise BadRequestError(f"The request cannot be decoded: {_reason(error)}.") from error
    if not isinstance(body, dict):
        raise InvalidRequestError(
            [{"loc": ["body"], "msg": "Input should be a JSON object", "type": "dict_type"}]
        )
    return merge_parameters(request_cls, readings, body)


def merge_parameters(request_cls: type[MODEL], readings: Readings, body: JSONObject) -> MODEL:
    """Return the request for parameters and a body.

    If a value of a parameter is invalid for its field, the next possible value is tried.

    Raises:
        InvalidRequestError: the model accepts none of the possible values; the errors are those of
            the value that fits best.
    """
    names = _names_by_alias(request_cls)
    body = _by_field_name(body, names)
    readings = _by_field_name(readings, names)
    document = {name: options[0] for name, options in readings.items()} | body
    untried = {
        name: options[1:]
        for name, options in readings.items()
        if len(options) > 1 and name not in body
    }
    refused: dict[str, list[_Refusal]] = {name: [] for name in untried}
    while True:
        try:
            return request_cls.from_dict(document)
        except ValidationError as error:
            problems = _field_errors(error)
            for name, refusals in refused.items():
                refusals.append((document[name], _problems_of(name, problems)))
            invalid = [name for name in _invalid_fields(error, untried) if untried[name]]
            if not invalid:
                raise InvalidRequestError(_of_best_values(problems, refused)) from error
        document |= {name: untried[name].pop(0) for name in invalid}


def _readings_of_path(parameters: Mapping[str, str]) -> Readings:
    return {name: _literal_then_text(unquote(text)) for name, text in parameters.items()}


def _literal_then_text(text: str) -> list[JSON]:
    literal = read_literal(text)
    return [literal] if literal is text else [literal, text]


def _readings_of_query(query: dict[str, list[str]]) -> Readings:
    if QUERY_PARAMS_KEY in query:
        encoded = decode_query(query[QUERY_PARAMS_KEY][-1])
        return {name: [value] for name, value in encoded.items()}
    return {name: _readings_of_values(values) for name, values in query.items()}


def _readings_of_values(values: list[str]) -> list[JSON]:
    if len(values) > 1:
        return [values, values[-1]]
    text = values[0]
    return [text, values, *_json_document(text)]


def _json_document(text: str | None) -> list[JSON]:
    """Return the JSON object or list in ``text``, if there is one."""
    if not text or text[0] not in "{[":
        return []
    try:
        return [decode_body(text)]
    except ValueError:
        return []


@cache
def _names_by_alias(request_cls: type[ModelProtocol]) -> dict[str, str]:
    """Return the names of fields by their aliases.

    Path, query and body may use either name of a field. Without this, one that uses the alias
    would not replace one that uses the name.
    """
    if not issubclass(request_cls, PydanticBaseModel):
        return {}
    return {
        field.validation_alias: name
        for name, field in request_cls.model_fields.items()
        if isinstance(field.validation_alias, str) and field.validation_alias != name
    }


def _by_field_name(document: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    if document.keys().isdisjoint(names):
        return document
    # Within one document an alias takes precedence over a name, as in the model.
    aliased = {names[key]: value for key, value in document.items() if key in names}
    return {key: value for key, value in document.items() if key not in names} | aliased


def _invalid_fields(error: ValidationError, untried: Readings) -> list[str]:
    """Return the fields that ``error`` names; all fields, if it names none."""
    if not isinstance(error.__cause__, pydantic.ValidationError):
        return list(untried)
    named = {str(problem["loc"][0]) for problem in error.__cause__.errors() if problem["loc"]}
    return [name for name in untried if name in named]


def _field_errors(error: ValidationError) -> list[JSONObject]:
    if not isinstance(error.__cause__, pydantic.ValidationError):
        return [{"loc": [], "msg": str(error), "type": "value_error"}]
    problems = error.__cause__.errors(
        include_url=False, include_context=False, include_input=False
    )
    return [
        {"loc": list(problem["loc"]), "msg": problem["msg"], "type": problem["type"]}
        for problem in problems
    ]


def _problems_of(name: str, problems: list[JSONObject]) -> list[JSONObject]:
    return [problem for problem in problems if problem["loc"][:1] == [name]]


def _of_best_values(
    problems: list[JSONObject], refused: Mapping[str, list[_Refusal]]
) -> list[JSONObject]:
    """Return ``problems``, with those of each parameter replaced by those of its best value.

    A value of the wrong type says less about the request than an error inside a value, and text
    is what the client sent.
    """
    found: dict[str, list[JSONObject]] = {}
    for problem in problems:
        name = problem["loc"][0] if problem["loc"] else ""
        if name not in refused:
            found.setdefault(name, []).append(problem)
        elif name not in found:
            found[name] = max(filter(itemgetter(1), refused[name]), key=_goodness)[1]
    return [problem for group in found.values() for problem in group]


def _goodness(refusal: _Refusal) -> tuple[int, bool]:
    value, problems = refusal
    return max(len(problem["loc"]) for problem in problems), isinstance(value, str)


def _reason(error: ValueError) -> str:
    return "the body is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
