import pytest


@pytest.mark.parametrize("module", ["ecr", "ecr.replicate_image"])
def test_cold_start_loads_no_heavy_modules(heavy_modules_loaded_by, module):
    assert heavy_modules_loaded_by(f"aibs_informatics_aws_lambda.handlers.{module}") == []


def test_cold_start_loads_no_modules_of_the_command(modules_loaded_by):
    loaded = modules_loaded_by("aibs_informatics_aws_lambda.handlers.ecr.replicate_image")

    assert not [name for name in loaded if name.partition(".")[0] in ("argparse", "rich")]


def test_cold_start_loads_no_models_of_other_operations(modules_loaded_by):
    package = "aibs_informatics_aws_lambda.handlers.ecr"

    loaded = modules_loaded_by(f"{package}.replicate_image")

    unused = ("credentials", "lifecycle", "locations", "replicate_tags", "tag_selection")
    assert not {f"{package}.{name}" for name in unused} & set(loaded)


def test_start_of_the_command_loads_no_models_and_no_clients(modules_loaded_by):
    loaded = modules_loaded_by("aibs_informatics_aws_lambda.handlers.ecr.cli")

    tops = {name.partition(".")[0] for name in loaded}
    assert not tops & {"boto3", "pydantic", "pydantic_core", "rich", "urllib3"}
