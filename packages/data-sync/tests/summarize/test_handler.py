from __future__ import annotations

import json
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError
from aibs_informatics_aws_lambda.handlers.data_sync import (
    batch_data_sync_handler,
    summarize_batch_data_sync_handler,
)

SYNC = {"source_path": "s3://bucket/a", "destination_path": "s3://bucket/b"}


@pytest.fixture
def summarize(lambda_context):
    def run(**event: Any) -> dict[str, Any]:
        return summarize_batch_data_sync_handler(event, lambda_context)

    return run


@pytest.fixture
def map_run(aws):
    """Write the results of a Map Run as Step Functions does; return the URI of its manifest."""
    aws.make_bucket()

    def write(prefix: str = "results/run-1", **children: list[dict[str, Any]]) -> str:
        files: dict[str, list[dict[str, Any]]] = {"SUCCEEDED": [], "FAILED": [], "PENDING": []}
        for status, entries in children.items():
            # Large results come in several files.
            for number, some in enumerate((entries[:1], entries[1:])):
                key = f"{prefix}/{status}_{number}.json"
                aws.put("bucket", key, json.dumps(some))
                files[status].append({"Key": key, "Size": 1})
        manifest = {"DestinationBucket": "bucket", "MapRunArn": "arn", "ResultFiles": files}
        return aws.put("bucket", f"{prefix}/manifest.json", json.dumps(manifest))

    return write


def batch(requests: Any) -> str:
    return json.dumps({"requests": requests, "allow_partial_failure": False})


def done(files: int, failed: int = 0) -> dict[str, Any]:
    counts = {"files_transferred": files, "bytes_transferred": 10 * files}
    requests = {
        "total_requests_count": 3,
        "successful_requests_count": 3 - failed,
        "failed_requests_count": failed,
    }
    return {"result": counts | requests, "failed_requests": [SYNC] * failed}


def succeeded(answer: dict[str, Any]) -> dict[str, Any]:
    return {"Status": "SUCCEEDED", "Input": batch([SYNC]), "Output": json.dumps(answer)}


def failed(requests: Any, error: str, cause: str) -> dict[str, Any]:
    return {"Status": "FAILED", "Input": batch(requests), "Error": error, "Cause": cause}


def test_responses_are_summed_up(summarize):
    answer = summarize(responses=[done(5), done(7, failed=1)])

    assert (
        answer["result"] | {"files_transferred": 12, "bytes_transferred": 120}
        == (answer["result"])
    )
    assert answer["result"]["total_requests_count"] == 6
    assert answer["result"]["failed_requests_count"] == 1
    assert (answer["total_batches_count"], answer["failed_batches_count"]) == (2, 0)
    assert [sync["source_path"] for sync in answer["failed_requests"]] == ["s3://bucket/a"]
    assert "error" not in answer


def test_no_batches_sum_up_to_zero(summarize):
    answer = summarize()

    assert answer["total_batches_count"] == 0
    assert set(answer["result"].values()) == {0}


def test_results_of_a_map_run_are_summed_up(summarize, map_run):
    manifest = map_run(SUCCEEDED=[succeeded(done(5)), succeeded(done(7))])

    by_manifest = summarize(results_path=manifest)

    assert by_manifest["result"]["files_transferred"] == 12
    assert by_manifest["total_batches_count"] == 2
    assert summarize(results_path="s3://bucket/results") == by_manifest


def test_failed_batch_has_its_error_and_its_requests(summarize, map_run, aws):
    location = aws.put("bucket", "payload/request_1.json", json.dumps([SYNC, SYNC]))
    cause = json.dumps({"errorType": "OSError", "errorMessage": "disk full", "stackTrace": []})
    manifest = map_run(SUCCEEDED=[succeeded(done(5))], FAILED=[failed(location, "OSError", cause)])

    answer = summarize(results_path=manifest, response_path="s3://bucket/summary")

    assert answer["failed_batches"] == [
        {"requests": location, "error": "OSError", "cause": "disk full"}
    ]
    assert answer["result"]["failed_requests_count"] == 2
    assert answer["result"]["total_requests_count"] == 5
    assert answer["error"] == "OSError"
    assert answer["cause"] == (
        "1 of 2 batches failed. Retry the requests in "
        "s3://bucket/summary/failed_requests.json with "
        f"BatchDataSync. The first ({location}): disk full"
    )


def test_stored_failed_requests_can_be_retried(summarize, map_run, aws, lambda_context):
    aws.put("bucket", "a/file", "content")
    manifest = map_run(FAILED=[failed([SYNC | {"delete": False}], "OSError", "disk full")])

    answer = summarize(results_path=manifest, response_path="s3://bucket/summary")
    batch_data_sync_handler({"requests": answer["failed_requests_path"]}, lambda_context)

    assert aws.get("bucket", "b/file") == b"content"


