import pytest


@pytest.mark.parametrize("module", ["create", "deregister", "image_uri", "model"])
def test_cold_start_loads_nothing_heavy(heavy_modules_loaded_by, module):
    assert heavy_modules_loaded_by(f"aibs_informatics_aws_lambda.handlers.batch.{module}") == []
