"""Markdown tables of the request and the response of a handler, from its description."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["handler_section"]

Schema = Mapping[str, Any]

# What pydantic calls constraints of numbers, texts and lists, as a reader would.
_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "{} or more characters",
    "maxLength": "{} characters at most",
    "minItems": "{} or more items",
    "maxItems": "{} items at most",
    "pattern": "matches `{}`",
}


def handler_section(name: str, description: Mapping[str, Any]) -> str:
    """Return a section on a handler.

    Args:
        name: of the handler on the command line.
        description: what `common.description.describe` returns for it.
    """
    request, response = description["request"], description["response"]
    parts = [
        f"### {name}",
        description["summary"],
        f"`{description['handler']}`",
        "**Request**",
        *_tables(request),
        "**Response**",
        *_tables(response),
    ]
    if description["example"]:
        example = json.dumps(description["example"], indent=2)
        parts += ["**Example of a request**", f"```json\n{example}\n```"]
    if description["environment"]:
        rows = [(f"`{name}`", meaning) for name, meaning in description["environment"].items()]
        parts += ["**Environment variables**", _table(("variable", "meaning"), rows)]
    if description["iam_actions"]:
        actions = ", ".join(f"`{action}`" for action in description["iam_actions"])
        parts += ["**IAM actions**", actions]
    return "\n\n".join(parts) + "\n"


def _tables(schema: Schema) -> Iterator[str]:
    """Yield the table of a model, then those of the models in it, each with what it is."""
    definitions = schema.get("$defs", {})
    top = _resolved(schema, definitions)
    yield _fields(top, definitions)
    for name, definition in definitions.items():
        if "properties" in definition and definition is not top:
            yield " ".join(filter(None, [f"`{name}`:", definition.get("description", "")]))
            yield _fields(definition, definitions)


def _resolved(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    # A model that refers to itself is a reference at the top.
    return definitions[_name_of(schema)] if "$ref" in schema else schema


def _fields(model: Schema, definitions: Mapping[str, Schema]) -> str:
    properties = model.get("properties", {})
    if not properties:
        return "Any JSON object." if model.get("additionalProperties", True) else "No fields."
    required = model.get("required", ())
    rows = [
        (
            f"`{name}`",
            _type(field, definitions),
            _default(field, name in required),
            " ".join(_meaning(field)),
        )
        for name, field in properties.items()
    ]
    return _table(("field", "type", "default", "meaning"), rows)


def _type(field: Schema, definitions: Mapping[str, Schema]) -> str:
    """Return the type of a field in words, such as ``list of text``."""
    if "$ref" in field:
        name = _name_of(field)
        definition = definitions[name]
        return f"`{name}`" if "properties" in definition else _type(definition, definitions)
    for union in ("anyOf", "oneOf", "allOf"):
        if union in field:
            kinds = [_type(one, definitions) for one in field[union] if not _is_null(one)]
            return " or ".join(dict.fromkeys(kinds))
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    kind = field.get("type")
    if kind == "array":
        return f"list of {_type(field.get('items', {}), definitions)}"
    if kind == "object":
        values = field.get("additionalProperties")
        return f"object of {_type(values, definitions)}" if isinstance(values, dict) else "object"
    words = {"string": "text", "null": "null", None: "any JSON"}
    return words.get(kind, str(kind)) + _format(field)


def _format(field: Schema) -> str:
    return f" ({field['format']})" if "format" in field else ""


def _is_null(field: Schema) -> bool:
    return field.get("type") == "null"


def _default(field: Schema, required: bool) -> str:
    if required:
        return "required"
    if field.get("default") is None:
        return ""
    return f"`{json.dumps(field['default'])}`"


def _meaning(field: Schema) -> Iterator[str]:
    """Yield what is said of a field, or of the one kind of value it has beside null."""
    kinds = [one for one in field.get("anyOf", ()) if not _is_null(one)]
    texts = [field, *(kinds if len(kinds) == 1 else ())]
    for text in texts:
        if "description" in text:
            yield text["description"].strip().replace("\n", " ")
        if bounds := ", ".join(_bounds(text)):
            yield f"({bounds})"


def _bounds(field: Schema) -> Iterator[str]:
    for key, words in _BOUNDS.items():
        if key in field:
            yield words.format(field[key])


def _name_of(reference: Schema) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *([_cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
