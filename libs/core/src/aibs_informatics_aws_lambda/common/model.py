"""The base class of request and response models, and date types of fields."""

import datetime as dt
import json
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Protocol, Self, runtime_checkable

import pydantic
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel

from .exceptions import ValidationError
from .files import check_bounded, write_atomically
from .json_io import JSONObject, parse_json

_DUMP_OPTIONS = frozenset(
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
    """A request or response model."""

    @classmethod
    def from_dict(cls, data: JSONObject, **kwargs: Any) -> Self:
        """Return an instance; raise `ValidationError` if the data is invalid."""

    def to_dict(self, **kwargs: Any) -> JSONObject:
        """Return the instance as a JSON object."""


class ModelBase:
    """Reading and writing a model as JSON or YAML, by its ``from_dict`` and ``to_dict``."""

    @classmethod
    def from_dict(cls, data: JSONObject, **kwargs: Any) -> Self:
        """Return an instance; raise `ValidationError` if the data is invalid."""
        raise NotImplementedError(f"{cls.__name__} does not define from_dict(cls, data)")

    def to_dict(self, **kwargs: Any) -> JSONObject:
        """Return the instance as a JSON object."""
        raise NotImplementedError(f"{type(self).__name__} does not define to_dict(self)")

    @classmethod
    def is_valid(cls, data: Any) -> bool:
        """Return whether ``data`` is valid; an error of any type means that it is not."""
        try:
            cls.from_dict(data)
        except Exception:
            return False
        return True

    @classmethod
    def from_json(cls, text: str, **kwargs: Any) -> Self:
        """Return an instance from JSON text.

        Raises:
            json.JSONDecodeError: the text is not JSON.
            ValidationError: the document is invalid.
        """
        return cls.from_dict(parse_json(text), **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """Return the instance as JSON, indented by 4, with fields in order of declaration."""
        return json.dumps(self.to_dict(**kwargs), indent=4)

    @classmethod
    def from_path(cls, path: Path, **kwargs: Any) -> Self:
        """Return an instance from a file: YAML if its suffix is .yml or .yaml, JSON otherwise.

        Raises:
            json.JSONDecodeError: the text is not JSON.
            ValidationError: the document is invalid.
            ModuleNotFoundError: the file is YAML and PyYAML, which the Lambda archives lack, is
                not installed.
        """
        check_bounded(path)
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix not in (".yml", ".yaml"):
            return cls.from_json(text, **kwargs)
        return cls.from_dict(_load_yaml(path, text), **kwargs)

    def to_path(self, path: Path, **kwargs: Any) -> None:
        """Write the instance as JSON, which is valid YAML, to a file in an existing directory.

        The file is replaced atomically.
        """
        write_atomically(path, self.to_json(**kwargs))


def _load_yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"cannot read {path}: PyYAML is not installed (it is not in the Lambda archives). "
            "Write the document as JSON, or install PyYAML.",
            name="yaml",
        ) from error
    return yaml.safe_load(text)


class PydanticBaseModel(BaseModel, ModelBase):
    """Base class of requests and responses.

    Fields are read by name or camelCase alias, and written by name. Unknown fields are ignored.
    Messages of validation errors never contain the invalid values.
    """

    model_config = ConfigDict(
        # Cold start: models share most names of their fields with their base classes.
        alias_generator=cache(to_camel),
        extra="ignore",
        # For cold starts: a process builds only the validators of the models that it uses.
        defer_build=True,
        hide_input_in_errors=True,
        loc_by_alias=False,
        # NaN and infinity are kept, as by Python's json: null would lose information.
        ser_json_inf_nan="constants",
        validate_by_alias=True,
        validate_by_name=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _read_foreign_model(cls, data: Any) -> Any:
        # Projects that were written for version 1.1.0 pass models of the library that it used.
        if isinstance(data, BaseModel) and not isinstance(data, PydanticBaseModel):
            return data.model_dump(mode="json", exclude_none=True)
        return data

    @classmethod
    def from_dict(cls, data: JSONObject, **kwargs: Any) -> Self:  # noqa: ARG003
        """Return an instance from a JSON object. Keyword arguments are ignored.

        Raises:
            ValidationError: ``data`` is not a dict, or is invalid; the message names the fields.
        """
        if not isinstance(data, dict):
            raise ValidationError(
                f"{cls.__name__} expects a JSON object, got {type(data).__name__}"
            )
        try:
            return cls.model_validate(data)
        except pydantic.ValidationError as error:
            raise ValidationError(str(error)) from error

    def to_dict(self, **kwargs: Any) -> JSONObject:
        """Return the instance as a JSON object, without optional fields that are null.

        Nulls inside free-form values (``Any``, ``dict``) and in required fields are kept.

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
        # Not annotated: a return type would replace the JSON Schema of the model.
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
    """Add the fields ``nulls`` to ``written``, in order of declaration."""
    keys = {
        name: (field.serialization_alias or name) if by_alias else name
        for name, field in model.model_fields.items()
    }
    restored = {keys[name]: None for name in nulls}
    ordered = [key for key in keys.values() if key in written or key in restored]
    return {key: written.get(key) for key in ordered} | written


# Cold start: compiled when a time is read.
_ISO_DATE_TIME = r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _parse_date_time(value: Any) -> dt.datetime:
    """Read ISO 8601 text or milliseconds since 1970, UTC."""
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _EPOCH + dt.timedelta(milliseconds=value)
        except (OverflowError, ValueError):
            raise ValueError("the time is not in the years 1 to 9999") from None
    if isinstance(value, str) and re.fullmatch(_ISO_DATE_TIME, value, re.ASCII):
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
        # Python's message contains the value.
        raise ValueError("expected an ISO 8601 date such as 2024-01-02") from None


IsoDateTime = Annotated[
    dt.datetime,
    BeforeValidator(_parse_date_time),
    PlainSerializer(_format_date_time, return_type=str, when_used="json"),
]
"""A time as ISO 8601 text or milliseconds since 1970; a time without a zone is naive."""

AwareIsoDateTime = Annotated[
    dt.datetime,
    BeforeValidator(_parse_aware_date_time),
    PlainSerializer(_format_date_time, return_type=str, when_used="json"),
]
"""As `IsoDateTime`; a time without a zone is in UTC."""

IsoDate = Annotated[
    dt.date,
    BeforeValidator(_parse_date),
    PlainSerializer(dt.date.isoformat, return_type=str, when_used="json"),
]
"""A date as ISO 8601 text; a time is invalid."""
