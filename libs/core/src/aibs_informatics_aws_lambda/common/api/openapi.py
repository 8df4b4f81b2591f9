"""The OpenAPI 3.1 document of an API, generated from the routes and models of its handlers.

Powertools generates the frame of the document and the operations of plain functions; pydantic
generates the schemas of the models.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, get_type_hints

from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver, Route
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .._powertools import has_default_title, operation_id_of, routes_of
from ..description import docstring_of, example_request, summary_of
from ..json_io import JSONObject
from ..lambda_function import handler_class_of
from .handler import ApiLambdaHandler
from .headers import API_SERVICE_LOG_LEVEL_KEY, CLIENT_VERSION_KEY
from .problem import PROBLEM_CONTENT_TYPE, title_of
from .version import VersionStr

AnyApiHandler: TypeAlias = type[ApiLambdaHandler[Any, Any]]

_SCHEMAS = "#/components/schemas/"
# The body of such a request has no meaning in HTTP (RFC 9110, section 9.3).
_WITHOUT_BODY = ("GET", "HEAD", "DELETE")
_SCALARS = ("boolean", "integer", "number", "string")

_PROBLEM: Final[JSONObject] = {
    "type": "object",
    "required": ["type", "title", "status", "request"],
    "properties": {
        "type": {"type": "string", "description": "A URI that identifies the problem type."},
        "title": {"type": "string"},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong with this request."},
        "request": {"type": "string", "description": "The request id in the logs."},
    },
}
_ERRORS: Final[JSONObject] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["loc", "msg", "type"],
        "properties": {
            "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
            "msg": {"type": "string"},
            "type": {"type": "string"},
        },
    },
}
_INVALID_REQUEST: Final[JSONObject] = {
    **_PROBLEM,
    "required": [*_PROBLEM["required"], "errors"],
    "properties": {**_PROBLEM["properties"], "errors": _ERRORS},
}
_LEGACY_ERROR: Final[JSONObject] = {
    "type": "object",
    "required": ["request", "error"],
    "properties": {"request": {"type": "string"}, "error": {"type": "array"}},
}


# Next to the schemas of the models.
_ERROR_SCHEMAS: Final[Mapping[str, JSONObject]] = {
    "ProblemDetails": _PROBLEM,
    "InvalidRequestDetails": _INVALID_REQUEST,
}


@dataclass(frozen=True)
class DocumentedApi:
    """An API, as far as its document depends on it.

    Args:
        app: the app with the routes.
        title: the title of the document, unless the app or the caller sets one.
        is_guarded: whether the API may reject a request with 401.
        legacy_errors: whether errors are legacy responses instead of problem details.
    """

    app: ApiGatewayResolver
    title: str
    is_guarded: bool
    legacy_errors: bool


def openapi_document(api: DocumentedApi, **options: Any) -> JSONObject:
    """Return the OpenAPI 3.1 document that `ApiResolverBuilder.get_openapi_schema` describes.

    Raises:
        ValueError: a model has the name of one of the document's own schemas.
    """
    if has_default_title(api.app):
        options.setdefault("title", api.title)
    document: JSONObject = json.loads(api.app.get_openapi_json_schema(**options))
    routes = list(_handled_routes(api.app))
    models = _Models.of([handler_cls for _, handler_cls in routes])
    names = _operation_ids([route for route, _ in routes])
    for (route, handler_cls), name in zip(routes, names, strict=True):
        operation = {"operationId": name, **_operation(api, route, handler_cls, models)}
        path = document["paths"].setdefault(route.openapi_path or "/", {})
        path[route.method.lower()] = operation
    if conflicts := sorted(_ERROR_SCHEMAS.keys() & models.definitions.keys()):
        raise ValueError(
            f"a model has the name of a schema of error responses: {', '.join(conflicts)}. "
            "Rename the model."
        )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= {**models.definitions, **({} if api.legacy_errors else _ERROR_SCHEMAS)}
    return document


@dataclass(frozen=True)
class _Models:
    """The schemas of all requests and responses.

    Args:
        references: the reference to the schema of each model, as a request or as a response.
        definitions: the schemas that the references refer to, by name.
    """

    references: Mapping[tuple[type, str], JSONObject]
    definitions: Mapping[str, JSONObject]

    @classmethod
    def of(cls, handler_classes: list[AnyApiHandler]) -> _Models:
        wanted = dict.fromkeys(
            (model, mode)
            for handler_cls in handler_classes
            for model, mode in (
                (handler_cls.get_request_cls(), "validation"),
                (handler_cls.get_response_cls(), "serialization"),
            )
            if issubclass(model, BaseModel)
        )
        references, found = models_json_schema(
            list(wanted),  # type: ignore[arg-type]
            by_alias=False,
            ref_template=f"{_SCHEMAS}{{model}}",
        )
        return cls(references, found.get("$defs", {}))  # type: ignore[arg-type]

    def of_request(self, handler_cls: AnyApiHandler) -> JSONObject:
        """Return the schema of a handler's requests."""
        return self.resolve(self._reference(handler_cls.get_request_cls(), "validation"))

    def of_response(self, handler_cls: AnyApiHandler) -> JSONObject:
        """Return a reference to the schema of a handler's responses."""
        return self._reference(handler_cls.get_response_cls(), "serialization")

    def resolve(self, schema: JSONObject) -> JSONObject:
        """Return the schema that a reference refers to; return other schemas unchanged."""
        while "$ref" in schema:
            schema = self.definitions[schema["$ref"].removeprefix(_SCHEMAS)]
        return schema

    def is_text(self, schema: JSONObject) -> bool:
        """Return whether values, or lists of them, can be written as text in a query."""
        found = self.resolve(schema)
        if "anyOf" in found:
            return all(map(self.is_text, found["anyOf"]))
        if found.get("type") == "array":
            return self._is_scalar(found.get("items", {}))
        return self._is_scalar(found)

    def _is_scalar(self, schema: JSONObject) -> bool:
        found = self.resolve(schema)
        if "anyOf" in found:
            return all(map(self._is_scalar, found["anyOf"]))
        return found.get("type") in _SCALARS or "enum" in found or "const" in found

    def _reference(self, model: type, mode: str) -> JSONObject:
        # Of a model that is not pydantic's, only the type is known.
        return self.references.get((model, mode), {"type": "object", "title": model.__name__})


