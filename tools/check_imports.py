"""Check how modules import each other: no cycles, and relative imports inside a distribution.

    python tools/check_imports.py

Imports within functions and those for type checkers count too. Exits with 1 and names each fault.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent


def check(root: Path = ROOT) -> list[str]:
    """Return the faults of all distributions below a folder, a line each."""
    sources = [*root.glob("libs/*/src"), *root.glob("packages/*/src")]
    modules = {_name_of(path, src): path for src in sources for path in src.rglob("*.py")}
    distribution = {name: path.relative_to(root).parts[1] for name, path in modules.items()}
    faults = []
    graph: dict[str, set[str]] = {}
    for name, path in sorted(modules.items()):
        graph[name] = set()
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for statement in _imports_of(path):
            targets = _targets(statement, package, modules) - {name}
            graph[name] |= targets
            is_absolute = not getattr(statement, "level", 0)
            if is_absolute and any(distribution[name] == distribution[it] for it in targets):
                line = f"{path.relative_to(root)}:{statement.lineno}"
                faults.append(f"{line}: absolute import within a distribution")
    return faults + _cycles(graph)


def _name_of(path: Path, source: Path) -> str:
    return ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")


def _imports_of(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def _targets(
    statement: ast.Import | ast.ImportFrom, package: str, modules: dict[str, Path]
) -> set[str]:
    """Return the modules of this workspace that a statement imports."""
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names if alias.name in modules}
    base = statement.module or ""
    if statement.level:
        parents = package.split(".")[: len(package.split(".")) - statement.level + 1]
        base = ".".join([*parents, *([base] if base else [])])
    submodules = {f"{base}.{alias.name}" for alias in statement.names} & modules.keys()
    return submodules or ({base} & modules.keys())


def _cycles(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["import cycle: " + " <- ".join(error.args[1])]
    return []


if __name__ == "__main__":
    found = check()
    sys.exit("\n".join(found) or 0)
