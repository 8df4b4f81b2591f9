import pytest


@pytest.mark.parametrize("module", ["data_sync", "data_sync.operations", "data_sync.file_system"])
def test_cold_start_loads_nothing_heavy(heavy_modules_loaded_by, module):
    assert heavy_modules_loaded_by(f"aibs_informatics_aws_lambda.handlers.{module}") == []
