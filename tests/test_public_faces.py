"""The packages whose names are imported when they are first used."""

import ast
from importlib import import_module
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.lazy import lazy_names

ROOT = Path(__file__).parents[1]


def _faces() -> dict[str, Path]:
    inits = [*ROOT.glob("libs/*/src/**/__init__.py"), *ROOT.glob("packages/*/src/**/__init__.py")]
    return {
        ".".join(path.parent.relative_to(ROOT).parts[3:]): path
        for path in inits
        if "lazy_names(" in path.read_text()
    }


FACES = _faces()


def _names_for_type_checkers(path: Path) -> set[str]:
    block = next(
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    names = set()
    for node in block.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            starred = [alias.name for alias in node.names] == ["*"]
            names |= (
                _public_names_of(path.with_name(f"{node.module}.py"))
                if starred
                else {alias.asname or alias.name for alias in node.names}
            )
        elif isinstance(node, ast.AnnAssign):
            names.add(ast.unparse(node.target))
    return names


def _public_names_of(path: Path) -> set[str]:
    """Return what a star import takes from a module: the names that it defines itself."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign):
            names.add(ast.unparse(node.target))
        elif isinstance(node, ast.Assign):
            names |= {ast.unparse(target) for target in node.targets}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("package", FACES)
def test_type_checkers_see_the_names_that_the_package_offers(package):
    module = import_module(package)
    offered = set(dir(module)) - set(vars(module)) | {
        name for name in vars(module) if name in _names_for_type_checkers(FACES[package])
    }

    assert offered == _names_for_type_checkers(FACES[package])


@pytest.mark.parametrize("package", FACES)
def test_each_name_can_be_imported(package):
    module = import_module(package)

    for name in _names_for_type_checkers(FACES[package]):
        assert getattr(module, name) is not None


@pytest.mark.parametrize("package", FACES)
def test_importing_the_package_loads_none_of_its_modules(package, modules_loaded_by):
    loaded = modules_loaded_by(package)

    own = {name for name in loaded if name.startswith(f"{package}.")}
    assert own <= {lazy_names.__module__}
