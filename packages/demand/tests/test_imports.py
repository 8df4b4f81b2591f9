import pytest


@pytest.mark.parametrize("module", ["", ".execution", ".model", ".scaffolding"])
def test_cold_start_loads_nothing_heavy(heavy_modules_loaded_by, module):
    assert heavy_modules_loaded_by(f"aibs_informatics_aws_lambda.handlers.demand{module}") == []


def test_models_of_an_execution_load_neither_the_handler_nor_the_models_of_batch(
    modules_loaded_by,
):
    loaded = modules_loaded_by("aibs_informatics_aws_lambda.handlers.demand.execution")

    assert "aibs_informatics_aws_lambda.handlers.demand.scaffolding" not in loaded
    assert "aibs_informatics_aws_lambda.handlers.batch.model" not in loaded
