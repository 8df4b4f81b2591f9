"""The unpacked zip works as a Lambda function."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import make_environment
from functions import build_zip, running_function, unpack

pytest.importorskip("hatch_lambda", reason="zips are built only in the full workspace")

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def task_root(tmp_path_factory) -> Path:
    """The folder with the unpacked zip."""
    archive = build_zip(PROJECT, tmp_path_factory.mktemp("dist"))
    return unpack(archive, tmp_path_factory.mktemp("task"))


@pytest.fixture(scope="module")
def runtime_python(tmp_path_factory) -> str:
    """A Python with the packages of the Lambda runtime: boto3 and the runtime client."""
    return make_environment(tmp_path_factory.mktemp("runtime"), "boto3", "awslambdaric>=3")


def test_the_function_rejects_invalid_events_and_handles_valid_ones(
    aws, runtime_python, task_root
):
    path = aws.put(aws.make_bucket(), "poem.txt", "two words")
    name = "aibs_informatics_aws_lambda.handlers.new_family.count.handler"

    with running_function(runtime_python, task_root, name) as function:
        invalid, valid = function.invoke({}), function.invoke({"path": path})

    assert (invalid.kind, invalid.body["errorType"]) == ("error", "ValidationError")
    assert (valid.kind, valid.body) == ("response", {"words": 2})
