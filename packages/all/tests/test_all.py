"""All packages are installed, in the versions that the distribution requires."""

from __future__ import annotations

from importlib.metadata import entry_points, requires, version

import pytest

NAME = "aibs-informatics-aws-lambda"
PINS = dict(requirement.split("==") for requirement in requires(NAME) or ())


@pytest.mark.parametrize("distribution", PINS)
def test_every_package_has_the_required_version(distribution):
    assert version(distribution) == PINS[distribution]


def test_the_handlers_of_all_packages_can_be_imported():
    handlers = entry_points(group="aibs_informatics_aws_lambda.handlers")

    packages = {handler.load().__module__.split(".")[2] for handler in handlers}

    # The libraries have none.
    names = {name.removeprefix(f"{NAME}-").replace("-", "_") for name in PINS}
    assert packages == names - {"core", "storage"}
