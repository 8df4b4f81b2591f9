"""The names in source code that refer to given packages, found without running it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

_QUALIFIED_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


@dataclass(frozen=True, order=True)
class Reference:
    """A use of a module or a name.

    Args:
        line: number of the line.
        name: the qualified name.
    """

    line: int
    name: str


def find_references(source: str, packages: frozenset[str]) -> list[Reference]:
    """Return the modules and names of packages that source code uses, in order of the lines.

    These are imports, attributes of imported modules, and qualified names as strings, such as the
    name of a handler.

    Args:
        source: the source code of a module.
        packages: the names of top-level packages.

    Raises:
        SyntaxError: the source code is invalid.
    """
    tree = ast.parse(source)
    modules = dict(_imported_modules(tree))
    found = set()
    for node in ast.walk(tree):
        for name in _names_in(node, modules):
            if name.partition(".")[0] in packages:
                found.add(Reference(node.lineno, name))  # type: ignore[attr-defined]
    return sorted(_without_prefixes(found))


def _imported_modules(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the local names of imports with the qualified names of what they import."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    yield alias.asname or name, name
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                for alias in aliases:
                    yield alias.asname or alias.name, f"{module}.{alias.name}"


def _names_in(node: ast.AST, modules: dict[str, str]) -> Iterator[str]:
    match node:
        case ast.Import(names=aliases):
            yield from (alias.name for alias in aliases)
        case ast.ImportFrom(module=str(module), names=aliases, level=0):
            yield from (
                module if alias.name == "*" else f"{module}.{alias.name}" for alias in aliases
            )
        case ast.Attribute():
            parts = _parts_of(node)
            if parts and parts[0] in modules:
                yield ".".join([modules[parts[0]], *parts[1:]])
        case ast.Constant(value=str(text)) if _QUALIFIED_NAME.fullmatch(text):
            yield text


def _parts_of(node: ast.expr) -> list[str]:
    """Return the parts of a dotted name, or none for another expression."""
    match node:
        case ast.Name(id=name):
            return [name]
        case ast.Attribute(value=value, attr=name) if parts := _parts_of(value):
            return [*parts, name]
    return []


def _without_prefixes(references: set[Reference]) -> set[Reference]:
    """Leave out `a.b` where the same line has `a.b.c`, of which it is a part."""
    return {
        one
        for one in references
        if not any(
            other.line == one.line and other.name.startswith(f"{one.name}.")
            for other in references
        )
    }
