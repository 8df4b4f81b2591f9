from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.data_sync import (
    batch_data_sync_handler,
    data_sync_handler,
)
from aibs_informatics_aws_lambda.handlers.data_sync.operations import BatchDataSyncHandler

SYNCED = {
    "bytes_transferred": 1,
    "files_transferred": 1,
    "files_unchanged": 0,
    "bytes_unchanged": 0,
    "files_deleted": 0,
    "bytes_deleted": 0,
    "files_removed": 0,
}


@pytest.fixture(autouse=True)
def bucket(aws) -> str:
    return aws.make_bucket()


def entry(folder: Path, name: str, destination: str = "s3://bucket/") -> dict[str, str]:
    (folder / name).write_text("x")
    return {"source_path": str(folder / name), "destination_path": destination}


def test_answer_is_the_request_with_defaults_and_what_was_done(
    aws, tmp_path: Path, lambda_context
):
    request = entry(tmp_path, "a")
    assert data_sync_handler(request, lambda_context) == {
        "request": {
            **request,
            "max_concurrency": 25,
            "retain_source_data": True,
            "delete": True,
            "require_lock": False,
            "force": False,
            "size_only": False,
            "fail_if_missing": True,
            "include_detailed_response": False,
            "remote_to_local_config": {"use_custom_tmp_dir": False},
        },
        "result": SYNCED,
    }
    assert aws.keys("bucket") == ["a"]


def test_no_transfers_at_a_time_are_refused_before_anything_moves(
    aws, tmp_path: Path, lambda_context
):
    with pytest.raises(ValidationError, match="max_concurrency"):
        data_sync_handler({**entry(tmp_path, "a"), "max_concurrency": 0}, lambda_context)
    assert aws.keys("bucket") == []


def test_batch_sums_up(aws, tmp_path: Path, lambda_context):
    requests = [entry(tmp_path, name) for name in "ab"]
    answer = batch_data_sync_handler({"requests": requests}, lambda_context)
    assert answer == {
        "result": {
            **SYNCED,
            "bytes_transferred": 2,
            "files_transferred": 2,
            "total_requests_count": 2,
            "successful_requests_count": 2,
            "failed_requests_count": 0,
        },
        "failed_requests": [],
    }


def test_empty_batch_does_nothing(lambda_context):
    answer = batch_data_sync_handler({"requests": []}, lambda_context)
    assert set(answer["result"].values()) == {0}


def test_batch_can_be_stored(aws, tmp_path: Path, lambda_context):
    uri = aws.put("bucket", "requests.json", json.dumps([entry(tmp_path, "a")]))
    answer = batch_data_sync_handler({"requests": uri}, lambda_context)
    assert answer["result"]["successful_requests_count"] == 1


@pytest.mark.parametrize("document", ['{"a": 1}', '[{"source_path": "x"}]'])
def test_stored_document_that_is_no_list_of_syncs_is_refused(aws, document, lambda_context):
    uri = aws.put("bucket", "requests.json", document)
    with pytest.raises(ValidationError):
        batch_data_sync_handler({"requests": uri}, lambda_context)


def test_one_invalid_sync_stops_the_batch_before_it_starts(aws, tmp_path: Path, lambda_context):
    with pytest.raises(ValidationError):
        batch_data_sync_handler(
            {"requests": [entry(tmp_path, "a"), {"source_path": "x"}]}, lambda_context
        )
    assert aws.keys("bucket") == []


def test_first_failure_ends_the_batch(aws, tmp_path: Path, lambda_context):
    missing = {"source_path": str(tmp_path / "nope"), "destination_path": "s3://bucket/"}
    requests = [entry(tmp_path, "a"), missing, entry(tmp_path, "b")]
    with pytest.raises(FileNotFoundError, match="nope"):
        batch_data_sync_handler({"requests": requests}, lambda_context)
    assert aws.keys("bucket") == ["a"]


def test_failures_can_be_allowed(aws, tmp_path: Path, lambda_context):
    missing = {"source_path": str(tmp_path / "nope"), "destination_path": "s3://bucket/"}
    requests = [entry(tmp_path, "a"), missing, entry(tmp_path, "b")]
    answer = batch_data_sync_handler(
        {"requests": requests, "allow_partial_failure": True}, lambda_context
    )
    assert answer["result"]["failed_requests_count"] == 1
    assert answer["result"]["successful_requests_count"] == 2
    assert answer["failed_requests"][0]["source_path"] == missing["source_path"]
    assert BatchDataSyncHandler.partly_failed(answer)
    assert aws.keys("bucket") == ["a", "b"]


def test_single_sync_is_a_batch_of_one(aws, tmp_path: Path, lambda_context):
    missing = {"source_path": str(tmp_path / "nope"), "destination_path": "s3://bucket/"}
    answer = batch_data_sync_handler({**missing, "allowPartialFailure": True}, lambda_context)
    assert answer["result"]["failed_requests_count"] == 1


def test_content_of_files_is_never_logged(
    tmp_path: Path, lambda_context, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "a").write_text("secret")
    caplog.set_level(logging.DEBUG)
    request = {"source_path": str(tmp_path / "a"), "destination_path": "s3://bucket/"}
    data_sync_handler(request, lambda_context)
    assert "secret" not in caplog.text
