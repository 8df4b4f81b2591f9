"""Functions work as several processes of one execution environment.

AWS's runtime client forks as many workers as ``AWS_LAMBDA_MAX_CONCURRENCY`` says, as it does on
Lambda Managed Instances.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync import settings
from functions import running_function
from servers import aws_settings

HANDLERS = "aibs_informatics_aws_lambda.handlers"

# A handler that says which worker ran it, and exits or ends the process if asked to.
PROBE = """
import os, sys, threading
from pathlib import Path
from aibs_informatics_aws_lambda.common import LambdaHandler, PydanticBaseModel

IMPORTED_BY = os.getpid()

class Request(PydanticBaseModel):
    exits: bool = False
    dies: bool = False
    meets: int = 0
    meeting: str = ""

class Response(PydanticBaseModel):
    worker: int
    imported_by: int

class Probe(LambdaHandler[Request, Response]):
    def handle(self, request):
        if request.dies:
            os._exit(1)
        if request.exits:
            sys.exit(3)
        if request.meets:
            folder = Path(request.meeting)
            folder.joinpath(str(os.getpid())).touch()
            while len(list(folder.iterdir())) < request.meets:
                threading.Event().wait(0.01)
        self.metrics.add_count_metric("Calls", 1)
        self.log.info("ran")
        return Response(worker=os.getpid(), imported_by=IMPORTED_BY)

handler = Probe.get_handler()
"""

# Sixteen imports take longer than all other tests of this module.
WORKERS = pytest.mark.parametrize("workers", [4, pytest.param(16, marks=pytest.mark.heavy)])


@pytest.fixture
def start(tmp_path):
    """Start a function with a number of workers."""
    root = tmp_path / "task"
    root.mkdir()
    (root / "probe.py").write_text(PROBE)

    def start_function(workers: object, handler: str = "probe.handler", **environment: str):
        return running_function(
            sys.executable, root, handler, AWS_LAMBDA_MAX_CONCURRENCY=str(workers), **environment
        )

    return start_function


def all_at_once(function, events):
    return [function.wait_for(request) for request in [function.send(event) for event in events]]


def meeting(folder: Path, workers: int) -> list[dict]:
    """Events that are handled only if as many workers handle them at the same time."""
    folder.mkdir()
    return [{"meets": workers, "meeting": str(folder)}] * workers


def documents(log: str) -> list[dict]:
    """Return the JSON documents in a log.

    Workers write a document and the end of its line apart, so that two can be in one line.
    """
    found = []
    for line in log.splitlines():
        rest = line
        while rest.startswith("{"):
            document, end = json.JSONDecoder().raw_decode(rest)
            found.append(document)
            rest = rest[end:]
    return found


@WORKERS
def test_each_worker_imports_the_handler_and_handles_one_event_at_a_time(start, tmp_path, workers):
    with start(workers, POWERTOOLS_METRICS_NAMESPACE="Tests") as function:
        outcomes = all_at_once(function, meeting(tmp_path / "met", workers))

    found = [outcome.body for outcome in outcomes]
    assert len({body["worker"] for body in found}) == workers
    assert all(body["worker"] == body["imported_by"] != function.process.pid for body in found)
    lines = documents(function.log)
    requests = Counter(line["function_request_id"] for line in lines if "message" in line)
    assert set(requests.values()) == {1}
    assert len(requests) == workers
    metrics = [line for line in lines if "_aws" in line]
    assert [line["Calls"] for line in metrics] == [[1.0]] * workers


def test_exit_of_a_handler_is_an_error_and_the_worker_goes_on(start):
    with start(1) as function:
        before = function.invoke({})
        failed = function.invoke({"exits": True})
        after = function.invoke({})

    assert (failed.kind, failed.body["errorType"]) == ("error", "RuntimeError")
    assert "tried to exit the process (SystemExit 3)" in failed.body["errorMessage"]
    assert after.body == before.body


def test_runtime_client_replaces_no_worker_that_has_died(start):
    with start(2) as function:
        function.send({"dies": True})
        first = function.invoke({})
        assert [function.invoke({}).body for _ in range(3)] == [first.body] * 3
        function.send({"dies": True})
        assert function.process.wait(180) == 0, "not even the exit status tells"


def test_runtime_client_reports_a_failed_import_once_for_each_worker(start):
    with start(4, "nowhere.handler") as function:
        assert function.process.wait(180) == 0
        assert [error["errorType"] for error in function.init_errors] == [
            "Runtime.ImportModuleError"
        ] * 4


@WORKERS
def test_workers_sync_at_the_same_time(start, aws, tmp_path, workers):
    aws.make_bucket()
    names = [f"{number:02}" for number in range(20)]
    aws.put_all("bucket", {f"in/{name}": name.encode() * 50_000 for name in names}, age=10)
    events = [
        {
            "source_path": "s3://bucket/in/",
            "destination_path": str(tmp_path / f"out-{number % (workers // 2)}"),
            "require_lock": True,
        }
        for number in range(workers)
    ]

    with start(workers, f"{HANDLERS}.data_sync.data_sync_handler") as function:
        outcomes = all_at_once(function, events)

    assert {outcome.kind for outcome in outcomes} == {"response"}, outcomes
    # Two syncs to each destination: the lock lets the second find it up to date.
    counts = Counter(outcome.body["result"]["files_transferred"] for outcome in outcomes)
    assert counts == {20: workers // 2, 0: workers // 2}
    for number in range(workers // 2):
        folder = tmp_path / f"out-{number}"
        assert sorted(path.name for path in folder.iterdir()) == names
        assert all(path.read_text() == path.name * 50_000 for path in folder.iterdir())


def test_workers_deliver_a_notification_once(start, aws):
    aws.client("dynamodb").create_table(
        TableName="deliveries",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    topic = aws.client("sns").create_topic(Name="alerts")["TopicArn"]
    queue = aws.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    arn = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    aws.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"]
    )
    event = {
        "content": {"subject": "Done", "message": "Done."},
        "targets": [{"topic": topic}],
        "idempotency_key": "run-7",
    }

    handler = f"{HANDLERS}.notifications.notification_router_handler"
    with start(2, handler, IDEMPOTENCY_TABLE="deliveries") as function:
        # One after the other: idle workers take turns.
        outcomes = [function.invoke(event) for _ in range(4)]

    assert {outcome.kind for outcome in outcomes} == {"response"}, outcomes
    found = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    assert len(found["Messages"]) == 1


@pytest.mark.parametrize(
    ("concurrency", "workers"), [("", 1), ("0", 1), ("many", 1), ("1", 1), ("16", 16)]
)
def test_number_of_workers_is_that_of_concurrent_invocations(concurrency, workers):
    assert settings.count_workers(concurrency) == workers


@pytest.mark.parametrize(("workers", "share"), [("4", 6), ("16", 1), ("1600", 1)])
def test_worker_has_its_share_of_transfers_and_connections(run_command, workers, share):
    code = (
        "from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3; "
        "s3 = S3(25); print(s3._connections, s3._most_of_one() <= s3._connections)"
    )

    environment = {**aws_settings("http://127.0.0.1:9"), settings.WORKERS_KEY: workers}
    result = run_command(sys.executable, "-c", code, **environment)

    assert result.stdout.split() == [str(share), "True"], result.stderr
