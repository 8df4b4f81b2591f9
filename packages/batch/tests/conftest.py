"""A job to prepare, and AWS as these handlers meet it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.aws import get_client
from aibs_informatics_aws_lambda.handlers.batch import registration
from aibs_informatics_aws_lambda.handlers.batch.create import CreateDefinitionAndPrepareArgsHandler
from botocore.stub import Stubber

VOLUME = {
    "name": "scratch-8155b1d3",
    "efsVolumeConfiguration": {
        "fileSystemId": "fs-12345678",
        "rootDirectory": "/",
        "transitEncryption": "ENABLED",
        "authorizationConfig": {"accessPointId": "fsap-12345678", "iam": "DISABLED"},
    },
}
MOUNT_POINT = {
    "containerPath": "/opt/efs/scratch",
    "readOnly": False,
    "sourceVolume": "scratch-8155b1d3",
}


@pytest.fixture
def event() -> dict[str, Any]:
    """A request with everything that the definition of a usual job has."""
    return {
        "image": "quay.io/biocontainers/samtools:1.17",
        "job_definition_name": "align",
        "job_queue_name": "on-demand",
        "job_name": "align-1",
        "command": ["samtools", "sort"],
        "environment": {"SAMPLE": "a"},
        "job_definition_tags": {"USER": "marmot"},
        "job_role_arn": "arn:aws:iam::123456789012:role/job",
        "mount_points": [MOUNT_POINT],
        "volumes": [VOLUME],
        "resource_requirements": {"MEMORY": 2048, "VCPU": 2},
    }


@pytest.fixture
def env_base(monkeypatch) -> str:
    monkeypatch.setenv("ENV_BASE", "dev-alice")
    return "dev-alice"


@pytest.fixture
def no_spread(monkeypatch) -> None:
    """Let callers register at once, and again at once after a conflict."""
    monkeypatch.setattr(registration, "_SPREAD_SECONDS", 0)


@pytest.fixture
def create(env_base, no_spread, lambda_context):
    """The handler that prepares jobs, as Lambda calls it."""
    handler = CreateDefinitionAndPrepareArgsHandler.get_handler()
    return lambda event, **changes: handler({**event, **changes}, lambda_context)


@pytest.fixture
def revisions(aws):
    """Return the active revisions of a job definition in moto, by number."""

    def list_revisions(name: str = "align") -> dict[int, Any]:
        found = aws.client("batch").describe_job_definitions(
            jobDefinitionName=name, status="ACTIVE"
        )
        return {each["revision"]: each for each in found["jobDefinitions"]}

    return list_revisions


@pytest.fixture
def batch(monkeypatch):
    """Answers of AWS Batch, given one by one; a call that has none left fails."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with Stubber(get_client("batch")) as responses:
        yield responses
        responses.assert_no_pending_responses()


@pytest.fixture
def recorded(monkeypatch, start_recorded):
    """Let AWS Batch reply to a path with a recorded response, and to others with an error."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")

    def response(path: str, file: str) -> None:
        body = (Path(__file__).parent / "recorded" / file).read_bytes()
        monkeypatch.setenv("AWS_ENDPOINT_URL_BATCH", start_recorded({path: body}))

    return response


@pytest.fixture
def start_recorded():
    """Start a server with the given responses by path, and return its URL."""
    servers = []

    def start(responses: dict[str, bytes]) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                body = responses.get(self.path)
                self.send_response(400 if body is None else 200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body or b"{}")

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
