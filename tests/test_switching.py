"""A state machine may switch between version 1.1.0 and this one between two handlers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import jmespath
import pytest
from aibs_informatics_aws_lambda.common.cli.compatibility import find_differences
from old_version import old_environment

SUPPORT = Path(__file__).parent / "support"
CASES = {
    case["case"]: case
    for case in json.loads(
        (Path(__file__).parent / "recorded" / "responses-1.1.0.json").read_text()
    )
}
"""Requests and responses of version 1.1.0, with ``${NAME}`` where a path or an ID stood."""


def filled(case: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a case with values for its names."""
    text = json.dumps(case)
    for name, value in names.items():
        text = text.replace(f"${{{name}}}", value)
    result: dict[str, Any] = json.loads(text)
    return result


VALUES = {
    "TMP": "/tmp/case",
    "FS": "fs-12345678",
    "FS2": "fs-87654321",
    "ROLE": "arn:aws:iam::123456789012:role/role",
    **{f"AP_{name}": f"fsap-1234567{i}" for i, name in enumerate(("SCRATCH", "SHARED", "TMP"))},
}
RECORDED = {name: filled(case, VALUES) for name, case in CASES.items()}
REJECTED = {
    "demand/execution-id-dot": "the working folder would be that of all executions",
    "notifications/target-of-unknown-shape-is-rejected": "the message would be sent to nobody",
}
"""Requests that version 1.1.0 accepts and this version rejects, with the reason."""
ACCEPTED = [case for case in RECORDED if case not in REJECTED]
REFUSED = {"data_sync/s3-to-local-key-escapes-destination"}
"""Syncs of version 1.1.0 that wrote files outside of the destination."""
LIVE = [case for case in ACCEPTED if "setup" in CASES[case] and case not in REFUSED]
PREPARED = [
    case
    for case in LIVE
    if CASES[case]["handler"].endswith("PrepareBatchDataSyncHandler")
    # There, version 1.1.0 joins names without a slash.
    and case != "data_sync/prepare-s3-destination-without-slash"
]

PREPARE = "data_sync.operations.PrepareBatchDataSyncHandler"
BATCH = "data_sync.operations.BatchDataSyncHandler"
SYNC = "data_sync.operations.DataSyncHandler"
GET_JSON = "data_sync.operations.GetJSONFromFileHandler"
PUT_JSON = "data_sync.operations.PutJSONToFileHandler"
STATS = "data_sync.file_system.GetDataPathStatsHandler"
LIST = "data_sync.file_system.ListDataPathsHandler"
SCAN = "data_sync.file_system.OutdatedDataPathScannerHandler"
REMOVE = "data_sync.file_system.RemoveDataPathsHandler"
CREATE = "batch.create.CreateDefinitionAndPrepareArgsHandler"
SCAFFOLD = "demand.scaffolding.PrepareDemandScaffoldingHandler"
REPLICATE = "ecr.replicate_image.ImageReplicatorHandler"
NOTIFY = "notifications.router.NotificationRouter"
# AWS takes their responses, or a person.
LAST = {CREATE, REMOVE, NOTIFY}


