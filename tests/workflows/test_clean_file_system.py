from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.workflows import render_workflow
from state_machines import BUCKET, VALUES


@pytest.fixture
def scratch(efs):
    """A folder on the file system: of each pair of files one is old."""
    folder = efs[1] / "scratch"
    for run in ("run-1", "run-2"):
        (folder / run).mkdir(parents=True)
        (folder / run / "new").write_text("new")
    for name in ("run-1/old", "run-2/old", "run-3/old", "run-3/older"):
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("old")
        age_by(file, days=40)
    return folder


def age_by(path: Path, days: float) -> None:
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


@pytest.fixture
def clean(workshop, efs):
    def run(variant: str = "lambda", **fields):
        definition = render_workflow("clean-file-system", variant, VALUES)
        arn = workshop.machines.create(f"clean-{variant}", definition)
        # As schedules name it.
        request = {"path": f"{efs[0]}:/scratch", "days_since_last_accessed": 30, "min_depth": 1}
        return workshop.machines.run(arn, request | fields)

    return run


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("variant", ["lambda", pytest.param("batch", marks=pytest.mark.heavy)])
def test_exactly_the_outdated_paths_are_removed(clean, scratch, aws, variant):
    done = clean(variant)

    assert done.status == "SUCCEEDED", done.cause
    assert files_in(scratch) == {"run-1/new", "run-2/new"}
    assert not (scratch / "run-3").exists()
    assert done.output["size_bytes_removed"] == 12
    removed = done.output["paths_removed"].removeprefix(f"s3://{BUCKET}/")
    assert json.loads(aws.get(BUCKET, removed)) == [
        str(scratch / name) for name in ("run-1/old", "run-2/old", "run-3")
    ]


def test_paths_that_change_after_the_scan_are_kept(clean, scratch, functions, aws):
    scan = functions["outdated-data-path-scanner"]

    def scan_and_write(event):
        response = scan(event)
        (scratch / "run-3" / "old").write_text("needed after all")
        return response

    functions["outdated-data-path-scanner"] = scan_and_write
    done = clean()

    assert files_in(scratch) == {"run-1/new", "run-2/new", "run-3/old", "run-3/older"}
    changed = done.output["paths_changed"].removeprefix(f"s3://{BUCKET}/")
    assert json.loads(aws.get(BUCKET, changed)) == [str(scratch / "run-3")]


def test_without_outdated_paths_nothing_is_removed(clean, scratch):
    before = files_in(scratch)

    done = clean(days_since_last_accessed=50)

    assert done.output["size_bytes_removed"] == 0
    assert files_in(scratch) == before


def test_a_failed_scan_removes_nothing(clean, scratch, workshop):
    done = clean(path="fs-00000000000000000:/scratch")

    assert done.status == "FAILED"
    assert "fs-00000000000000000" in done.cause
    assert [name for name, _ in workshop.functions.events] == ["outdated-data-path-scanner"]
