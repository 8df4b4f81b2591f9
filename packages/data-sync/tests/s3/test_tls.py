"""TLS: the CA bundle of boto3, and handshakes that fail within seconds."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import handshakes
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.s3.listing import list_below
from aibs_informatics_aws_lambda.handlers.data_sync.s3.tls import find_ca_bundle
from tables import table

VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine that it has signed itself, with its key."""
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(path.with_suffix(".key")), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
    )
    return path


class Handler(BaseHTTPRequestHandler):
    """Responds with the listing of an empty bucket."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext

    def get_request(self):
        connection, address = super().get_request()
        return self.context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        ), address

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that do not trust it go away."""


@pytest.fixture(scope="module")
def url(certificate: Path) -> Iterator[str]:
    server = Server(("127.0.0.1", 0), Handler)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tls(no_aws: None, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.mark.parametrize("variable", [*VARIABLES, "ca_bundle"])
def test_ca_bundle_of_boto3_is_trusted(
    tls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificate: Path, variable
):
    if variable == "ca_bundle":
        (tmp_path / "config").write_text(f"[default]\nca_bundle = {certificate}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    else:
        monkeypatch.setenv(variable, str(certificate))
    assert list(list_below(S3(1), "bucket", "")) == []


def test_handshake_that_fails_is_not_repeated_for_minutes(tls, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(handshakes, "_HANDSHAKE_SECONDS", 0.1)
    s3, start = S3(1), time.monotonic()
    for _ in range(2):
        with pytest.raises(AWSError, match=r"self-signed certificate\. .*set AWS_CA_BUNDLE"):
            list(list_below(s3, "bucket", ""))
    # The library alone would repeat it for minutes.
    assert time.monotonic() - start < 60


@table(
    "settings, expected",
    {
        "nothing": ({}, None),
        "the variable of AWS": ({"AWS_CA_BUNDLE": "a", "REQUESTS_CA_BUNDLE": "b"}, "a"),
        "the variable of requests": ({"REQUESTS_CA_BUNDLE": "b"}, "b"),
        "the profile": ({"ca_bundle": "c", "REQUESTS_CA_BUNDLE": "b"}, "c"),
        "the variable before the profile": ({"ca_bundle": "c", "AWS_CA_BUNDLE": "a"}, "a"),
    },
)
def test_order_of_ca_bundles(
    tls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings, expected
):
    for name in "abc":
        (tmp_path / name).touch()
    for setting, name in settings.items():
        if setting == "ca_bundle":
            (tmp_path / "config").write_text(f"[default]\nca_bundle = {tmp_path / name}\n")
            monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        else:
            monkeypatch.setenv(setting, str(tmp_path / name))
    assert find_ca_bundle() == (expected and str(tmp_path / expected))


def test_missing_ca_bundle_is_named(tls, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nonexistent")
    with pytest.raises(AWSError, match="cannot read the CA bundle /nonexistent: no such file"):
        list(list_below(S3(1), "bucket", ""))


def test_ca_bundle_without_certificates_is_named(
    tls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "bundle").write_text("no certificate\n")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "bundle"))
    with pytest.raises(AWSError, match="must have certificates in PEM format"):
        list(list_below(S3(1), "bucket", ""))
