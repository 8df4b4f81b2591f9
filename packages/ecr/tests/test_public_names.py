from __future__ import annotations

import importlib

import pytest
from aibs_informatics_aws_lambda.handlers import ecr


@pytest.mark.parametrize("name", ecr.__all__)
def test_every_public_name_can_be_imported_and_is_listed(name):
    assert getattr(ecr, name).__name__ == name
    assert name in dir(ecr)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'absent'"):
        _ = ecr.absent


@pytest.mark.parametrize(
    "name",
    ["ECRImage", "ECRLogin", "ECRRegistry", "ECRRepository", "ECRResource", "ResourceTag"],
)
def test_resources_package_has_the_same_classes(name):
    resources = importlib.import_module("aibs_informatics_aws_lambda.handlers.ecr.resources")

    assert getattr(resources, name) is getattr(ecr, name)
