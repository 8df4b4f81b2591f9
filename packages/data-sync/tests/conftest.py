"""The command, the mock AWS server with a proxy that injects faults, and another S3 server."""

from __future__ import annotations

import http.client
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import client
from faulty_s3 import FaultyS3, faulty_s3
from servers import aws_settings

SLOW_DOWN = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Slower</Message></Error>'

MOVED = (
    b'<?xml version="1.0"?><Error><Code>PermanentRedirect</Code><Message>There</Message></Error>'
)


@dataclass
class Faults:
    """Faults between a client and the service.

    Args:
        fail_every: every so many requests are answered with 503 SlowDown.
        cut_every: the body of every so many downloads breaks off half-way.
        shorten: downloads are answered with half of their content, as if that were all.
        region: the region of all buckets; requests that are signed for another one are sent there.
        status: the status that downloads are refused with, without a word.
        crc: the CRC64NVME that downloads are answered with, which the mock server does not store.
        before: called with the method and path of each request.
    """

    fail_every: int = 0
    cut_every: int = 0
    shorten: bool = False
    region: str = ""
    status: int = 0
    crc: str | None = None
    before: Callable[[str, str], None] = lambda method, path: None
    requests: list[tuple[str, str]] = field(default_factory=list)
    checksums: list[str | None] = field(default_factory=list)
    failed: int = 0
    cut: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, method: str, path: str) -> str:
        with self._lock:
            self.requests.append((method, path))
            if self.fail_every and len(self.requests) % self.fail_every == 0:
                self.failed += 1
                return "fail"
            downloads = sum(m == "GET" and "list-type" not in p for m, p in self.requests)
            is_download = method == "GET" and "list-type" not in path
            if self.shorten and is_download:
                return "shorten"
            if self.cut_every and is_download and downloads % self.cut_every == 0:
                self.cut += 1
                return "cut"
        return "pass"


def _make_handler(service: str, faults: Faults) -> type[BaseHTTPRequestHandler]:
    address = urlsplit(service).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _relay(self) -> None:
            body = self._read()
            faults.before(self.command, self.path)
            if self.command == "PUT":
                faults.checksums.append(self.headers.get("x-amz-checksum-crc64nvme"))
            fate = faults.take(self.command, self.path)
            if faults.region and f"/{faults.region}/s3/" not in self.headers["Authorization"]:
                self._answer(301, [("x-amz-bucket-region", faults.region)], MOVED)
                return
            if faults.status and self.command == "GET" and "list-type" not in self.path:
                self._answer(faults.status, [], b"")
                return
            if fate == "fail":
                self._answer(503, [("Content-Type", "application/xml")], SLOW_DOWN)
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() != "transfer-encoding"}
            with closing(http.client.HTTPConnection(address, timeout=120)) as connection:
                connection.request(self.command, self.path, body, headers)
                with connection.getresponse() as response:
                    content = response.read()
            if fate == "shorten":
                content = content[: len(content) // 2]
            headers = response.getheaders()
            if faults.crc and self.command == "GET" and "list-type" not in self.path:
                headers.append(("x-amz-checksum-crc64nvme", faults.crc))
            self._answer(response.status, headers, content, cut=fate == "cut")

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _relay  # noqa: N815

        def _read(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, status, headers, content: bytes, *, cut: bool = False) -> None:
            self.send_response_only(status)
            dropped = {"transfer-encoding", "content-length", "connection"}
            for name, value in headers:
                if name.lower() not in dropped:
                    self.send_header(name, value)
            length = {k.lower(): v for k, v in headers}.get("content-length")
            head = self.command == "HEAD" and length is not None
            self.send_header("Content-Length", length if head else str(len(content)))
            self.end_headers()
            if self.command != "HEAD" and status not in (204, 304):
                self.wfile.write(content[: len(content) // 2] if cut else content)
            if cut:
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(2)

        def log_message(self, *_: object) -> None:
            """Say nothing: the tests' output is theirs."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address) -> None:
        """Say nothing: clients of broken connections go away."""


class Bucket:
    """A bucket of the mock AWS server, whose name is ``bucket``."""

    def __init__(self, aws: Any) -> None:
        self._aws = aws
        self.client = aws.client("s3")

    def put_all(self, contents: Mapping[str, bytes], age: float = 0) -> None:
        """Write objects in one request, as of so many seconds ago."""
        self._aws.put_all("bucket", contents, age)

    def put(self, key: str, body: bytes | str = b"") -> None:
        content = body.encode() if isinstance(body, str) else body
        self.client.put_object(Bucket="bucket", Key=key, Body=content)

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket="bucket", Key=key)["Body"].read()

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket="bucket", Key=key)

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket="bucket", Prefix=prefix
        )
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read(self, prefix: str = "") -> dict[str, bytes]:
        return {key.removeprefix(prefix): self.get(key) for key in self.keys(prefix)}


@pytest.fixture(scope="session")
def server(start_script_server):
    """The server of data-sync, with what most of its runs import."""
    package = "aibs_informatics_aws_lambda.handlers.data_sync"
    modules = ("cli.sync_run", "cli.ls", "cli.rm_files", "cli.stale", "cli.stats", "sync.engine")
    others = ("awscrt.s3", "boto3", "rich.progress")
    return start_script_server("data-sync", *(f"{package}.{name}" for name in modules), *others)


@pytest.fixture
def run(run_script, server) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run data-sync in the test's folder."""
    return lambda *arguments, **options: run_script(server, *arguments, **options)


@pytest.fixture(scope="module")
def s3_server() -> Iterator[FaultyS3]:
    """An S3 server in memory whose responses a test can replace."""
    with faulty_s3() as s3:
        yield s3


@pytest.fixture
def s3(s3_server: FaultyS3, no_aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    """This server, empty and without faults, as the endpoint of S3."""
    s3_server.reset()
    for name, value in aws_settings(s3_server.url).items():
        monkeypatch.setenv(name, value)
    yield s3_server
    s3_server.heal()


@pytest.fixture
def bucket(aws) -> Bucket:
    """An empty bucket."""
    aws.make_bucket()
    return Bucket(aws)


@pytest.fixture
def faults(aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """Injects faults into requests to the mock AWS server, which are soon tried again."""
    monkeypatch.setattr(client, "_FIRST_WAIT_MS", 1)
    found = Faults()
    server = _Server(("127.0.0.1", 0), _make_handler(aws.url, found))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield found
    server.shutdown()
    thread.join()
    server.server_close()
