"""Pages of handlers, from their descriptions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from markdown_tables import table

Schema = Mapping[str, Any]

_OVERVIEW = """\
A handler runs under its name on the [command line](../commands/handle-lambda-request.md), as a
Lambda function, and as an AWS Batch job. Keys of requests are snake_case or camelCase, and unknown
keys are ignored. `handle-lambda-request --describe NAME` prints what its page shows."""

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


def handler_page(name: str, description: Mapping[str, Any], package: str) -> str:
    """Return the page of a handler.

    Args:
        name: of the handler on the command line.
        description: what `common.description.describe` returns for it.
        package: the link to the page of its package.
    """
    example = json.dumps(description["example"], indent=2)
    parts = [
        f"# {name}",
        description["summary"],
        f"Part of {package}: `{description['handler']}`.",
        *_section("Request", [*_tables(description["request"]), f"```json\n{example}\n```"]),
        *_section("Response", _tables(description["response"])),
        *_section("Errors", [table(("error", "cause"), _errors(description["errors"]))]),
        *_section("Environment variables", _environment(description["environment"])),
        *_section("IAM actions", _bullets(f"`{it}`" for it in description["iam_actions"])),
        *_section("Limits", _bullets(description["limits"])),
        *_section("Cost", filter(None, [description["cost"]])),
    ]
    return "\n\n".join(parts) + "\n"


def handler_overview(handlers: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page that lists all handlers, by the names of their packages and their own."""
    parts = ["# Handlers", _OVERVIEW]
    for package, descriptions in handlers.items():
        rows = [(f"[{name}]({name}.md)", one["summary"]) for name, one in descriptions.items()]
        parts += [f"## {package}", table(("handler", "purpose"), rows)]
    return "\n\n".join(parts) + "\n"


def _section(title: str, parts: Iterable[str]) -> list[str]:
    found = list(parts)
    return [f"## {title}", *found] if found else []


def _errors(errors: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    invalid = "the request is invalid: the message names the field, and nothing was changed."
    causes = {"ValidationError": invalid}
    for name, cause in errors.items():
        causes[name] = f"{causes[name]} Or {cause}" if name in causes else cause
    for name, cause in causes.items():
        yield f"`{name}`", _as_code(f"{cause[0].upper()}{cause[1:]}")


def _as_code(text: str) -> str:
    """Return a text of a docstring with its double backticks as Markdown has them."""
    return text.replace("``", "`")


def _environment(variables: Mapping[str, str]) -> Iterator[str]:
    if variables:
        rows = [(f"`{name}`", meaning) for name, meaning in variables.items()]
        yield table(("variable", "meaning"), rows)


def _bullets(texts: Iterable[str]) -> Iterator[str]:
    if lines := [f"- {text}" for text in texts]:
        yield "\n".join(lines)


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
    return table(("field", "type", "default", "meaning"), rows)


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
    """Yield what is said of a field, or of the one kind of value it has besides null."""
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