def _handled_routes(app: ApiGatewayResolver) -> Iterator[tuple[Route, AnyApiHandler]]:
    seen = set()
    for route in routes_of(app):
        handler_cls = handler_class_of(route.func)
        # Of two equal routes, the first one is used.
        if handler_cls is not None and (route.method, route.path) not in seen:
            seen.add((route.method, route.path))
            yield route, handler_cls


def _operation_ids(routes: list[Route]) -> list[str]:
    """Return a name for each route: the name of the client's method, if it is unique."""
    names = Counter(route.operation_id for route in routes)
    return [
        route.operation_id
        if names[route.operation_id] == 1
        else f"{route.operation_id}_{operation_id_of(route)}"
        for route in routes
    ]


def _operation(
    api: DocumentedApi, route: Route, handler_cls: AnyApiHandler, models: _Models
) -> JSONObject:
    schema = models.of_request(handler_cls)
    in_path = handler_cls.route_rule_param_keys()
    example = example_request(handler_cls) or {}
    properties = schema.get("properties", {})
    required = set(schema.get("required", []))
    details = docstring_of(handler_cls).partition("\n")[2].strip()
    operation: JSONObject = {
        "summary": summary_of(handler_cls),
        **({"description": details} if details else {}),
        "parameters": [
            _path_parameter(name, properties.get(name, {}), example) for name in in_path
        ],
    }
    rest = {name: found for name, found in properties.items() if name not in in_path}
    if route.method in _WITHOUT_BODY:
        operation["parameters"] += [
            _query_parameter(name, found, name in required, example, models)
            for name, found in rest.items()
        ]
    elif rest or not properties:
        body = {**schema, "properties": rest} if properties else schema
        operation["requestBody"] = _request_body(body, required & rest.keys(), example)
    operation["parameters"] += _header_parameters(handler_cls)
    operation["responses"] = {
        "200": _success(handler_cls, models),
        **(_legacy_errors(api) if api.legacy_errors else _errors(api, handler_cls)),
    }
    return operation


