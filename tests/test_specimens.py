"""A project that was written for version 1.1.0 does the same with our packages, unchanged."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

import pytest
from old_version import old_environment, result_of, shared_wheels, upgraded_environment
from servers import REGION
from workspace import find_projects

ROOT = Path(__file__).parents[1]
PROJECT = Path(__file__).with_name("specimens")


@pytest.fixture
def wheels(shared_folder) -> Path:
    """The wheels of all projects, built once in a run."""
    return shared_wheels(shared_folder, find_projects(ROOT).values())


@pytest.fixture
def cloud(aws):
    """Return a function that makes what the project uses in an empty local AWS."""

    def make() -> None:
        aws.client("ses").verify_email_identity(EmailAddress="lab@example.org")
        for bucket in aws.client("s3").list_buckets()["Buckets"]:
            for key in aws.keys(bucket["Name"]):
                aws.client("s3").delete_object(Bucket=bucket["Name"], Key=key)
            aws.client("s3").delete_bucket(Bucket=bucket["Name"])
        aws.make_bucket("archive")

    efs = aws.client("efs")

    def tags(name: str) -> list[dict[str, str]]:
        return [{"Key": "Name", "Value": name}, {"Key": "env_base", "Value": "dev-lab"}]

    volume = efs.create_file_system(CreationToken="volume", Tags=tags("volume"))["FileSystemId"]
    for name in ("shared", "scratch"):
        efs.create_access_point(
            FileSystemId=volume,
            ClientToken=name,
            PosixUser={"Uid": 1, "Gid": 1},
            RootDirectory={"Path": f"/{name}"},
            Tags=tags(name),
        )
    return make


def outcome_of(python: str, aws, folder: Path) -> tuple[object, dict[str, bytes]]:
    """Return what the project returns with a Python, and what it writes to S3."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in (("a.tiff", "aaaa"), ("b/c.tiff", "cc"), ("b/d.txt", "ddd")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    result = result_of(
        [python, str(PROJECT / "run.py"), str(folder), str(folder.with_suffix(".json"))],
        PYTHONPATH=str(PROJECT),
        ENV_BASE="dev-lab",
        AWS_REGION=REGION,
        POWERTOOLS_METRICS_NAMESPACE="lab",
        SOURCE_EMAIL_ADDRESS="lab@example.org",
    )
    written = {key: aws.get("archive", key) for key in aws.keys("archive")}
    result["jobs"]["register"].pop("job_name")  # Contains a random UUID.
    return result, written


def test_the_project_has_ten_files_that_use_the_whole_api():
    files = sorted(PROJECT.glob("specimens/**/*.py"))
    text = "".join(path.read_text() for path in files)

    assert len(files) == 10
    for part in ("common.api.handler", "common.handler", "data_sync", "demand", "notifications"):
        assert f"aibs_informatics_aws_lambda.{part}" in text or f"handlers.{part}" in text


@pytest.mark.heavy
def test_the_project_does_the_same_with_both(aws, cloud, shared_folder, wheels, tmp_path):
    cloud()
    expected = outcome_of(old_environment(shared_folder), aws, tmp_path / "scans")
    cloud()
    found = outcome_of(upgraded_environment(shared_folder, wheels), aws, tmp_path / "scans")

    assert found == expected
    assert expected[1]["batches/b/c.tiff"] == b"cc"


@pytest.mark.heavy
def test_the_check_of_the_project_finds_no_problem(shared_folder, wheels, run_command):
    python = upgraded_environment(shared_folder, wheels)
    command = str(Path(python).with_name("handle-lambda-request"))

    result = run_command(command, "--check-move", "specimens", folder=PROJECT)

    assert result.returncode == 0, result.stdout + result.stderr
    moved = [line for line in result.stdout.splitlines() if "has moved" in line]
    assert len(moved) == 9
    assert result.stdout.splitlines()[-1].startswith("checked: 10, problems: 0")


def test_the_check_names_what_a_new_environment_lacks(run_command):
    """Without the support libraries of version 1.1.0, the imports that have moved fail."""
    command = str(Path(sysconfig.get_path("scripts"), "handle-lambda-request"))

    result = run_command(command, "--check-move", "specimens.paths", folder=PROJECT)

    assert result.returncode == 1
    assert (
        "specimens/paths.py:3: aibs_informatics_core.models.aws.efs.EFSPath has moved. "
        "Import it from aibs_informatics_aws_lambda.storage.efs." in result.stdout
    )
    assert "cannot import specimens.paths: ModuleNotFoundError" in result.stdout
