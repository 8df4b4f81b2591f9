"""Fixtures of the notification tests: mailboxes, queues of topics, and a mock AWS service."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import pytest
from aibs_informatics_aws_lambda.common.aws import forget_clients

SOURCE = "from@example.org"
ACCOUNT = "123456789012"

MakeTopic: TypeAlias = Callable[..., "Topic"]
Response: TypeAlias = tuple[int, str, str]


class Mail:
    """Emails that moto's server has received."""

    def __init__(self, aws: Any) -> None:
        self._aws = aws

    @property
    def simple(self) -> list[dict[str, Any]]:
        """Emails that SES composed: subject, body, destinations."""
        return self._sent("Message")

    @property
    def raw(self) -> list[EmailMessage]:
        """Raw emails, parsed as an email client does."""
        return [
            message_from_string(sent["raw_data"], policy=default)
            for sent in self._sent("RawMessage")
        ]

    def _sent(self, kind: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self._aws.url}/moto-api/data.json") as response:
            return json.load(response)["ses"].get(kind, [])


@dataclass(frozen=True)
class Topic:
    """A topic, and a queue that is subscribed to it."""

    arn: str
    queue: str
    sqs: Any

    def messages(self) -> list[dict[str, Any]]:
        """Return the notifications received since the last call."""
        found = self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, AttributeNames=["All"]
        )
        return [
            {**json.loads(message["Body"]), "attributes": message["Attributes"]}
            for message in found.get("Messages", [])
        ]


@dataclass(frozen=True)
class HTTPRequest:
    """A request that an endpoint received."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Endpoint:
    """An HTTP endpoint that records requests and returns the given responses, then successes."""

    url: str = ""
    requests: list[HTTPRequest] = field(default_factory=list)
    responses: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)


@dataclass
class MockService:
    """A service that records requests and returns the given responses, then successes."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)


@pytest.fixture
def mail(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Mail:
    """SES with a verified sender, configured as the source of the function."""
    aws.client("ses").verify_email_identity(EmailAddress=SOURCE)
    monkeypatch.setenv("SOURCE_EMAIL_ADDRESS", SOURCE)
    return Mail(aws)


@pytest.fixture
def make_topic(aws: Any) -> MakeTopic:
    """Create a topic with a subscribed queue."""

    def make(name: str = "alerts", region: str = "us-west-2") -> Topic:
        sns, sqs = aws.client("sns", region), aws.client("sqs", region)
        fifo = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
        arn = sns.create_topic(Name=name, Attributes=fifo)["TopicArn"]
        fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        queue = sqs.create_queue(QueueName=name, Attributes=fifo)["QueueUrl"]
        endpoint = f"arn:aws:sqs:{region}:{ACCOUNT}:{name}"
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=endpoint)
        return Topic(arn, queue, sqs)

    return make


@pytest.fixture
def make_table(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Create the idempotency table and configure the function to use it."""

    def make() -> str:
        aws.client("dynamodb").create_table(
            TableName="deliveries",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        monkeypatch.setenv("IDEMPOTENCY_TABLE", "deliveries")
        return "deliveries"

    return make


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """An HTTP endpoint on loopback that webhooks may reach."""
    seen = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.requests.append(HTTPRequest(self.path, self.headers, body))
            status, headers, content = (
                seen.responses.pop(0) if seen.responses else (200, {}, b"ok")
            )
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        seen.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("WEBHOOK_PRIVATE_HOSTS", "127.0.0.1")
        yield seen
        server.shutdown()


@pytest.fixture
def mock_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockService]:
    """A mock AWS service on loopback."""
    seen = MockService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if body.startswith("{"):
                seen.requests.append(json.loads(body))
                self._send(200, '{"MessageId": "1"}')
                return
            seen.requests.append(dict(parse_qsl(body, keep_blank_values=True)))
            status, code, message = seen.responses.pop(0) if seen.responses else (200, "", "")
            self._send(status, _error(code, message) if code else _success(body))

        def _send(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        seen.url = f"http://127.0.0.1:{server.server_port}"
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-west-2",
            "AWS_ENDPOINT_URL": seen.url,
            "SOURCE_EMAIL_ADDRESS": SOURCE,
        }.items():
            monkeypatch.setenv(name, value)
        forget_clients()
        yield seen
        server.shutdown()


def _success(body: str) -> str:
    action = dict(parse_qsl(body))["Action"]
    return (
        f"<{action}Response><{action}Result><MessageId>1</MessageId></{action}Result>"
        f"<ResponseMetadata><RequestId>2</RequestId></ResponseMetadata></{action}Response>"
    )


def _error(code: str, message: str) -> str:
    return (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{message}</Message></Error><RequestId>2</RequestId></ErrorResponse>"
    )
