"""Packages that import a module only when one of its names is first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, names: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package that offers names of its modules.

    Importing the package costs nothing, so a Lambda function loads only what it uses. For type
    checkers, the package imports the same names under ``if TYPE_CHECKING``.

    Args:
        package: the ``__name__`` of the package.
        names: by module of the package, the names to offer; ``"handler as greet"`` renames one.
    """
    homes = {}
    for module, entries in names.items():
        for entry in entries:
            attribute, _, alias = entry.partition(" as ")
            homes[alias or attribute] = (module, attribute)

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, attribute = homes[name]
        value = getattr(import_module(f"{package}.{module}"), attribute)
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, list_names
