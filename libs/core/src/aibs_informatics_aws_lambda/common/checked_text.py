"""Strings whose format is validated: the base of URIs, versions and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from .exceptions import ValidationError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core.core_schema import CoreSchema


class CheckedText(str):
    """A `str` whose format its class validates.

    A subclass defines ``_checked``. It can be the type of a field of a pydantic model, and is
    serialized as a string.
    """

    __slots__ = ()

    json_schema: ClassVar[dict[str, Any]] = {}
    """Further keywords of its JSON Schema, such as ``pattern``."""

    def __new__(cls, text: str) -> Self:
        """Return ``text`` as an instance; raise `ValidationError` if it is invalid."""
        if isinstance(text, cls):
            return text
        if not isinstance(text, str):
            raise ValidationError(f"expected a string, got {type(text).__name__}")
        return super().__new__(cls, cls._checked(text))

    @classmethod
    def _checked(cls, text: str) -> str:
        """Return ``text`` in normal form; raise `ValidationError` if it is invalid."""
        raise NotImplementedError(f"{cls.__name__} does not define _checked(cls, text)")

    @classmethod
    def is_valid(cls, text: Any) -> bool:
        """Return whether ``text`` is a valid string of this class."""
        try:
            cls(text)
        except ValidationError:
            return False
        return True

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", **cls.json_schema}
