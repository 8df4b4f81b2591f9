"""Finding what keeps a document from being sent as JSON, before it is sent."""

import json
import math
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from .exceptions import ValidationError
from .json_io import JSON

MAX_DEPTH = 250
"""Levels of nesting. pydantic writes no more than 255, those of the models included."""

MAX_PAYLOAD_BYTES = 6_291_556
"""The size of a request or response of Lambda.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def check_response(document: JSON, max_bytes: int | None = None) -> None:
    """Check that a document can be sent as JSON (RFC 8259, UTF-8).

    Args:
        document: the response of a handler.
        max_bytes: the maximum size of its JSON text.

    Raises:
        ValidationError: the document contains NaN or infinity, text that is not valid Unicode, a
            value of a type that JSON lacks or a circular reference, or is nested too deeply or
            too large. The message has the path of the field.
    """
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, default=_number)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        path, problem = next(_problems(document, "", 0), ("", str(error)))
        raise ValidationError(_message(path, problem)) from None
    if max_bytes is not None and size > max_bytes:
        limit = f"{size:,} bytes of JSON, more than the {max_bytes:,} that Lambda returns"
        raise ValidationError(f"the response cannot be sent: it has {limit}. Write it to S3.")


def unserializable(document: object, error: Exception) -> ValidationError:
    """Return the error for a model that cannot be converted to JSON, with the path of the field.

    Args:
        document: the model.
        error: the error of the conversion, in case that no field is known to be the reason.
    """
    path, problem = next(_problems(document, "", 0), ("", str(error)))
    return ValidationError(_message(path, problem))


def check_depth(document: JSON) -> None:
    """Check that a document is not nested too deeply for a model.

    Raises:
        ValidationError: the document has more than `MAX_DEPTH` levels.
    """
    level = _containers_in([document])
    for _ in range(MAX_DEPTH + 1):
        level = [inner for outer in level for inner in _containers_in(outer)]
        if not level:
            return
    raise ValidationError(f"the JSON document is nested more than {MAX_DEPTH} levels deep")


def _containers_in(value: JSON) -> list[JSON]:
    values = value.values() if isinstance(value, dict) else value
    return [inner for inner in values if isinstance(inner, dict | list) and inner]


def _number(value: object) -> float:
    # The runtime of Lambda writes a `Decimal` as a number.
    if isinstance(value, Decimal) and value.is_finite():
        return float(value)
    raise TypeError(f"{type(value).__name__} is not a JSON type")


def _message(path: str, problem: str) -> str:
    where = f"{path}: " if path else ""
    return f"the response cannot be sent as JSON: {where}{problem}"


def _problems(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield the path and the problem of each value that is not valid JSON."""
    # Only responses that cannot be sent come here: APIs start without pydantic.
    from pydantic import BaseModel

    if depth > MAX_DEPTH:
        yield path, f"nested more than {MAX_DEPTH} levels deep"
    elif isinstance(value, str):
        if not is_unicode(value):
            yield path, "not valid Unicode (a name that is not UTF-8?)"
    elif isinstance(value, float | Decimal):
        if not math.isfinite(value):
            yield path, f"{value} is not a JSON number"
    elif isinstance(value, BaseModel):
        yield from _problems_of_object(vars(value), path, depth)
    elif isinstance(value, dict):
        yield from _problems_of_object(value, path, depth)
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _problems(inner, f"{path}[{position}]", depth + 1)
    elif not isinstance(value, bool | int | date | Enum | PurePath | UUID | None):
        yield path, f"{type(value).__name__} is not a JSON type"


def _problems_of_object(value: dict[Any, Any], path: str, depth: int) -> Iterator[tuple[str, str]]:
    for key, inner in value.items():
        below = f"{path}.{_shown(key)}" if path else _shown(key)
        if not isinstance(key, str | bool | int | float | None):
            yield below, f"{type(key).__name__} is not a type of JSON keys"
        elif isinstance(key, str) and not is_unicode(key):
            yield below, "the key is not valid Unicode"
        yield from _problems(inner, below, depth + 1)


def is_unicode(text: str) -> bool:
    """Return whether text can be encoded: JSON may contain unpaired surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(key: object) -> str:
    return str(key).encode(errors="backslashreplace").decode()
