"""Every zip, unpacked into an empty folder, works as a Lambda function."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from environments import make_environment
from runtime_api import RuntimeApi

ROOT = Path(__file__).parents[1]
RUNTIME = f"python3.{sys.version_info.minor}"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
HANDLERS = "aibs_informatics_aws_lambda.handlers"
OPERATIONS = f"{HANDLERS}.data_sync"

# A function of each package, and a field without which it takes no event.
FUNCTIONS = {
    "batch": ("batch.create.handler", "image"),
    "data-sync": ("data_sync.get_json_from_file_handler", "path"),
    "demand": ("demand.scaffolding.handler", "demand_execution"),
    "ecr": ("ecr.replicate_image.lambda_handler", "source_image"),
    "notifications": ("notifications.notification_router_handler", "content"),
}


def build(project: Path, directory: Path) -> Path:
    """Build the zip of a project for this Python and machine."""
    target = f"lambda:{RUNTIME}-{ARCHITECTURE}"
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(directory)]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (archive,) = directory.glob("*.zip")
    return archive


@pytest.fixture(scope="module")
def build_once(tmp_path_factory):
    """Build the zip of a package, once for all tests."""

    @cache
    def build_package(name: str) -> Path:
        return build(ROOT / "packages" / name, tmp_path_factory.mktemp("dist"))

    return build_package


@pytest.fixture
def archive(build_once) -> Path:
    return build_once("data-sync")


@pytest.fixture(scope="module")
def runtime_python(tmp_path_factory) -> str:
    """A Python that has what Lambda's own has: boto3 and the runtime client."""
    return make_environment(tmp_path_factory.mktemp("runtime"), "boto3", "awslambdaric>=3")


@pytest.fixture
def function(build_once, runtime_python, tmp_path):
    """Start a handler of an unpacked zip as Lambda does, and give what invokes it."""

    @contextmanager
    def start(
        handler: str, package: str = "data-sync", **environment: str
    ) -> Iterator[RuntimeApi]:
        archive = build_once(package)
        task_root = tmp_path / "task"
        with zipfile.ZipFile(archive) as content:
            content.extractall(task_root)
        with RuntimeApi() as api:
            process = subprocess.Popen(
                [runtime_python, "-m", "awslambdaric", handler],
                cwd=task_root,
                env={
                    **os.environ,
                    "AWS_LAMBDA_FUNCTION_NAME": "function",
                    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                    "AWS_LAMBDA_RUNTIME_API": api.address,
                    "LAMBDA_TASK_ROOT": str(task_root),
                    "PYTHONPATH": str(task_root),
                    **environment,
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            try:
                yield api
            finally:
                process.kill()
                process.communicate()

    return start


def test_every_package_is_tested():
    packages = {path.parent.name for path in ROOT.glob("packages/*/pyproject.toml")}

    assert packages == set(FUNCTIONS)


@pytest.mark.parametrize("package", FUNCTIONS)
def test_function_starts_and_refuses_an_event_by_the_field_that_is_missing(function, package):
    name, field = FUNCTIONS[package]

    with function(f"{HANDLERS}.{name}", package) as api:
        outcome = api.invoke({})

    assert outcome.kind == "error"
    assert outcome.body["errorType"] == "ValidationError", outcome.body
    assert field in outcome.body["errorMessage"]


def test_document_on_disk_is_read(function, tmp_path):
    (tmp_path / "document.json").write_text('{"a": [1, null]}')

    with function(f"{OPERATIONS}.get_json_from_file_handler") as api:
        outcomes = [api.invoke({"path": str(tmp_path / "document.json")}) for _ in range(3)]

    assert [(one.kind, one.body) for one in outcomes] == [
        ("response", {"content": {"a": [1, None]}})
    ] * 3


def test_document_goes_to_s3_and_its_place_comes_back(function, aws):
    bucket = aws.make_bucket()

    with function(f"{OPERATIONS}.put_json_to_file_handler", DEFAULT_BUCKET_NAME=bucket) as api:
        outcome = api.invoke({"content": {"a": 1}})

    assert outcome.kind == "response"
    key = outcome.body["path"].removeprefix(f"s3://{bucket}/")
    assert json.loads(aws.get(bucket, key)) == {"a": 1}


def test_bad_event_is_an_error_that_names_the_field_and_the_function_lives_on(function, tmp_path):
    (tmp_path / "document.json").write_text("1")

    with function(f"{OPERATIONS}.get_json_from_file_handler") as api:
        refused = api.invoke({"place": "document.json"})
        answered = api.invoke({"path": str(tmp_path / "document.json")})

    assert refused.kind == "error"
    assert refused.body["errorType"] == "ValidationError"
    assert "path" in refused.body["errorMessage"]
    assert answered.body == {"content": 1}


def test_router_in_the_zip_runs_any_handler_of_it(function, tmp_path):
    (tmp_path / "document.json").write_text("1")
    event = {"path": str(tmp_path / "document.json")}

    with function("aibs_informatics_aws_lambda.main.handle") as api:
        outcome = api.invoke(
            {"handler": f"{OPERATIONS}.operations.GetJSONFromFileHandler", "event": event}
        )

    assert (outcome.kind, outcome.body) == ("response", {"content": 1})


@pytest.mark.parametrize("package", FUNCTIONS)
def test_zip_holds_its_siblings_and_none_of_what_lambda_has(build_once, package):
    with zipfile.ZipFile(build_once(package)) as content:
        tops = {name.partition("/")[0] for name in content.namelist()}

    assert {"aibs_informatics_aws_lambda", "aws_lambda_powertools", "pydantic"} <= tops
    assert not tops.intersection({"boto3", "botocore", "s3transfer", "urllib3", "bin", "tests"})


@pytest.mark.parametrize("package", sorted(set(FUNCTIONS) - {"data-sync"}))
def test_what_moves_no_data_carries_no_transfer_engine(build_once, package):
    with zipfile.ZipFile(build_once(package)) as content:
        assert not [name for name in content.namelist() if "awscrt" in name]


def test_equal_sources_at_another_path_make_equal_bytes(archive, tmp_path):
    copy = tmp_path / "elsewhere"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "dist")
    for folder in ("libs", "packages"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    shutil.copy(ROOT / "hatch.toml", copy)

    again = build(copy / "packages" / "data-sync", tmp_path / "dist")

    assert again.read_bytes() == archive.read_bytes()
