import sys

import pytest
from aibs_informatics_aws_lambda.common.models import deserialize_handler, serialize_handler
from aibs_informatics_aws_lambda.handlers import data_sync

PACKAGE = "aibs_informatics_aws_lambda.handlers.data_sync"


@pytest.mark.parametrize(
    "module", ["", ".operations", ".file_system", ".summarize.handler", ".workflows"]
)
def test_cold_start_loads_nothing_heavy(heavy_modules_loaded_by, module):
    assert heavy_modules_loaded_by(f"{PACKAGE}{module}") == []


def test_operations_imports_neither_the_engine_nor_the_file_system_handlers(modules_loaded_by):
    loaded = modules_loaded_by(f"{PACKAGE}.operations")

    assert not loaded.intersection({f"{PACKAGE}.s3.client", f"{PACKAGE}.file_system"})


def test_handler_of_one_sync_loads_no_models_of_batches(modules_loaded_by):
    loaded = modules_loaded_by(f"{PACKAGE}.syncs")

    assert "aibs_informatics_aws_lambda.storage.data_sync.batch" not in loaded


def test_command_imports_handlers_processes_and_progress_bars_only_when_used(
    modules_loaded_by,
):
    loaded = modules_loaded_by(f"{PACKAGE}.cli.sync, {PACKAGE}.cli.main")

    unwanted = {"aws_lambda_powertools", "boto3", "multiprocessing", "rich"}
    assert not loaded.intersection(unwanted)


@pytest.mark.parametrize(
    "arguments", [["stats"], ["ls"], ["ls", "-r"], ["ls", "-l"]], ids=" ".join
)
def test_verb_that_lists_a_folder_imports_no_models_and_no_client(
    run_command, tmp_path, arguments
):
    (tmp_path / "file").touch()
    command = [sys.executable, "-X", "importtime", "-m", f"{PACKAGE}.cli", *arguments, tmp_path]
    result = run_command(*command)

    assert result.returncode == 0
    loaded = {line.rpartition(" ")[2] for line in result.stderr.splitlines()}
    assert f"{PACKAGE}.local.walk" in loaded or f"{PACKAGE}.cli.levels" in loaded
    assert not loaded.intersection({"pydantic", "aws_lambda_powertools", "boto3", "awscrt"})


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--delete", "--dry-run", "--update", "--report", "r.jsonl"],
        ["cp", "-r"],
    ],
    ids=len,
)
def test_sync_imports_no_module_of_a_feature_that_it_does_not_use(run_command, tmp_path, options):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").touch()
    arguments = [*options, "source", "copy"]
    command = [sys.executable, "-X", "importtime", "-m", f"{PACKAGE}.cli", *arguments]
    result = run_command(*command, cwd=tmp_path)

    assert result.returncode == 0
    loaded = {line.rpartition(" ")[2] for line in result.stderr.splitlines()}
    assert f"{PACKAGE}.sync.executor" in loaded
    methods = {
        f"{PACKAGE}.sync.transfers.{name}"
        for name in ("download", "preserve", "s3_copy", "streamed_copy", "upload")
    }
    patterns = "aibs_informatics_aws_lambda.storage.regular_expressions"
    # Models would take half of the start-up time.
    unused = {"pydantic", patterns, *methods, "ctypes", "mimetypes", "ssl"}
    assert not loaded.intersection(unused)


def test_preparation_imports_neither_reports_nor_deletions(modules_loaded_by):
    loaded = modules_loaded_by(f"{PACKAGE}.prepare.extraneous")

    assert f"{PACKAGE}.prepare.split" in loaded
    assert not loaded.intersection({f"{PACKAGE}.sync.report", f"{PACKAGE}.local.delete"})


@pytest.mark.parametrize("name", [name for name in dir(data_sync) if name.endswith("_handler")])
def test_lambda_function_is_made_once_and_found_by_its_name(name):
    handler = getattr(data_sync, name)

    assert getattr(data_sync, name) is handler
    assert serialize_handler(handler) == f"{PACKAGE}.{name}"
    assert deserialize_handler(f"{PACKAGE}.{name}") is handler


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'sync_handler'"):
        data_sync.sync_handler  # noqa: B018 - looking is what is tested
