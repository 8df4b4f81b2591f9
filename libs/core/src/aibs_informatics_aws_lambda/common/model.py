"""The base of request and response models, and the date types of their fields."""

from __future__ import annotations

import datetime as dt
import json
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Protocol, Self, runtime_checkable

import pydantic
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.alias_generators import to_camel

from .exceptions import ValidationError
from .files import write_atomically
from .json_io import JSONObject, parse_json

_DUMP_OPTIONS: Final = frozenset(
    {
        "by_alias",
        "context",
        "exclude",
        "exclude_defaults",
        "exclude_none",
        "exclude_unset",
        "include",
        "mode",
        "round_trip",
        "serialize_as_any",
        "warnings",
    }
)


@runtime_checkable
class ModelProtocol(Protocol):
    """What a request or response model can do."""

    @classmethod
    def from_dict(cls, data: JSONObject, **kwargs: Any) -> Self:
        """Make an instance; raise `ValidationError` where the data does not fit."""

    def to_dict(self, **kwargs: Any) -> JSONObject:
        """Return the instance as a JSON object."""


class ModelBase:
    """Text and file forms of a model, made of its ``from_dict`` and ``to_dict``."""

    @classmethod
    def from_dict(cls, data: JSONObject, **kwargs: Any) -> Self:
        """Make an instance; raise `ValidationError` where the data does not fit."""
        raise NotImplementedError(f"{cls.__name__} does not say how it is made of a dict")

    def to_dict(self, **kwargs: Any) -> JSONObject:
        """Return the instance as a JSON object."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it becomes a dict")

    @classmethod
    def is_valid(cls, data: Any) -> bool:
        """Tell whether ``data`` fits this model; whatever a validator raises means no."""
        try:
            cls.from_dict(data)
        except Exception:
            return False
        return True

    @classmethod
    def from_json(cls, text: str, **kwargs: Any) -> Self:
        """Make an instance of JSON text.

        Raises:
            json.JSONDecodeError: the text is not JSON.
            ValidationError: the document does not fit.
        """
        return cls.from_dict(parse_json(text), **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """Return the instance as JSON, indented by four, with fields in order of declaration."""
        return json.dumps(self.to_dict(**kwargs), indent=4)

    @classmethod
    def from_path(cls, path: Path, **kwargs: Any) -> Self:
        """Make an instance of a file: YAML if its suffix is .yml or .yaml, JSON otherwise.

        Raises:
            json.JSONDecodeError: the text is not JSON.
            ValidationError: the document does not fit.
            ModuleNotFoundError: it is YAML, and PyYAML is not here, as in the archives for Lambda.
        """
        text = path.read_text(encoding="utf-8")
        if path.suffix not in (".yml", ".yaml"):
            return cls.from_json(text, **kwargs)
        return cls.from_dict(_load_yaml(path, text), **kwargs)

    def to_path(self, path: Path, **kwargs: Any) -> None:
        """Write the instance as JSON, which is YAML too, to a file in an existing folder.

        The file is written whole or not at all.
        """
        write_atomically(path, self.to_json(**kwargs))


def _load_yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"cannot read {path}: it is YAML, and PyYAML is not installed (archives for Lambda "
            "do without). Write the document as JSON, or install PyYAML",
            name="yaml",
        ) from error
    return yaml.safe_load(text)


class PydanticBaseModel(BaseModel, ModelBase):
    """Base of all requests and responses.

    Fields are read by their name or its camelCase form, and written by their name. Unknown fields
    are ignored. Messages of validation errors never show the values that were refused.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="ignore",
        # Cold start: a process builds the validators of those models that it uses.
        defer_build=True,
        hide_input_in_errors=True,
        loc_by_alias=False,
        # Not-a-number and infinity stay what they are, as in Python's json; null would be a loss.
        ser_json_inf_nan="constants",
        validate_by_alias=True,
        validate_by_name=True,
    )

    @classmethod
    def from_dict(cls, data: JSONObject, **kwargs: Any) -> Self:  # noqa: ARG003
        """Make an instance of a JSON object. Keyword arguments are ignored.

        Raises:
            ValidationError: ``data`` is no dict, or does not fit; the text names the fields.
        """
        if not isinstance(data, dict):
            raise ValidationError(
                f"{cls.__name__} is made of a JSON object, not of {type(data).__name__}"
            )
        try:
            return cls.model_validate(data)
        except pydantic.ValidationError as error:
            raise ValidationError(str(error)) from error

    def to_dict(self, **kwargs: Any) -> JSONObject:
        """Return the instance as a JSON object, without the optional fields that are null.

        Nulls inside free-form values (``Any``, ``dict``) stay, and so does a null in a field that
        is required.

        Args:
            kwargs: arguments of pydantic's ``model_dump``, such as ``by_alias``, ``exclude_none``
                or ``mode``; others are ignored.
        """
        options = {name: value for name, value in kwargs.items() if name in _DUMP_OPTIONS}
        return self.model_dump(**{"mode": "json", "exclude_none": True, **options})

    @model_serializer(mode="wrap")
    def _keep_required_nulls(  # type: ignore[no-untyped-def] # noqa: ANN202
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ):
        # Not annotated: a return type would replace the model's JSON schema.
        written = handler(self)
        if not info.exclude_none or info.include or info.exclude:
            return written
        values = vars(self)
        nulls = [name for name in _required_fields(type(self)) if values.get(name, ...) is None]
        return _with_nulls(type(self), written, nulls, bool(info.by_alias)) if nulls else written


