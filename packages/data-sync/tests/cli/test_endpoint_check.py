"""Endpoints that are not those of S3: one sentence within seconds."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest
from aibs_informatics_aws_lambda.common.cli.errors import CommandError
from aibs_informatics_aws_lambda.handlers.data_sync.cli import endpoint_check
from aibs_informatics_aws_lambda.handlers.data_sync.cli.connection import use_connection
from aibs_informatics_aws_lambda.handlers.data_sync.cli.endpoint_check import (
    checked_endpoint,
    describe_tls_error,
    judge_response,
)
from aibs_informatics_aws_lambda.handlers.data_sync.cli.sync_arguments import make_parser
from aibs_informatics_aws_lambda.handlers.data_sync.s3.endpoint import Endpoint
from tables import table


def check_endpoint(endpoint: Endpoint, setting: str) -> None:
    with checked_endpoint(endpoint, setting):
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start a server that sends the same, or what a function returns, and return its address."""
    listeners, threads = [], []

    def start(response: bytes | Callable[[bytes], bytes]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    request = connection.recv(65536)
                    connection.sendall(response(request) if callable(response) else response)

        thread = threading.Thread(target=accept)
        thread.start()
        threads.append(thread)
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join()


def response(status: str, kind: str, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *headers, "", body]
    return "\r\n".join(lines).encode()


XML = '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'


@table(
    "received, problem",
    {
        "a list of buckets": (response("200 OK", "text/xml", XML), None),
        "a refusal": (response("403 Forbidden", "application/xml", XML), None),
        "a refusal of a gateway": (response("403 Forbidden", "text/html", "<html>"), None),
        "S3 itself": (response("200 OK", "text/html", "x", "x-amz-request-id: 1"), None),
        "LocalStack": (response("200 OK", "text/plain", "", "x-localstack: true"), None),
        "nothing": (b"", None),
        "Swift": (response("412 Precondition Failed", "text/html", "<html>Bad URL"), None),
        "a web site": (response("200 OK", "text/html; charset=utf-8", "<html>"), "200 with text"),
        "a page of XHTML": (
            response("200 OK", "text/xml", '<?xml version="1.0"?>\n<!DOCTYPE html><html/>'),
            "200 with a page of HTML",
        ),
        "a page without a type": (response("200 OK", "", "\n<html>"), "200 with a page of HTML"),
        "a login page": (response("302 Found", "text/html", "", "Location: /in"), "302 with text"),
        "an API": (response("404 Not Found", "application/json", "{}"), "404 with application"),
        "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak HTTP"),
    },
)
def test_response_of_a_server_tells_whether_it_may_be_s3(received, problem):
    found = judge_response(received)
    assert problem in found if problem else found is None


@table(
    "reason, problem",
    {
        "plain HTTP": ("WRONG_VERSION_NUMBER", "does not speak TLS: write http://"),
        "a certificate": ("CERTIFICATE_VERIFY_FAILED", None),
    },
)
def test_tls_error_tells_whether_there_is_tls(reason, problem):
    error = ssl.SSLError(1, reason)
    error.reason = reason
    found = describe_tls_error(error)
    assert problem in found if problem else found is None


def problem_of(url: str) -> str:
    with pytest.raises(CommandError) as raised:
        check_endpoint(Endpoint(url, "us-west-2", is_custom=True), "AWS_ENDPOINT_URL")
    assert "Check AWS_ENDPOINT_URL and the network" in str(raised.value)
    return str(raised.value)


NGINX = response("400 Bad Request", "text/html", "plain HTTP request was sent to HTTPS port")


@table(
    "scheme, received, problem",
    {
        "plain HTTP": ("https", response("200 OK", "text/xml", XML), "does not speak TLS"),
        "TLS, says nginx": ("http", NGINX, "speaks TLS: write https://"),
        "TLS, by an alert": ("http", b"\x15\x03\x01\x00\x02\x02F", "speaks TLS: write https://"),
        "a web site": (
            "http",
            response("200 OK", "text/html", "<html>"),
            "not compatible with S3",
        ),
    },
)
def test_server_that_is_no_s3_is_one_sentence(serve, scheme, received, problem):
    assert problem in problem_of(f"{scheme}://{serve(received)}")


def test_server_that_closes_connections_may_be_s3(serve):
    check_endpoint(Endpoint(f"http://{serve(b'')}", "us-west-2", is_custom=True), "x")