def _path_parameter(name: str, schema: JSONObject, example: JSONObject) -> JSONObject:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": _without_null(schema) or {"type": "string"},
        **_example(name, example),
    }


def _query_parameter(
    name: str, schema: JSONObject, required: bool, example: JSONObject, models: _Models
) -> JSONObject:
    schema = _without_null(schema)
    # Other values are sent as JSON text.
    form = (
        {"schema": schema}
        if models.is_text(schema)
        else {"content": {"application/json": {"schema": schema}}}
    )
    return {"name": name, "in": "query", "required": required, **form, **_example(name, example)}


def _header_parameters(handler_cls: AnyApiHandler) -> list[JSONObject]:
    return [
        {
            "name": CLIENT_VERSION_KEY,
            "in": "header",
            "required": handler_cls.minimum_client_version is not None,
            "description": "The version of the client.",
            "schema": {"type": "string", **VersionStr.json_schema},
        },
        {
            "name": API_SERVICE_LOG_LEVEL_KEY,
            "in": "header",
            "description": "The log level of this request.",
            "schema": {"type": "string"},
        },
    ]


def _request_body(schema: JSONObject, required: set[str], example: JSONObject) -> JSONObject:
    schema = {key: value for key, value in schema.items() if key != "required"}
    if required:
        schema["required"] = sorted(required)
    values = {
        name: value for name, value in example.items() if name in schema.get("properties", {})
    }
    media_type = {"schema": schema, **({"example": values} if values else {})}
    return {"required": bool(required), "content": {"application/json": media_type}}


def _success(handler_cls: AnyApiHandler, models: _Models) -> JSONObject:
    schema = models.of_response(handler_cls)
    if _may_return_none(handler_cls):
        schema = {"anyOf": [schema, {"type": "null"}]}
    return _response("The response.", "application/json", schema)


def _may_return_none(handler_cls: AnyApiHandler) -> bool:
    try:
        annotation = get_type_hints(handler_cls.handle).get("return", object)
    except NameError:
        return True
    return not isinstance(annotation, type) or annotation in (object, type(None))


def _errors(api: DocumentedApi, handler_cls: AnyApiHandler) -> JSONObject:
    descriptions = {
        400: "The request cannot be decoded, or the client version is not supported.",
        404: "There is no such path.",
        500: "The service failed.",
        **({401: "The request was rejected."} if api.is_guarded else {}),
        **handler_cls.error_responses,
    }
    responses = {
        str(status): _problem_response(f"{title_of(status)}: {text}", "ProblemDetails")
        for status, text in sorted(descriptions.items())
    }
    invalid = f"{title_of(422)}: The request does not fit its model."
    responses.setdefault("422", _problem_response(invalid, "InvalidRequestDetails"))
    return responses


def _problem_response(description: str, schema: str) -> JSONObject:
    return _response(description, PROBLEM_CONTENT_TYPE, {"$ref": f"{_SCHEMAS}{schema}"})


def _legacy_errors(api: DocumentedApi) -> JSONObject:
    text = {"type": "string"}
    rejected = {"401": _response("The request was rejected.", "text/plain", text)}
    return {
        "400": _response("The request or the service failed.", "application/json", _LEGACY_ERROR),
        "418": _response("There is no such path.", "text/plain", text),
        **(rejected if api.is_guarded else {}),
    }


def _response(description: str, content_type: str, schema: JSONObject) -> JSONObject:
    return {"description": description, "content": {content_type: {"schema": schema}}}


def _without_null(schema: JSONObject) -> JSONObject:
    """Return a schema without null, which cannot be written in a path or query."""
    kept = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    options = [option for option in kept.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        del kept["anyOf"]
        return {**options[0], **kept}
    return {**kept, "anyOf": options} if options else kept


def _example(name: str, example: JSONObject) -> JSONObject:
    return {"example": example[name]} if name in example else {}
