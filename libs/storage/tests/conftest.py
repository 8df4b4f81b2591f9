"""What the tests of storage share: file systems in the stand-in for AWS, and recorded answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aibs_informatics_aws_lambda.storage.mount_discovery import forget_mount_points


@dataclass(frozen=True)
class Efs:
    """Makes file systems and access points in the stand-in for AWS."""

    client: Any

    def make_file_system(self, name: str, **tags: str) -> str:
        made = self.client.create_file_system(CreationToken=name, Tags=_tags(name, tags))
        return made["FileSystemId"]

    def make_access_point(self, file_system: str, name: str, root: str = "/", **tags: str) -> str:
        made = self.client.create_access_point(
            FileSystemId=file_system,
            ClientToken=f"{file_system}-{name}-{root}",
            RootDirectory={"Path": root},
            Tags=_tags(name, tags),
        )
        return made["AccessPointId"]


def _tags(name: str, tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in {"Name": name, **tags}.items()]


@pytest.fixture
def efs(aws) -> Efs:
    return Efs(aws.client("efs"))


@pytest.fixture(autouse=True)
def _nothing_known_of_mounts() -> None:
    forget_mount_points()


@pytest.fixture
def answer_with(monkeypatch) -> Iterator[Callable[..., list[str]]]:
    """Let a service answer every request with one recorded document; return the paths asked for.

    The function takes the service as in ``AWS_ENDPOINT_URL_<SERVICE>``, and the document.
    """
    servers = []

    def start(service: str, document: Any, status: int = 200) -> list[str]:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - http.server finds it by this name

            def log_message(self, *_: Any) -> None:
                """Nothing: the test asserts on what was asked for."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://127.0.0.1:{server.server_port}")
        return asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