def next_requests(recorded: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the handlers that come next, each with its request made of a response."""
    event, response = recorded["event"], recorded["response"]
    match recorded["handler"]:
        case "data_sync.operations.DataSyncHandler":
            yield SYNC, response["request"]
        case "data_sync.operations.PrepareBatchDataSyncHandler":
            yield from ((BATCH, request) for request in response["requests"])
        case "data_sync.operations.BatchDataSyncHandler":
            failed = response.get("failed_requests", [])
            yield BATCH, {"requests": failed}
            yield from ((SYNC, request) for request in failed)
        case "data_sync.operations.GetJSONFromFileHandler":
            yield PUT_JSON, {"content": response["content"]}
        case "data_sync.operations.PutJSONToFileHandler":
            yield GET_JSON, response
        case "data_sync.file_system.GetDataPathStatsHandler":
            yield STATS, response
        case "data_sync.file_system.ListDataPathsHandler":
            yield REMOVE, response
            yield from ((STATS, {"path": path}) for path in response["paths"])
        case "data_sync.file_system.OutdatedDataPathScannerHandler":
            yield REMOVE, response
        case "ecr.replicate_image.ImageReplicatorHandler":
            target = event.get("destination_repository") or event["destinationRepository"]
            image = response["destination_image"]
            yield REPLICATE, {"source_image": image, "destination_repository": target}
        case "demand.scaffolding.PrepareDemandScaffoldingHandler":
            setup, cleanup = response["setup_configs"], response["cleanup_configs"]
            yield SCAFFOLD, {"demand_execution": response["demand_execution"]}
            yield CREATE, setup["batch_create_request"]
            for sync in (*setup["data_sync_requests"], *cleanup["data_sync_requests"]):
                yield from ((handler, sync) for handler in (PREPARE, BATCH, SYNC))
            for removal in cleanup["remove_data_paths_requests"]:
                yield REMOVE, removal


def handler_class(name: str) -> Any:
    module, _, class_name = f"aibs_informatics_aws_lambda.handlers.{name}".rpartition(".")
    return getattr(import_module(module), class_name)


def holds(found: Any, expected: Any) -> bool:
    """Return whether all fields that are expected are there; there may be more."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(name in found and holds(found[name], expected[name]) for name in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(holds, found, expected))
    return bool(found == expected)


def test_the_record_has_responses_of_all_handlers():
    handlers = {recorded["handler"] for recorded in RECORDED.values()}

    assert len(RECORDED) > 100
    assert handlers == {
        *(PREPARE, BATCH, SYNC, GET_JSON, PUT_JSON, STATS, LIST, SCAN, REMOVE),
        *(CREATE, SCAFFOLD, REPLICATE, NOTIFY),
    }
    for recorded in RECORDED.values():
        assert recorded["handler"] in LAST or list(next_requests(recorded)), recorded["case"]


@pytest.mark.parametrize("case", REJECTED)
def test_a_request_that_cannot_be_meant_is_rejected(case):
    recorded = RECORDED[case]

    with pytest.raises(ValueError, match="not a"):
        handler_class(recorded["handler"]).deserialize_request(recorded["event"])


@pytest.mark.parametrize("case", ACCEPTED)
def test_next_handlers_accept_the_requests_in_a_response_of_1_1_0(case):
    for name, request in next_requests(RECORDED[case]):
        handler_class(name).get_request_cls().from_dict(request)


@pytest.mark.parametrize("case", ACCEPTED)
def test_all_fields_of_a_response_of_1_1_0_are_kept(case):
    recorded = RECORDED[case]
    model = handler_class(recorded["handler"]).get_response_cls()

    assert holds(model.from_dict(recorded["response"]).to_dict(), recorded["response"])


@pytest.mark.parametrize("case", ACCEPTED)
def test_the_compatibility_check_finds_nothing_in_requests_of_1_1_0(case):
    recorded = RECORDED[case]
    cls, event = handler_class(recorded["handler"]), recorded["event"]
    # One event is the location of a request.
    event = event if isinstance(event, dict) else {"path": event}
    request = cls.get_request_cls().from_dict(event)

    differences = [
        difference
        for difference in find_differences(cls, request, event)
        # Version 1.1.0 sends them to nobody, with success.
        if "email to nobody" not in difference.effect
    ]

    assert differences == []


@pytest.fixture
def arrange(aws, tmp_path, monkeypatch) -> Callable[[str], dict[str, Any]]:
    """Make the files, objects and resources of a case; return the case with their names."""

    def make(case: str) -> dict[str, Any]:
        shutil.rmtree(tmp_path)
        names = {"TMP": str(tmp_path)}
        setup = filled(CASES[case], names)["setup"]
        for folder in (tmp_path, *setup.get("dirs", ())):
            Path(folder).mkdir(parents=True, exist_ok=True)
        for name, content in setup.get("files", {}).items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(content_of(content))
            if isinstance(content, dict) and "mtime" in content:
                os.utime(name, (content["mtime"], content["mtime"]))
        for bucket in {"data", "other", *setup.get("s3", ())}:
            make_empty(aws, bucket)
            for key, content in setup.get("s3", {}).get(bucket, {}).items():
                aws.put(bucket, key, content_of(content))
        for call in setup.get("boto", ()):
            call = filled(call, names)
            result = getattr(aws.client(call["client"]), call["call"])(**call["kwargs"])
            if "as" in call:
                names[call["as"]] = jmespath.search(call["pick"], result)
        made = filled(CASES[case], names)
        for name, value in {"AWS_LAMBDA_FUNCTION_NAME": "case", **made.get("env", {})}.items():
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
        return made

    return make


def make_empty(aws, bucket: str) -> None:
    for key in keys(aws, bucket):
        aws.client("s3").delete_object(Bucket=bucket, Key=key)
    if not exists(aws, bucket):
        aws.make_bucket(bucket)


def exists(aws, bucket: str) -> bool:
    return bucket in {found["Name"] for found in aws.client("s3").list_buckets()["Buckets"]}


def keys(aws, bucket: str) -> list[str]:
    return aws.keys(bucket) if exists(aws, bucket) else []


def content_of(content: Any) -> bytes:
    if isinstance(content, str):
        return content.encode()
    if "text" in content:
        return content_of(content["text"])
    size: int = content["size"]
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


def after(aws, folder: Path) -> dict[str, bytes]:
    """Return all files and objects, but not the stored requests."""
    files = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    objects = {
        f"{bucket}/{key}": aws.get(bucket, key)
        for bucket in ("data", "other")
        for key in keys(aws, bucket)
        if not key.startswith("tmp/")
    }
    return files | objects


@pytest.mark.parametrize("case", PREPARED)
def test_batches_that_1_1_0_prepared_are_synced_as_ours(
    case, arrange, aws, tmp_path, lambda_context
):
    prepare, sync = (handler_class(name).get_handler() for name in (PREPARE, BATCH))

    placed = arrange(case)
    before = after(aws, tmp_path)
    for request in prepare(placed["event"], lambda_context)["requests"]:
        sync(request, lambda_context)
    expected = after(aws, tmp_path)

    arrange(case)
    for bucket, objects in placed.get("written", {}).items():
        for key, text in objects.items():
            aws.put(bucket, key, text)
    for request in placed["response"]["requests"]:
        sync(request, lambda_context)

    assert after(aws, tmp_path) == expected
    assert expected != before


@pytest.mark.parametrize("case", LIVE)
def test_requests_in_our_responses_mean_the_same_to_1_1_0(case, arrange, lambda_context):
    made = arrange(case)
    response = handler_class(made["handler"]).get_handler()(made["event"], lambda_context)

    for name, request in next_requests({**made, "response": response}):
        cls = handler_class(name)
        assert find_differences(cls, cls.deserialize_request(request), request) == []


class Worker:
    """A process that runs handlers, of version 1.1.0 or of ours."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, str(SUPPORT / "handler_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "POWERTOOLS_METRICS_NAMESPACE": "worker"},
        )

    def __call__(self, do: str, handler: str, event: Any) -> Any:
        """Run a handler, or read its request; return the response, or the request."""
        assert self._process.stdin
        assert self._process.stdout
        job = {"do": do, "handler": handler, "event": event}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        outcome = json.loads(self._process.stdout.readline())
        assert "error" not in outcome, f"{handler}: {outcome['error']}"
        return outcome["response"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@pytest.fixture(scope="session")
def workers() -> Iterator[list[Worker]]:
    """Workers that end with the tests."""
    started: list[Worker] = []
    yield started
    for worker in started:
        worker.close()


@pytest.fixture
def old(aws, shared_folder, workers) -> Worker:
    """Version 1.1.0, from the index, with the local AWS."""
    if not workers:
        workers.append(Worker(old_environment(shared_folder)))
    return workers[0]


@pytest.mark.heavy
@pytest.mark.parametrize("case", LIVE)
def test_1_1_0_accepts_the_requests_in_our_responses(case, arrange, lambda_context, old):
    made = arrange(case)
    response = handler_class(made["handler"]).get_handler()(made["event"], lambda_context)

    for name, request in next_requests({**made, "response": response}):
        ours = handler_class(name).get_request_cls().from_dict(request).to_dict()
        assert holds(plain(ours), plain(old("read", name, request)))


def plain(value: Any) -> Any:
    """Return a value whose paths have no slash at their end, which makes no difference."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.rstrip("/") if isinstance(value, str) else value


@pytest.mark.heavy
@pytest.mark.parametrize("case", PREPARED)
def test_batches_are_prepared_by_one_version_and_synced_by_the_other(
    case, arrange, aws, tmp_path, lambda_context, old
):
    def ours(do: str, handler: str, event: Any) -> Any:
        return handler_class(handler).get_handler()(event, lambda_context)

    results = {}
    for name, prepare, sync in (("ours", ours, ours), ("to", old, ours), ("back", ours, old)):
        placed = arrange(case)
        for request in prepare("run", PREPARE, placed["event"])["requests"]:
            sync("run", BATCH, request)
        results[name] = after(aws, tmp_path)

    assert results["to"] == results["ours"]
    assert results["back"] == results["ours"]


@pytest.mark.heavy
@pytest.mark.parametrize("case", PREPARED)
def test_the_recorded_batches_are_those_of_1_1_0(case, arrange, old):
    placed = arrange(case)

    assert old("run", PREPARE, placed["event"]) == placed["response"]
