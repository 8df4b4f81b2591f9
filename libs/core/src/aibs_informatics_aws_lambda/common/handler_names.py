"""Objects of modules by their qualified names."""

from __future__ import annotations

from importlib import import_module
from typing import Any


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
        raise ValueError(f"the module {module_name} has nothing called {attribute!r}") from None


def get_qualified_name(target: Any) -> str:
    """Return the name under which the module of a class or function defines it."""
    return f"{target.__module__}.{target.__qualname__}"
