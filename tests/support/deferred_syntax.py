"""Import the syntax of RFC 3987, which jsonschema imports, when a text is checked with it.

The package compiles a grammar for each of its rules as it is imported: 5 seconds, for the formats
`iri` and `iri-reference` alone, which most schemas do not have.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

__all__ = ["defer_syntax"]

_NAME = "rfc3987_syntax"


def defer_syntax() -> None:
    """Let the package be imported by the first check in this process."""
    if _NAME not in sys.modules:
        deferred = ModuleType(_NAME)
        vars(deferred)["is_valid_syntax"] = _is_valid_syntax
        sys.modules[_NAME] = deferred


def _is_valid_syntax(rule: str, text: str) -> bool:
    if not hasattr(sys.modules[_NAME], "__path__"):
        del sys.modules[_NAME]
    return bool(import_module(_NAME).is_valid_syntax(rule, text))
