"""Handlers by their qualified names, ``package.module.attribute``."""

import inspect
import os
import sys
from importlib import import_module
from types import FunctionType
from typing import Any

from .base import HandlerMixins, LambdaHandlerType
from .constants import HANDLER_ALLOWED_MODULES_KEY
from .lambda_function import handler_class_of


def load_qualified_name(name: str) -> Any:
    """Import what ``package.module.attribute`` names.

    Raises:
        ValueError: the name has no dot, or the module has no such attribute.
        ImportError: the module cannot be imported; anything else that its code raises.
    """
    module_name, _, attribute = name.rpartition(".")
    if not (module_name and attribute) or module_name.startswith("."):
        raise ValueError(f"{name!r} is not a qualified name such as package.module.function")
    module = import_module(module_name)
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise ValueError(f"the module {module_name} has no attribute {attribute!r}") from None


def get_qualified_name(target: Any) -> str:
    """Return the qualified name of a class or function, in the module that defines it."""
    return f"{target.__module__}.{target.__qualname__}"


def deserialize_handler(handler: str | LambdaHandlerType) -> LambdaHandlerType:
    """Return the handler with a qualified name; return a callable unchanged.

    A name may refer to a function of event and context, or to a `LambdaHandler` class. Anything
    else is rejected, functions of Python's standard library included: the sender of a name could
    run arbitrary code otherwise. If ``HANDLER_ALLOWED_MODULES`` is set, the handler must be in one
    of the modules or packages listed there.

    Raises:
        ValueError: the name does not refer to a handler, or the handler is not allowed.
        ImportError: its module cannot be imported.
    """
    if not isinstance(handler, str):
        if callable(handler):
            return handler
        raise ValueError(
            f"expected a callable or the qualified name of one, got {type(handler).__name__}"
        )
    _check_allowed(handler)
    target = load_qualified_name(handler)
    if isinstance(target, type) and issubclass(target, HandlerMixins):
        get_handler = getattr(target, "get_handler", None)
        if get_handler is not None:
            function: LambdaHandlerType = get_handler()
            return function
    if isinstance(target, FunctionType) and _takes_event_and_context(target):
        if handler_class_of(target) is None:
            # A module may have imported a function that was never meant as a handler.
            _check_allowed(f"{target.__module__}.{target.__name__}")
        return target
    raise ValueError(
        f"{handler} is not a handler: expected a LambdaHandler class, "
        f"or a function of event and context"
    )


def serialize_handler(handler: LambdaHandlerType) -> str:
    """Return a qualified name from which `deserialize_handler` returns the same handler.

    Raises:
        ValueError: the handler is defined in the running script, which other processes cannot
            import.
    """
    name = _name_of(handler)
    if name.startswith("__main__."):
        raise ValueError(f"{name} cannot be imported by another process: define it in a module")
    return name


def _check_allowed(name: str) -> None:
    if name.partition(".")[0] in sys.stdlib_module_names:
        raise ValueError(f"{name} is in Python's standard library and is not a handler")
    listed = os.environ.get(HANDLER_ALLOWED_MODULES_KEY, "")
    allowed = [prefix.strip() for prefix in listed.split(",") if prefix.strip()]
    if allowed and not any(name.startswith(f"{prefix}.") for prefix in allowed):
        raise ValueError(
            f"{name} is not in a module that {HANDLER_ALLOWED_MODULES_KEY} allows: {listed}"
        )


def _takes_event_and_context(function: FunctionType) -> bool:
    parameters = inspect.signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    others = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    return len(positional) == 2 and not others


def _name_of(handler: LambdaHandlerType) -> str:
    if "<locals>" not in getattr(handler, "__qualname__", "<locals>"):
        return get_qualified_name(handler)
    handler_class = handler_class_of(handler)
    variable = _find_variable(handler, getattr(handler_class, "__module__", None))
    return variable or get_qualified_name(handler_class or handler)


def _find_variable(value: object, first_module: str | None) -> str | None:
    """Return ``module.variable`` of a loaded module that holds ``value``.

    The module that defines the handler's class and its parents come first, then the shortest
    name. ``__main__`` is skipped: other processes cannot import it.
    """
    found = [
        f"{module_name}.{variable}"
        for module_name, module in list(sys.modules.items())
        if module_name != "__main__"
        for variable, held in list(getattr(module, "__dict__", {}).items())
        if held is value
    ]

    def order(name: str) -> tuple[bool, int, str]:
        module_name = name.rpartition(".")[0]
        related = f"{first_module}.".startswith(f"{module_name}.")
        return not related, len(name), name

    return min(found, key=order, default=None)
