from __future__ import annotations

import pytest

PACKAGE = "aibs_informatics_aws_lambda"


@pytest.mark.parametrize(
    "module",
    [
        "common.api.version",
        "common.aws",
        "common.env",
        "common.executor",
        "common.handler",
        "common.logging",
        "common.metrics",
        "common.model",
        "common.models",
        "common.s3",
        "main",
    ],
)
def test_importing_loads_nothing_that_a_cold_start_cannot_afford(heavy_modules_loaded_by, module):
    assert heavy_modules_loaded_by(f"{PACKAGE}.{module}") == []


def test_router_loads_nothing_before_it_is_called(modules_loaded_by):
    loaded = modules_loaded_by(f"{PACKAGE}.main")

    assert not loaded & {"pydantic", "aws_lambda_powertools"}