def test_batches_that_were_not_started_count_as_failed(summarize, map_run):
    manifest = map_run(
        FAILED=[failed([SYNC], "OSError", "disk full")],
        PENDING=[{"Status": "PENDING", "Input": batch([SYNC, SYNC])}],
    )

    answer = summarize(results_path=manifest)

    assert [one["error"] for one in answer["failed_batches"]] == ["OSError", "NotStarted"]
    assert answer["result"]["failed_requests_count"] == 3


def test_timed_out_child_has_its_status_as_error(summarize, map_run):
    manifest = map_run(FAILED=[{"Status": "TIMED_OUT", "Input": batch([SYNC])}])

    assert summarize(results_path=manifest)["error"] == "TIMED_OUT"


@pytest.mark.parametrize("document", ["{}", '[{"source_path": 1}]', None])
def test_failed_batch_with_unreadable_requests_is_listed(summarize, map_run, aws, document):
    location = "s3://bucket/payload/request_1.json"
    manifest = map_run(FAILED=[failed(location, "ValidationError", "no list")])
    if document is not None:
        aws.put("bucket", "payload/request_1.json", document)

    answer = summarize(results_path=manifest, response_path="s3://bucket/summary")

    assert answer["failed_batches"] == [
        {"requests": location, "error": "ValidationError", "cause": "no list"}
    ]
    assert answer["failed_requests"] == []
    assert "failed_requests_path" not in answer


def test_missing_input_is_not_an_error(summarize, map_run):
    left_out = {"Input": "", "InputDetails": {"Included": False}}
    manifest = map_run(FAILED=[{"Status": "FAILED", "Error": "E", "Cause": "c", **left_out}])

    assert summarize(results_path=manifest)["failed_batches"] == [{"error": "E", "cause": "c"}]


def test_cause_of_a_failed_job_has_its_reason_and_log_stream(summarize, map_run):
    job = {
        "JobId": "1234",
        "StatusReason": "Essential container in task exited",
        "Container": {"ExitCode": 1, "LogStreamName": "handlers/default/5678"},
    }
    manifest = map_run(FAILED=[failed([SYNC], "States.TaskFailed", json.dumps(job))])

    assert summarize(results_path=manifest)["failed_batches"][0]["cause"] == (
        "Essential container in task exited; job 1234; log stream handlers/default/5678; "
        "exit code 1"
    )


def test_response_fits_into_a_state_however_many_batches_fail(summarize, map_run):
    longest = f"s3://bucket/{'k' * 1024}"
    sync = {"source_path": longest, "destination_path": longest}
    one = failed([sync], "States.TaskFailed", "c" * 32_768)
    manifest = map_run(FAILED=[one] * 60)

    answer = summarize(results_path=manifest, response_path="s3://bucket/summary")

    assert answer["failed_batches_count"] == 60
    assert len(answer["failed_batches"]) == len(answer["failed_requests"]) == 20
    assert len(json.dumps(answer)) < 256 * 1024 / 2


def test_missing_manifest_error_names_the_location(summarize, aws):
    aws.make_bucket()

    with pytest.raises(ResourceNotFoundError, match="s3://bucket/results/"):
        summarize(results_path="s3://bucket/results")


def test_two_manifests_are_refused(summarize, map_run):
    map_run("results/run-1", SUCCEEDED=[])
    map_run("results/run-2", SUCCEEDED=[])

    with pytest.raises(ValidationError, match="several Map Runs"):
        summarize(results_path="s3://bucket/results")


def test_other_documents_are_refused(summarize, aws):
    aws.make_bucket()
    location = aws.put("bucket", "results/manifest.json", "{}")

    with pytest.raises(ValidationError, match="no ResultFiles"):
        summarize(results_path=location)


FINAL = {"final_batch": {"requests": [SYNC], "allow_partial_failure": False}}


@pytest.mark.parametrize("failed", [0, 1])
def test_final_batch_has_failed_if_another_sync_has(summarize, map_run, failed):
    map_run(SUCCEEDED=[succeeded(done(3, failed=failed))])
    answer = summarize(results_path="s3://bucket/results/", prepared=FINAL)
    assert answer["failed_batches_count"] == failed
    assert len(answer["failed_requests"]) == 2 * failed
    assert ("entry files" in answer.get("cause", "")) is bool(failed)


def test_preparation_without_a_final_batch_changes_nothing(summarize, map_run):
    map_run(SUCCEEDED=[succeeded(done(3, failed=1))])
    answer = summarize(results_path="s3://bucket/results/", prepared={"requests": "s3://b/k"})
    assert answer["failed_batches_count"] == 0
