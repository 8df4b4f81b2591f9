"""Single requests to what is not S3."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.cli.levels import list_buckets, list_level
from aibs_informatics_aws_lambda.handlers.data_sync.cli.object_reader import ObjectReader
from aibs_informatics_aws_lambda.handlers.data_sync.s3.botocore_client import s3_client

LOCATION = S3Path("s3://bucket/key")


@pytest.fixture
def login_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a server that responds to each request with a page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = b"<html><body>Log in</body></html>"
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        for name, value in (("ENDPOINT_URL", url), ("REGION", "us-west-2")):
            monkeypatch.setenv(f"AWS_{name}", value)
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            monkeypatch.setenv(f"AWS_{name}", "test")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield url
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("operation", "request_it"),
    [
        ("ListBuckets", lambda: list(list_buckets())),
        ("GetObject", lambda: list(ObjectReader().read(LOCATION))),
    ],
)
def test_page_of_a_proxy_is_not_taken_for_a_response_of_s3(
    login_page: str, operation: str, request_it: Callable[[], object]
):
    with pytest.raises(AWSError) as refused:
        request_it()
    assert str(refused.value) == (
        f"cannot use {login_page}: its response to {operation} is not one of S3 (200, "
        "application/octet-stream). Check that it is compatible with S3, and that no proxy or "
        "login page responds instead"
    )
    s3_client().close()


@pytest.mark.parametrize("location", [LOCATION, LOCATION.with_folder_suffix])
def test_page_of_a_proxy_is_no_listing(login_page: str, location: S3Path):
    with pytest.raises(AWSError, match=f"not a listing of S3. Check that {login_page} is"):
        list(list_level(location))


def test_empty_listing_of_s3_is_one(bucket):
    assert list(list_level(S3Path("s3://bucket/missing/"))) == []
