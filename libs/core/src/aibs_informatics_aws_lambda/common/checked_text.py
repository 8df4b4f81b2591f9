"""Text whose form is checked when it is made: the base of paths, versions and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic_core import core_schema

from .exceptions import ValidationError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue


class CheckedText(str):
    """A `str` that cannot hold anything but what its class allows.

    A subclass says in ``_checked`` what it allows. It can be the type of a field of a pydantic
    model: text becomes an instance, and is written as text again.
    """

    __slots__ = ()

    json_schema: ClassVar[dict[str, Any]] = {}
    """What JSON Schema says about the text beyond that it is a string."""

    def __new__(cls, text: str) -> Self:
        """Return ``text`` in this class's form; raise `ValidationError` if it cannot be."""
        if isinstance(text, cls):
            return text
        if not isinstance(text, str):
            raise ValidationError(f"expected text, got {type(text).__name__}")
        return super().__new__(cls, cls._checked(text))

    @classmethod
    def _checked(cls, text: str) -> str:
        """Return ``text`` as it is to be kept; raise `ValidationError` if it is not allowed."""
        raise NotImplementedError(f"{cls.__name__} does not say what it allows")

    @classmethod
    def is_valid(cls, text: Any) -> bool:
        """Tell whether ``text`` is a string of this form."""
        try:
            cls(text)
        except ValidationError:
            return False
        return True

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", **cls.json_schema}
