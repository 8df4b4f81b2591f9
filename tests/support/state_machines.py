"""State machines that run on this machine: handlers as functions or as processes."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from moto_steps import Endings, client_at, patched
from servers import ACCOUNT, REGION
from workflow_states import HANDLERS

__all__ = [
    "BUCKET",
    "SECONDS_QUEUED",
    "VALUES",
    "Execution",
    "Function",
    "FunctionError",
    "Functions",
    "Jobs",
    "StateMachines",
    "ThrottledError",
    "running_state_machines",
]

Function: TypeAlias = Callable[[Any], Any]

SECONDS_QUEUED: Final = 2
"""How long each job says that it has waited in its queue."""
"""Takes an event and returns the response, or raises an exception."""

# The interpreter is in this process: not where the other services are.
_STATES_URL: Final = f"https://states.{REGION}.amazonaws.com"
_ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/states"
_PATIENCE_SECONDS: Final = 120
_POLL_SECONDS: Final = 0.01


BUCKET: Final = "work"

VALUES: Final = {
    "BucketName": BUCKET,
    "HandlerJobDefinitionArn": f"arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/handlers",
    "HandlerJobQueueArn": f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/queue",
    "AccountId": ACCOUNT,
    "DataSyncStateMachineName": "data-sync",
    "Region": REGION,
    "StateMachineName": "workflow",
    "DataSyncStateMachineArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:data-sync",
    **{
        handler.function: f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        for name, handler in HANDLERS.items()
    },
}
"""Values of a deployment for the placeholders."""


class FunctionError(Exception):
    """A function that runs elsewhere has failed; the argument is its error document."""


class ThrottledError(Exception):
    """Lambda does not run the function now."""


class _Server:
    """A server on loopback, whose ``answer`` makes a JSON document of a path and a body."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._request_handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,))

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and document."""
        raise NotImplementedError

    def _request_handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class RequestHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Otherwise each response waits some 45 ms for the client's acknowledgement.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, document = answer(unquote(self.path), json.loads(body or b"{}"))
                content = json.dumps(document).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("X-Amzn-RequestId", str(uuid.uuid4()))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing: the tests' output is theirs."""

        return RequestHandler


