"""Example requests, from the models of handlers."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from .json_io import JSON, JSONObject

_DEFAULTS: Final[Mapping[str, JSON]] = {
    "array": [],
    "boolean": False,
    "null": None,
    "object": {},
}

# Deeper models refer to themselves.
_MAX_DEPTH = 8


def example_of(model: Any) -> JSONObject | None:
    """Return a valid example of a model, or `None` if none is known.

    It is the first of ``examples``, or ``example``, in the ``json_schema_extra`` of the model's
    configuration; otherwise it is made from the examples, defaults and types of the fields.
    """
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return None
    schema = model.model_json_schema(by_alias=False)
    for example in (*schema.get("examples", []), schema.get("example"), _sample(schema, schema)):
        if isinstance(example, dict) and _is_valid(model, example):
            return example
    return None


def _is_valid(model: type[BaseModel], example: JSONObject) -> bool:
    try:
        model.model_validate(example)
    except ValueError:
        return False
    return True


def _sample(schema: JSONObject, root: JSONObject, depth: int = 0) -> JSON:
    """Return a value for a JSON Schema."""
    if depth > _MAX_DEPTH:
        return None
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _sample(root.get("$defs", {}).get(name, {}), root, depth + 1)
    if schema.get("examples"):
        return schema["examples"][0]
    for key in ("example", "const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return _sample(schema[key][0], root, depth + 1)
    if "properties" in schema:
        return _sample_object(schema, root, depth)
    return _sample_scalar(schema, root, depth)


def _sample_object(schema: JSONObject, root: JSONObject, depth: int) -> JSONObject:
    required = schema.get("required", [])
    return {
        name: _sample(found, root, depth + 1)
        for name, found in schema["properties"].items()
        if name in required or found.get("examples")
    }


def _sample_scalar(schema: JSONObject, root: JSONObject, depth: int) -> JSON:
    kind = schema.get("type", "string")
    if kind == "array" and schema.get("minItems"):
        return [_sample(schema.get("items", {}), root, depth + 1)] * schema["minItems"]
    if kind in ("integer", "number"):
        return _sample_number(schema)
    if kind == "string":
        return _sample_text(schema)
    return _DEFAULTS.get(kind)


def _sample_number(schema: JSONObject) -> float:
    lowest: float = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    highest: float = schema.get("maximum", lowest)
    return min(lowest, highest)


def _sample_text(schema: JSONObject) -> str:
    formats = {
        "date": "2024-01-02",
        "date-time": "2024-01-02T03:04:05Z",
        "path": "path/to/file",
        "uuid": "00000000-0000-4000-8000-000000000000",
    }
    text = formats.get(schema.get("format", ""), "text").ljust(schema.get("minLength", 0), "x")
    return text[: schema.get("maxLength", len(text))]
