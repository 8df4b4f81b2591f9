import pytest

PACKAGE = "aibs_informatics_aws_lambda.storage"


@pytest.mark.parametrize(
    "module", ["", ".data_sync.batch", ".efs_inventory", ".mount_discovery", ".paths"]
)
def test_cold_start_loads_nothing_heavy(heavy_modules_loaded_by, module):
    assert heavy_modules_loaded_by(f"{PACKAGE}{module}") == []


def test_models_of_a_sync_load_no_other_models(modules_loaded_by):
    loaded = modules_loaded_by(f"{PACKAGE}.data_sync.sync")

    others = {
        f"{PACKAGE}.data_sync.{name}" for name in ("batch", "json_documents", "removal_requests")
    }
    assert not loaded & others
