"""Share between sessions of botocore what each would load and compute for itself.

A test makes its own clients, since it has its own settings. Most of the time that a client takes
goes into what is equal for all: reading the models of services, listing their folders, renaming
events and inspecting the functions that handle them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from types import FunctionType, MethodType
from typing import Any

__all__ = ["share_caches"]


def share_caches() -> None:
    """Let all sessions of this process share these caches. Settings are not in them."""
    from botocore import hooks, loaders

    _share(loaders.Loader, "_cache", lambda loader: tuple(loader.search_paths))
    _share(hooks.EventAliaser, "_alias_name_cache", lambda hook: tuple(hook._event_aliases))
    vars(hooks)["accepts_kwargs"] = _remembering(hooks.accepts_kwargs)


def _remembering(inspect: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that inspects each function once, also as a method of many instances."""
    inspected = cache(inspect)

    def inspect_once(handler: Any) -> Any:
        function = handler.__func__ if isinstance(handler, MethodType) else handler
        return (inspected if isinstance(function, FunctionType) else inspect)(function)

    return inspect_once


def _share(owner: Any, attribute: str, key: Callable[[Any], Any]) -> None:
    """Let instances of a class share the dictionary of an attribute if they have one key."""
    shared: dict[Any, dict[Any, Any]] = {}
    original = owner.__init__

    @wraps(original)
    def initialize(instance: Any, *args: Any, **kwargs: Any) -> None:
        original(instance, *args, **kwargs)
        setattr(instance, attribute, shared.setdefault(key(instance), {}))

    owner.__init__ = initialize
