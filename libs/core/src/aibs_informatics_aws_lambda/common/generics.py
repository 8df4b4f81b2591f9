"""Classes whose type arguments are a request model and a response model."""

from functools import cache
from typing import Any, Generic, TypeVar, get_args, get_origin

from .model import ModelProtocol

REQUEST = TypeVar("REQUEST", bound=ModelProtocol)
RESPONSE = TypeVar("RESPONSE", bound=ModelProtocol)


class TypedExchange(Generic[REQUEST, RESPONSE]):
    """Base class of handlers and routes: their request model and their response model."""

    @classmethod
    @cache
    def get_request_cls(cls) -> type[REQUEST]:
        """Return the request model; raise `TypeError` if the class does not bind it."""
        request_cls: type[REQUEST] = type_arguments(cls, TypedExchange)[0]
        return request_cls

    @classmethod
    @cache
    def get_response_cls(cls) -> type[RESPONSE]:
        """Return the response model; raise `TypeError` if the class does not bind it."""
        response_cls: type[RESPONSE] = type_arguments(cls, TypedExchange)[1]
        return response_cls


def type_arguments(cls: Any, generic: Any) -> tuple[Any, ...]:
    """Return the type arguments of ``cls`` for the type parameters of its base ``generic``.

    They come from the nearest base in method resolution order that binds all parameters. Type
    variables are resolved through the bases: with ``class Half(Handler[T, Answer])`` and
    ``class Whole(Half[Question])``, those of ``Whole`` are ``(Question, Answer)``.

    Raises:
        TypeError: no base binds all type parameters.
    """
    found = _bound_arguments(cls, generic)
    if found:
        return found
    # The message names the nearest generic base, which the author of the class derived from.
    nearest = next(base for base in cls.__mro__ if _parameters(base) and issubclass(base, generic))
    names = ", ".join(parameter.__name__ for parameter in _parameters(nearest))
    raise TypeError(
        f"{cls.__qualname__} does not bind {names} of {nearest.__name__}: "
        f"derive it from {nearest.__name__}[...] with a type argument for each"
    )


@cache
def _bound_arguments(cls: Any, generic: Any) -> tuple[Any, ...]:
    written = [base for ancestor in cls.__mro__ for base in _bases(ancestor) if get_origin(base)]
    for base in written:
        found = _arguments_of(base, generic)
        if found and not any(_variables(argument) for argument in found):
            return found
    return ()


def _arguments_of(base: Any, generic: type) -> tuple[Any, ...]:
    """Return the type arguments of ``base`` for ``generic``; empty if it is not a base."""
    origin = get_origin(base) or base
    if not (isinstance(origin, type) and issubclass(origin, generic)):
        return ()
    if origin is generic:
        return get_args(base) or _parameters(generic)
    given = dict(zip(_parameters(origin), get_args(base), strict=False))
    for inherited in _bases(origin):
        found = _arguments_of(inherited, generic)
        if found:
            return tuple(_substitute(argument, given) for argument in found)
    return ()


def _bases(cls: type) -> tuple[Any, ...]:
    # Not inherited: a class that is not generic would have those of its base.
    bases: tuple[Any, ...] = cls.__dict__.get("__orig_bases__", cls.__bases__)
    return bases


def _parameters(cls: type) -> tuple[Any, ...]:
    return getattr(cls, "__parameters__", ())


def _variables(argument: Any) -> tuple[Any, ...]:
    if isinstance(argument, TypeVar):
        return (argument,)
    metadata = getattr(argument, "__pydantic_generic_metadata__", None)
    return metadata["parameters"] if metadata else getattr(argument, "__parameters__", ())


def _substitute(argument: Any, given: dict[Any, Any]) -> Any:
    if isinstance(argument, TypeVar):
        return given.get(argument, argument)
    variables = _variables(argument)
    return argument[tuple(given.get(v, v) for v in variables)] if variables else argument
