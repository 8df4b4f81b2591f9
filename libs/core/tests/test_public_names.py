"""The public names of the packages `common` and `common.api`."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

COMMON = "aibs_informatics_aws_lambda.common"


@pytest.fixture(params=[COMMON, f"{COMMON}.api"])
def package(request):
    return import_module(request.param)


def test_every_name_resolves(package):
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)


def test_type_checkers_see_the_same_names(package):
    tree = ast.parse(Path(package.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        (alias.name, statement.module) for statement in block.body for alias in statement.names
    }
    offered = {
        (name, module) for module, names in package._NAMES.items() for name in names.split()
    }

    assert seen == offered
    assert len(package.__all__) == len(set(package.__all__)) == len(seen)


@pytest.mark.parametrize("name", [COMMON, f"{COMMON}.api"])
def test_importing_the_package_loads_none_of_its_modules(modules_loaded_by, name):
    loaded = {module for module in modules_loaded_by(name) if module.startswith(COMMON)}

    assert loaded <= {COMMON, f"{COMMON}.api", f"{COMMON}.lazy"}
    assert not modules_loaded_by(name) & {"pydantic", "aws_lambda_powertools", "boto3"}


def test_names_can_be_imported_from_the_package():
    from aibs_informatics_aws_lambda.common import LambdaHandler
    from aibs_informatics_aws_lambda.common.api import ApiLambdaHandler

    assert issubclass(ApiLambdaHandler, LambdaHandler)


def test_unknown_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="has no attribute 'Missing'"):
        assert package.Missing
