"""Lists stored in S3 for state machines."""

from __future__ import annotations

import json
import os

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.data_sync import (
    list_data_paths_handler,
    outdated_data_path_scanner_handler,
    prepare_batch_data_sync_handler,
    remove_data_paths_handler,
)


@pytest.fixture(autouse=True)
def bucket(aws) -> str:
    return aws.make_bucket()


@pytest.fixture
def load(aws):
    """Return the document at a URI."""
    return lambda uri: json.loads(aws.get("bucket", uri.removeprefix("s3://bucket/")))


@pytest.fixture
def folder(tmp_path):
    """A folder with two old files."""
    for name in ("a", "b"):
        file = tmp_path / "data" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
        os.utime(file, (0, 0))
    return tmp_path / "data"


def test_batches_are_stored_with_the_settings_of_the_map(lambda_context, load, folder):
    event = {
        "source_path": str(folder),
        "destination_path": "s3://bucket/to",
        "batch_size_bytes_limit": 1,
        "temporary_request_payload_path": "s3://bucket/tmp",
        "response_path": "s3://bucket/answer",
    }

    answer = prepare_batch_data_sync_handler(event, lambda_context)

    assert answer == {
        "requests": "s3://bucket/answer/requests.json",
        "parallel_batches": 2,
        "max_concurrent_batches": 40,
        "tolerated_failure_percentage": 0.0,
    }
    assert load(answer["requests"]) == [
        {"requests": f"s3://bucket/tmp/request_{n}.json", "allow_partial_failure": False}
        for n in (0, 1)
    ]


def test_settings_of_the_map_are_passed_on(lambda_context, load, folder):
    settings = {"max_concurrent_batches": 0, "tolerated_failure_percentage": 12.5}
    event = {
        "source_path": str(folder),
        "destination_path": "s3://bucket/to",
        "response_path": "s3://bucket/answer",
        "allow_partial_failure": True,
        **settings,
    }

    answer = prepare_batch_data_sync_handler(event, lambda_context)

    assert settings.items() <= answer.items()
    [batch] = load(answer["requests"])
    assert batch["allow_partial_failure"] is True
    assert settings.keys().isdisjoint(batch["requests"][0])
    assert "response_path" not in batch["requests"][0]


@pytest.mark.parametrize(
    ("field", "value"),
    [("tolerated_failure_percentage", 101), ("max_concurrent_batches", -1)],
)
def test_invalid_settings_of_the_map_are_refused(lambda_context, folder, field, value):
    event = {"source_path": str(folder), "destination_path": "s3://bucket/to", field: value}

    with pytest.raises(ValidationError, match=field):
        prepare_batch_data_sync_handler(event, lambda_context)


def test_list_is_stored(lambda_context, load, folder):
    event = {"path": str(folder), "response_path": "s3://bucket/answer/"}

    answer = list_data_paths_handler(event, lambda_context)

    assert answer == {"paths": "s3://bucket/answer/paths.json"}
    assert load(answer["paths"]) == [f"{folder}/", f"{folder}/a", f"{folder}/b"]


def test_response_of_a_scan_is_a_request_to_remove(lambda_context, load, folder):
    event = {
        "path": str(folder),
        "min_depth": 1,
        "with_plan": True,
        "response_path": "s3://bucket/answer",
    }

    found = outdated_data_path_scanner_handler(event, lambda_context)
    answer = remove_data_paths_handler(
        {**found, "response_path": "s3://bucket/removed"}, lambda_context
    )

    assert found == {
        "paths": "s3://bucket/answer/paths.json",
        "plan": "s3://bucket/answer/plan.json",
    }
    assert answer == {
        "size_bytes_removed": 2,
        "paths_removed": "s3://bucket/removed/paths_removed.json",
        "paths_changed": "s3://bucket/removed/paths_changed.json",
    }
    assert load(answer["paths_removed"]) == [f"{folder}/a", f"{folder}/b"]
    assert list(folder.iterdir()) == []


def test_stored_plan_keeps_changed_paths(lambda_context, load, folder):
    event = {
        "path": str(folder),
        "min_depth": 1,
        "with_plan": True,
        "response_path": "s3://bucket/answer",
    }
    found = outdated_data_path_scanner_handler(event, lambda_context)
    (folder / "a").write_text("new")

    answer = remove_data_paths_handler(found, lambda_context)

    assert answer["paths_changed"] == [f"{folder}/a"]
    assert (folder / "a").read_text() == "new"
    assert not (folder / "b").exists()


@pytest.mark.parametrize("document", ['{"paths": []}', "[1]"])
def test_document_that_is_not_a_list_removes_nothing(lambda_context, aws, folder, document):
    location = aws.put("bucket", "paths.json", document)

    with pytest.raises(ValueError, match="expected a"):
        remove_data_paths_handler({"paths": location}, lambda_context)