@cache
def _required_fields(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(
        name
        for name, field in model.model_fields.items()
        if field.is_required() and not field.exclude
    )


def _with_nulls(
    model: type[BaseModel], written: JSONObject, nulls: list[str], by_alias: bool
) -> JSONObject:
    """Put the fields called ``nulls`` back into ``written``, in order of declaration."""
    keys = {
        name: (field.serialization_alias or name) if by_alias else name
        for name, field in model.model_fields.items()
    }
    restored = {keys[name]: None for name in nulls}
    ordered = [key for key in keys.values() if key in written or key in restored]
    return {key: written.get(key) for key in ordered} | written


_ISO_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _parse_date_time(value: Any) -> dt.datetime:
    """Read ISO 8601 text or milliseconds since 1970, UTC."""
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _EPOCH + dt.timedelta(milliseconds=value)
        except (OverflowError, ValueError):
            raise ValueError("a time outside the years 1 to 9999") from None
    if isinstance(value, str) and _ISO_DATE_TIME.fullmatch(value):
        return dt.datetime.fromisoformat(value)
    raise ValueError(
        "expected an ISO 8601 time such as 2024-01-02T03:04:05Z, or milliseconds since 1970"
    )


def _parse_aware_date_time(value: Any) -> dt.datetime:
    time = _parse_date_time(value)
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def _format_date_time(value: dt.datetime) -> str:
    text = value.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _parse_date(value: Any) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        # Python's own message shows the value.
        raise ValueError("expected an ISO 8601 date such as 2024-01-02") from None


IsoDateTime = Annotated[
    dt.datetime,
    BeforeValidator(_parse_date_time),
    PlainSerializer(_format_date_time, return_type=str, when_used="json"),
]
"""A time as ISO 8601 text or milliseconds since 1970; without a zone it stays without one."""

AwareIsoDateTime = Annotated[
    dt.datetime,
    BeforeValidator(_parse_aware_date_time),
    PlainSerializer(_format_date_time, return_type=str, when_used="json"),
]
"""As `IsoDateTime`; a time without a zone is taken for UTC."""

IsoDate = Annotated[
    dt.date,
    BeforeValidator(_parse_date),
    PlainSerializer(dt.date.isoformat, return_type=str, when_used="json"),
]
"""A date as ISO 8601 text; a time is refused."""