def test_swift_is_asked_as_s3_which_it_is_only_for_requests_with_credentials(serve):
    def respond(request: bytes) -> bytes:
        if b"X-Amz-Credential=" in request.partition(b"\r\n")[0]:
            return response("403 Forbidden", "application/xml", XML)
        return response("404 Not Found", "text/html", "<html>Not Found</html>")

    check_endpoint(Endpoint(f"http://{serve(respond)}", "us-west-2", is_custom=True), "x")


def test_refused_port_and_unknown_host_are_one_sentence(monkeypatch: pytest.MonkeyPatch):
    assert "127.0.0.1:1: Connection refused. Check" in problem_of("http://127.0.0.1:1")

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "the host minio.invalid is unknown" in problem_of("https://minio.invalid")
    with pytest.raises(CommandError, match=r"unknown\. Check the region"):
        check_endpoint(Endpoint("https://s3.us-weast-2.amazonaws.com", "us-weast-2"), "x")


def test_name_server_that_does_not_respond_is_waited_for_some_seconds(
    monkeypatch: pytest.MonkeyPatch,
):
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait(20) and [])
    monkeypatch.setattr(endpoint_check, "_SECONDS", 0.1)
    try:
        assert "no response within 0.1 seconds" in problem_of("http://minio.invalid")
    finally:
        ended.set()


PROFILE = (
    "[profile lab]\nregion = us-west-2\nservices = local\n"
    "[services local]\ns3 =\n  endpoint_url = http://127.0.0.1:1\n"
)


@table(
    "options, environment, setting",
    {
        "an option": ("--endpoint-url http://127.0.0.1:1 a s3://bkt", {}, "--endpoint-url"),
        "an option of one side": (
            "--destination-endpoint-url http://127.0.0.1:1 a s3://bkt",
            {},
            "--destination-endpoint-url",
        ),
        "AWS_ENDPOINT_URL": (
            "s3://bkt a",
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            "AWS_ENDPOINT_URL",
        ),
        "AWS_ENDPOINT_URL_S3": (
            "s3://bkt a",
            {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"},
            "AWS_ENDPOINT_URL_S3",
        ),
        "a profile": ("--profile lab s3://bkt a", {}, "endpoint_url of the AWS profile"),
        "a profile of one side": (
            "--source-profile lab s3://bkt a",
            {},
            "endpoint_url of the AWS profile",
        ),
    },
)
def test_setting_of_an_endpoint_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path, options, environment, setting
):
    (tmp_path / "config").write_text(PROFILE)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_REGION"):
        # Restored at the end: the command sets them for its process.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CommandError, match=rf"refused\. Check {setting} and the network"):
        use_connection(make_parser().parse_args(options.split()))


def test_local_paths_need_no_endpoint(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    use_connection(make_parser().parse_args(["a", "b"]))


def test_endpoint_of_both_sides_is_looked_at_once(serve, monkeypatch: pytest.MonkeyPatch):
    url = f"http://{serve(response('403 Forbidden', 'application/xml', XML))}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    connected, connect = [], socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *a: connected.append(a) or connect(*a))
    use_connection(make_parser().parse_args(["s3://bkt/a", "s3://bkt/b"]))
    assert len(connected) == 1


@table(
    "variables, goes_through_proxy",
    {
        "no variable": ({}, False),
        "a proxy": ({"https_proxy": "http://proxy:1"}, True),
        "a proxy of another scheme": ({"HTTP_PROXY": "http://proxy:1"}, False),
        "a host without one": (
            {"HTTPS_PROXY": "http://proxy:1", "no_proxy": "minio.invalid"},
            False,
        ),
    },
)
def test_endpoint_behind_a_proxy_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, variables, goes_through_proxy
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    looked: list[object] = []
    monkeypatch.setattr(endpoint_check, "_find_problem", looked.append)
    monkeypatch.setattr(endpoint_check, "_find_refusal", lambda _: None)
    check_endpoint(Endpoint("https://minio.invalid", "us-west-2", is_custom=True), "x")
    assert bool(looked) is not goes_through_proxy


@pytest.mark.parametrize("proxy", ["http://ada:secret@127.0.0.1:1", "ada:secret@127.0.0.1:1"])
@pytest.mark.parametrize("is_custom", [True, False])
def test_proxy_that_is_down_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, proxy, is_custom
):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(CommandError) as raised:
        check_endpoint(Endpoint("https://s3.invalid", "us-west-2", is_custom=is_custom), "x")
    assert str(raised.value) == (
        "cannot connect to the proxy http://127.0.0.1:1: Connection refused. Check HTTPS_PROXY, "
        "NO_PROXY and the network"
    )


def test_proxy_that_accepts_connections_is_enough(serve, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://{serve(b'')}")
    check_endpoint(Endpoint("https://s3.invalid", "us-west-2", is_custom=True), "x")