class Functions(_Server):
    """Lambda's Invoke: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""

    def __init__(self) -> None:
        super().__init__()
        self._functions: Mapping[str, Function] = {}
        self.events: list[tuple[str, Any]] = []

    def serve(self, functions: Mapping[str, Function]) -> None:
        """Reset the server, and run these functions by their names."""
        self._functions = functions
        self.events = []

    def answer(self, path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        """Run the function that a path names on an event."""
        name = path.split("/")[3].rpartition(":")[2]
        self.events.append((name, body))
        try:
            return 200, {}, self._functions[name](body)
        except ThrottledError:
            name = "TooManyRequestsException"
            return 429, {"X-Amzn-ErrorType": name}, {"message": "Rate Exceeded."}
        except FunctionError as error:
            document = error.args[0]
        except Exception as error:
            document = {"errorType": type(error).__name__, "errorMessage": str(error)}
        return 200, {"X-Amz-Function-Error": "Unhandled"}, document


@dataclass
class Job:
    """A Batch job that runs as a process of this machine."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    status: str = "RUNNING"
    exit_code: int | None = None
    output: str = ""
    created_at: int = field(default_factory=lambda: int(time.time() * 1000))
    stopped_at: int | None = None
    job_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def run(self) -> None:
        """Run it to its end."""
        done = subprocess.run(
            self.command,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        self.exit_code, self.output = done.returncode, done.stdout + done.stderr
        self.stopped_at = int(time.time() * 1000)
        self.status = "FAILED" if done.returncode else "SUCCEEDED"

    def describe(self) -> dict[str, Any]:
        """Return what DescribeJobs tells of it."""
        container = {"logStreamName": f"{self.name}/default/{self.job_id}"}
        if self.exit_code is not None:
            container |= {"exitCode": self.exit_code}  # type: ignore[dict-item]
        times = {
            "createdAt": self.created_at,
            "startedAt": self.created_at + SECONDS_QUEUED * 1000,
        }
        if self.stopped_at is not None:
            times |= {"stoppedAt": times["startedAt"] + self.stopped_at - self.created_at}
        return {
            "jobId": self.job_id,
            "jobName": self.name,
            "jobQueue": "queue",
            "jobDefinition": "definition",
            "attempts": [{"container": container}],
            **times,
            "status": self.status,
            "statusReason": "Essential container in task exited",
            "container": container,
        }


class Jobs(_Server):
    """Batch's SubmitJob and DescribeJobs."""

    def __init__(self) -> None:
        super().__init__()
        self._find_container: Callable[[str], Mapping[str, Any]] = lambda _: {}
        self.jobs: dict[str, Job] = {}

    def serve(self, find_container: Callable[[str], Mapping[str, Any]]) -> None:
        """Reset the server.

        Args:
            find_container: returns the ``containerProperties`` of a job definition.
        """
        self._find_container = find_container
        self.jobs = {}

    def answer(self, path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        """Start a job, or describe jobs."""
        if path.endswith("/submitjob"):
            job = self._start(body)
            return 200, {}, {"jobId": job.job_id, "jobName": job.name}
        found = [self.jobs[job_id].describe() for job_id in body["jobs"]]
        return 200, {}, {"jobs": found}

    def _start(self, body: Mapping[str, Any]) -> Job:
        container = self._find_container(body["jobDefinition"])
        overrides = body.get("containerOverrides", {})
        variables = [*container.get("environment", []), *overrides.get("environment", [])]
        job = Job(
            body["jobName"],
            overrides.get("command") or container["command"],
            {variable["name"]: variable["value"] for variable in variables},
        )
        self.jobs[job.job_id] = job
        threading.Thread(target=job.run, daemon=True).start()
        return job


@dataclass(frozen=True)
class Execution:
    """An execution that has ended.

    Args:
        status: as DescribeExecution tells it.
        output: the JSON document, of one that has succeeded.
        error: the name of the error of one that has failed.
        cause: the message of the error.
        events: the history.
    """

    status: str
    output: Any
    error: str | None
    cause: str | None
    events: list[dict[str, Any]]

    @property
    def states(self) -> list[str]:
        """The names of the states that were entered, in order."""
        details = (event.get("stateEnteredEventDetails") for event in self.events)
        return [detail["name"] for detail in details if detail]


class StateMachines:
    """Creates and runs state machines."""

    def __init__(self) -> None:
        self.client = client_at("stepfunctions", _STATES_URL)
        self.endings = Endings()

    def create(self, name: str, definition: Mapping[str, Any]) -> str:
        """Create a state machine, and return its ARN."""
        made = self.client.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=_ROLE
        )
        arn: str = made["stateMachineArn"]
        return arn

    def run(self, arn: str, request: Any) -> Execution:
        """Run a state machine to its end.

        Raises:
            TimeoutError: it has not ended within two minutes.
        """
        started = self.client.start_execution(
            stateMachineArn=arn, name=str(uuid.uuid4()), input=json.dumps(request)
        )
        end = time.monotonic() + _PATIENCE_SECONDS
        ended = True
        while ended:
            count = self.endings.count
            found = self.client.describe_execution(executionArn=started["executionArn"])
            if found["status"] != "RUNNING":
                return self._ended(found)
            ended = self.endings.wait_for_more_than(count, end - time.monotonic())
        raise TimeoutError(f"{arn} has not ended in {_PATIENCE_SECONDS} seconds")

    def executions(self, arn: str) -> list[Execution]:
        """Return all executions of a state machine, the latest first."""
        listed = self.client.list_executions(stateMachineArn=arn)["executions"]
        return [
            self._ended(self.client.describe_execution(executionArn=one["executionArn"]))
            for one in listed
        ]

    def _ended(self, found: Mapping[str, Any]) -> Execution:
        pages = self.client.get_paginator("get_execution_history").paginate(
            executionArn=found["executionArn"]
        )
        return Execution(
            status=found["status"],
            output=json.loads(found["output"]) if found.get("output") else None,
            error=found.get("error"),
            cause=found.get("cause"),
            events=[event for page in pages for event in page["events"]],
        )


@contextmanager
def running_state_machines(
    s3_url: str, lambda_url: str, batch_url: str
) -> Iterator[StateMachines]:
    """Let state machines run in this process, with services at these URLs."""
    from moto import mock_aws

    urls = {
        "batch": batch_url,
        "lambda": lambda_url,
        "s3": s3_url,
        "stepfunctions": _STATES_URL,
    }
    config: Any = {
        "core": {"mock_credentials": False},
        "stepfunctions": {"execute_state_machine": True},
    }
    with mock_aws(config=config):
        machines = StateMachines()
        # What is to be patched has been imported with the first of them.
        machines.client.list_state_machines()
        with patched(lambda service: client_at(service, urls[service]), machines.endings):
            yield machines
