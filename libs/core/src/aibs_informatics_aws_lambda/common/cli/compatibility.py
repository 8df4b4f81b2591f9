"""What version 1.1.0 of ``aibs-informatics-aws-lambda`` makes of a request.

A state machine or a queue may hold requests when a deployment goes back to version 1.1.0, which
ignores fields that it does not know: a dry run would transfer and delete. The file
``requests-1.1.0.json`` contains the names of its handlers and the fields of its requests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from ..handler import LambdaHandler
from ..json_io import JSONObject
from ..s3 import S3Path

VERSION = "1.1.0"

_CHARACTERS = "characters other than ASCII letters, digits, spaces and !$&'()*+,-./:;=?@_"
_IGNORED = "ignores this field"
_STRICT = "refuses this field"
_SNAKE_CASE = "refuses this spelling: use snake_case"
_NO_LOCATION = "refuses a location here: pass a list"
_NO_TARGET = "has no such target and sends an email to nobody"
_MISREAD = f"reads this S3 URI as a local path: its key contains {_CHARACTERS}"
_REFUSED_URI = f"refuses this S3 URI: its key contains {_CHARACTERS}"
_REFUSED_PREFIX = f"refuses this value: it starts with // or contains {_CHARACTERS}"

_KEY = re.compile(r"[A-Za-z0-9 !$&'()*+,\-./:;=?@_]*")
_S3_ONLY = frozenset({"output_s3_prefix", "requests", "temporary_request_payload_path"})
_KEY_PREFIXES = frozenset({"source_path_prefix"})
_LISTS = frozenset({("RemoveDataPathsRequest", "paths")})
# Their fields are checked: an unknown one is an error, and aliases are unknown.
_STRICT_MODELS = frozenset({"ECRImage", "ECRRepository"})
_ONLY_TARGET = "SESEmailTarget"


@dataclass(frozen=True)
class Difference:
    """A part of a request that version 1.1.0 treats differently.

    Args:
        path: names of the fields that lead to it, and indexes in lists, joined by dots; empty for
            the whole request.
        effect: what version 1.1.0 does.
    """

    path: str
    effect: str

    def __str__(self) -> str:
        subject = f"{self.path}: " if self.path else ""
        return f"{subject}version {VERSION} {self.effect}"


def find_differences(
    handler_cls: type[LambdaHandler[Any, Any]], request: Any, event: JSONObject
) -> list[Difference]:
    """Return the parts of a request that version 1.1.0 ignores, refuses or reads differently.

    Args:
        handler_cls: the handler.
        request: the request, a model of the handler.
        event: the JSON object that the request was read from.
    """
    if handler_cls.__name__ not in _known()["handlers"]:
        return [Difference("", f"has no handler {handler_cls.__name__}")]
    return [*_differences(request, ""), *_spellings(request, event, "")]


def new_fields_of(handler_cls: type[LambdaHandler[Any, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the fields that version 1.1.0 lacks, by the names of the models in a request.

    Handlers and models that version 1.1.0 lacks altogether are left out.

    Args:
        handler_cls: the handler.
    """
    known = _known()
    if handler_cls.__name__ not in known["handlers"]:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    waiting = [handler_cls.get_request_cls()]
    while waiting:
        model = waiting.pop()
        old = known["fields"].get(model.__name__)
        if old is None or model.__name__ in found:
            continue
        found[model.__name__] = tuple(name for name in model.model_fields if name not in old)
        for name in old:
            if name in model.model_fields:
                waiting += _models_in(model.model_fields[name].annotation)
    return {name: fields for name, fields in found.items() if fields}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


@cache
def _known() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(
        Path(__file__).with_name(f"requests-{VERSION}.json").read_text()
    )
    return known


def _differences(value: Any, path: str, field: str = "") -> Iterator[Difference]:
    if isinstance(value, BaseModel):
        yield from _of_model(value, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _differences(item, _join(path, name), field)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _differences(item, _join(path, index), field)
    elif isinstance(value, str) and (effect := _effect_of_text(value, field)):
        yield Difference(path, effect)


def _of_model(model: BaseModel, path: str) -> Iterator[Difference]:
    name = type(model).__name__
    if name.endswith("Target") and name != _ONLY_TARGET:
        yield Difference(path, _NO_TARGET)
        return
    known = _known()["fields"].get(name)
    for field, info in type(model).model_fields.items():
        if field not in model.model_fields_set:
            continue
        value = getattr(model, field)
        if value is None:
            continue
        where = _join(path, field)
        if known is not None and field not in known:
            if value != info.get_default(call_default_factory=True):
                yield Difference(where, _STRICT if name in _STRICT_MODELS else _IGNORED)
        elif (name, field) in _LISTS and isinstance(value, str):
            yield Difference(where, _NO_LOCATION)
        else:
            yield from _differences(value, where, field)


def _effect_of_text(text: str, field: str) -> str | None:
    """Return what version 1.1.0 does with a text, or None if it reads it as this version does."""
    if field in _KEY_PREFIXES:
        return None if _KEY.fullmatch(text) and not text.startswith("//") else _REFUSED_PREFIX
    if not isinstance(text, S3Path) or _KEY.fullmatch(text.key):
        return None
    return _REFUSED_URI if field in _S3_ONLY else _MISREAD


def _spellings(value: Any, given: Any, path: str) -> Iterator[Difference]:
    """Yield the camelCase names in models of which version 1.1.0 accepts one spelling only."""
    if not isinstance(value, BaseModel) or not isinstance(given, dict):
        return
    for field, info in type(value).model_fields.items():
        name = field if field in given else info.alias
        if name not in given:
            continue
        if name != field and type(value).__name__ in _STRICT_MODELS:
            yield Difference(_join(path, name), _SNAKE_CASE)
        yield from _spellings(getattr(value, field), given[name], _join(path, name))


def _join(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)
