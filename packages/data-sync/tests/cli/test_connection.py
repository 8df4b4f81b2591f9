"""Requests of every verb, as the options of the connection say."""

from __future__ import annotations

import logging

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.cli import (
    cat,
    cp,
    ls,
    mv,
    rm,
    stale,
    stats,
    sync,
    verify,
)
from aibs_informatics_aws_lambda.handlers.data_sync.cli.messages import PACKAGE_LOGGER
from faulty_s3 import FaultyS3
from tables import table

VERBS = {"sync": sync, "cp": cp, "mv": mv, "ls": ls, "cat": cat, "stats": stats}
VERBS |= {"stale": stale, "rm": rm, "verify": verify}

# In the environment of the process, where the command sets them.
VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL_S3",
    "AWS_SECRET_ACCESS_KEY",
    "DATA_SYNC_NO_SIGN_REQUEST",
    "DATA_SYNC_REQUEST_PAYER",
)


@pytest.fixture
def s3(s3_server: FaultyS3, monkeypatch: pytest.MonkeyPatch, tmp_path) -> FaultyS3:
    """A server with objects, and a working directory with a file."""
    s3_server.reset()
    for key in ("src/a", "src/b", "old/c"):
        s3_server.put("bucket", key, b"content", modified=1e9)
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "new").write_text("x")
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        # Restored at the end.
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    logger = logging.getLogger(PACKAGE_LOGGER)
    monkeypatch.setattr(logger, "handlers", list(logger.handlers))
    monkeypatch.setattr(logger, "level", logger.level)
    return s3_server


LINES = {
    "upload": "sync up s3://bucket/up/",
    "download": "sync s3://bucket/src/ down",
    "copy": "sync s3://bucket/src/ s3://bucket/dst/",
    "mirror": "sync --delete up s3://bucket/old/",
    "move": "sync --move s3://bucket/src/ s3://bucket/moved/",
    "comparison": "verify s3://bucket/src/ s3://bucket/src2/",
    "cp": "cp s3://bucket/src/a a",
    "cp of wildcards": "cp s3://bucket/s*/a copies/",
    "cp to stdout": "cp s3://bucket/src/a -",
    "cp of a version": "cp s3://bucket/src/a?versionId=1 a",
    "mv": "mv up/new s3://bucket/new",
    "ls": "ls s3://bucket/src/",
    "ls -r": "ls -r s3://bucket/src/",
    "cat": "cat s3://bucket/src/a",
    "stats": "stats s3://bucket/src/",
    "stale": "stale --days 1 s3://bucket/src/",
    "rm": "rm --yes -r s3://bucket/old/",
}


def run(line: str, *options: str) -> None:
    verb, *arguments = line.split()
    assert VERBS[verb].run([*arguments, *options]) in (0, 4)


def is_look(call) -> bool:
    """Return whether a request looks whether the endpoint is one of S3."""
    return not call.bucket


@table("line", LINES)
def test_public_buckets_are_read_without_a_signature(s3: FaultyS3, capfd, line):
    run(line, "--endpoint-url", s3.url, "--no-sign-request")
    calls = [call for call in s3.calls if not is_look(call)]
    assert calls
    assert [call.operation for call in calls if "authorization" in call.headers] == []


@table("line", LINES)
def test_requester_pays_for_each_request(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, capfd, line
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    run(line, "--endpoint-url", s3.url, "--request-payer")
    calls = [call for call in s3.calls if not is_look(call)]
    assert calls
    unpaid = [c.operation for c in calls if c.headers.get("x-amz-request-payer") != "requester"]
    assert unpaid == []
    unsigned = [
        call.operation
        for call in calls
        if "x-amz-request-payer" not in call.headers.get("authorization", "")
    ]
    assert unsigned == []
