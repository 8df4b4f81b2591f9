"""Classes that name the models of a request and its response in their type arguments."""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, TypeVar, get_args, get_origin

from .model import ModelProtocol

REQUEST = TypeVar("REQUEST", bound=ModelProtocol)
RESPONSE = TypeVar("RESPONSE", bound=ModelProtocol)


class TypedExchange(Generic[REQUEST, RESPONSE]):
    """Base of what is about a request of one class and a response of another."""

    @classmethod
    def get_request_cls(cls) -> type[REQUEST]:
        """Return the class of requests; raise `TypeError` where the class does not name it."""
        request_cls: type[REQUEST] = type_arguments(cls, TypedExchange)[0]
        return request_cls

    @classmethod
    def get_response_cls(cls) -> type[RESPONSE]:
        """Return the class of responses; raise `TypeError` where the class does not name it."""
        response_cls: type[RESPONSE] = type_arguments(cls, TypedExchange)[1]
        return response_cls


def type_arguments(cls: Any, generic: Any) -> tuple[Any, ...]:
    """Return the types that ``cls`` gives to the parameters of ``generic``, one of its bases.

    The nearest base in method resolution order that has a type for each decides. Type variables
    are followed through the bases: with ``class Half(Handler[T, Answer])`` and
    ``class Whole(Half[Question])``, ``Whole`` gives ``(Question, Answer)``.

    Raises:
        TypeError: no base gives a type to every parameter.
    """
    found = _bound_arguments(cls, generic)
    if found:
        return found
    # The nearest base that takes types, which is the one that its author knows.
    nearest = next(base for base in cls.__mro__ if _parameters(base) and issubclass(base, generic))
    names = ", ".join(parameter.__name__ for parameter in _parameters(nearest))
    raise TypeError(
        f"{cls.__qualname__} does not say what {names} of {nearest.__name__} are: "
        f"derive it from {nearest.__name__}[...] with a type for each"
    )


@cache
def _bound_arguments(cls: Any, generic: Any) -> tuple[Any, ...]:
    written = [base for ancestor in cls.__mro__ for base in _bases(ancestor) if get_origin(base)]
    for base in written:
        found = _seen_from(base, generic)
        if found and not any(_variables(argument) for argument in found):
            return found
    return ()


def _seen_from(base: Any, generic: type) -> tuple[Any, ...]:
    """Return the parameters of ``generic`` as ``base`` binds them, or nothing if it is no base."""
    origin = get_origin(base) or base
    if not (isinstance(origin, type) and issubclass(origin, generic)):
        return ()
    if origin is generic:
        return get_args(base) or _parameters(generic)
    given = dict(zip(_parameters(origin), get_args(base), strict=False))
    for inherited in _bases(origin):
        found = _seen_from(inherited, generic)
        if found:
            return tuple(_substitute(argument, given) for argument in found)
    return ()


def _bases(cls: type) -> tuple[Any, ...]:
    # Read from the class itself: a class without parameters would show its base's.
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
