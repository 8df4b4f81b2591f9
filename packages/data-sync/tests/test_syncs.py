from __future__ import annotations

import gc
import json
import logging
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.cli.run import run
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.data_sync import (
    batch_data_sync_handler,
    data_sync_handler,
)
from aibs_informatics_aws_lambda.handlers.data_sync.operations import BatchDataSyncHandler
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.sync import deadline as clocks
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import BatchDataSyncRequest

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


def test_response_has_the_request_with_defaults_and_the_counts(
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


def test_max_concurrency_of_zero_is_refused_before_any_transfer(
    aws, tmp_path: Path, lambda_context
):
    with pytest.raises(ValidationError, match="max_concurrency"):
        data_sync_handler({**entry(tmp_path, "a"), "max_concurrency": 0}, lambda_context)
    assert aws.keys("bucket") == []


def test_batch_sums_up_its_counts(aws, tmp_path: Path, lambda_context):
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
def test_stored_document_that_is_not_a_list_of_syncs_is_refused(aws, document, lambda_context):
    uri = aws.put("bucket", "requests.json", document)
    with pytest.raises(ValidationError):
        batch_data_sync_handler({"requests": uri}, lambda_context)


def test_one_invalid_sync_stops_the_batch_before_it_starts(aws, tmp_path: Path, lambda_context):
    with pytest.raises(ValidationError):
        batch_data_sync_handler(
            {"requests": [entry(tmp_path, "a"), {"source_path": "x"}]}, lambda_context
        )
    assert aws.keys("bucket") == []


def test_first_failure_stops_the_batch(aws, tmp_path: Path, lambda_context):
    missing = {"source_path": str(tmp_path / "nope"), "destination_path": "s3://bucket/"}
    requests = [entry(tmp_path, "a"), missing, entry(tmp_path, "b")]
    with pytest.raises(FileNotFoundError, match="nope"):
        batch_data_sync_handler({"requests": requests}, lambda_context)
    assert aws.keys("bucket") == ["a"]


def test_batch_continues_with_allow_partial_failure(aws, tmp_path: Path, lambda_context):
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
    caplog.set_level(logging.DEBUG, logger="aibs_informatics_aws_lambda")
    request = {"source_path": str(tmp_path / "a"), "destination_path": "s3://bucket/"}
    data_sync_handler(request, lambda_context)
    assert "secret" not in caplog.text


class TestDeadline:
    """A batch that reaches its deadline."""

    def request(self, folder: Path, **fields: object) -> dict[str, object]:
        entries = [entry(folder, name, f"s3://bucket/{name}") for name in "abc"]
        return {"requests": entries, **fields}

    def test_batch_resumes_from_its_continuation(
        self, aws, tmp_path: Path, lambda_context, monkeypatch
    ):
        # Each sync takes five seconds, however often the engine looks at the clock in it.
        now, sync_really = 0.0, Engine.sync

        def sync(*arguments):
            nonlocal now
            response = sync_really(*arguments)
            now += 5
            return response

        monkeypatch.setattr(clocks, "monotonic", lambda: now)
        monkeypatch.setattr(Engine, "sync", sync)
        request = self.request(tmp_path, deadline=9)
        answers = [batch_data_sync_handler(request, lambda_context)]
        while answers[-1].get("incomplete"):
            assert len(answers) < 10
            state = answers[-1]["continuation"]
            answers.append(
                batch_data_sync_handler({**request, "continuation": state}, lambda_context)
            )
        assert len(answers) == 2
        assert aws.keys("bucket") == ["a", "b", "c"]
        last = answers[-1]
        assert "continuation" not in last
        assert last["result"]["files_transferred"] == 3
        assert last["result"]["total_requests_count"] == 3
        assert last["result"]["successful_requests_count"] == 3
        assert last["failed_requests"] == []

    def test_failures_of_earlier_calls_are_kept(self, aws, tmp_path: Path, lambda_context):
        request = self.request(tmp_path, allow_partial_failure=True)
        (tmp_path / "b").unlink()
        state = {
            "requests_done": 2,
            "result": {"total_requests_count": 3, "successful_requests_count": 1,
                       "failed_requests_count": 1, "files_transferred": 1},
            "failed_requests": [1],
        }  # fmt: skip
        answer = batch_data_sync_handler({**request, "continuation": state}, lambda_context)
        assert aws.keys("bucket") == ["c"]
        assert answer["result"]["files_transferred"] == 2
        assert answer["result"]["successful_requests_count"] == 2
        assert [failed["source_path"] for failed in answer["failed_requests"]] == [
            str(tmp_path / "b")
        ]

    def test_batch_without_time_is_an_error(self, aws, tmp_path: Path, lambda_context):
        with pytest.raises(TimeoutError, match="allow more time"):
            batch_data_sync_handler(self.request(tmp_path, deadline=0), lambda_context)
        assert aws.keys("bucket") == []

    def test_auto_deadline_is_that_of_the_context(self, tmp_path: Path, lambda_context):
        lambda_context.get_remaining_time_in_millis = lambda: 1
        request = {**entry(tmp_path, "a"), "deadline": "auto"}
        with pytest.raises(TimeoutError):
            data_sync_handler(request, lambda_context)


def test_warm_function_keeps_no_client_of_the_syncs_before(s3, tmp_path: Path, lambda_context):
    s3.put("bucket", "src/a", b"x")

    def clients() -> int:
        gc.collect()
        return sum(isinstance(found, S3) for found in gc.get_objects())

    before = clients()
    for number in range(3):
        event = {
            "source_path": "s3://bucket/src/",
            "destination_path": str(tmp_path / str(number)),
        }
        data_sync_handler(event, lambda_context)

    # Each has threads and sockets, of which a function may have 1,024.
    assert clients() <= before


def test_command_line_parses_a_batch_once(monkeypatch):
    parsed = []
    from_dict = BatchDataSyncRequest.from_dict

    def parse(data, **options):
        parsed.append(data)
        return from_dict(data, **options)

    monkeypatch.setattr(BatchDataSyncRequest, "from_dict", parse)
    status = run(["--handler", "batch-data-sync", "--payload", '{"requests": []}'])

    assert (status, parsed) == (0, [{"requests": []}])
