"""``data-sync rm`` of objects."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.cli import rm
from faulty_s3 import Call, FaultyS3, Reply
from tables import table

PACKAGE = "aibs_informatics_aws_lambda.handlers.data_sync"


@table(
    "arguments, requests",
    {
        "an object": (["s3://bucket/a/1"], 1),
        "a prefix": (["-r", "s3://bucket/a/"], 1),
        "an object and its prefix": (["-r", "s3://bucket/a"], 2),
        "wildcards": (["s3://bucket/a/?"], 1),
        "several of one prefix": (["s3://bucket/a/1", "s3://bucket/a/2"], 2),
    },
)
def test_objects_are_listed_once(s3: FaultyS3, arguments: list[str], requests: int):
    for key in ("a/1", "a/2"):
        s3.put("bucket", key, b"x")

    assert rm.run(["--yes", *arguments]) == 0

    # The look at the endpoint names no bucket.
    operations = [call.operation for call in s3.calls if call.bucket]
    assert operations.count("ListObjectsV2") == requests
    assert operations.count("GetBucketVersioning") == 1


def test_only_objects_that_were_listed_are_removed(s3: FaultyS3):
    def add_another(call: Call, respond: Callable[[], Reply]) -> Reply:
        if call.operation == "DeleteObjects":
            s3.put("bucket", "a/later", b"x")
        return respond()

    s3.put("bucket", "a/1", b"x")
    s3.fault = add_another

    assert rm.run(["--yes", "-r", "s3://bucket/a/"]) == 0
    assert list(s3.read("bucket")) == ["a/later"]


def test_more_keys_than_are_held_in_memory_are_removed(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(f"{PACKAGE}.external_sort.SORTED_IN_MEMORY", 2)
    for name in "abcde":
        s3.put("bucket", f"a/{name}", b"x")

    assert rm.run(["--yes", "-r", "s3://bucket/a/"]) == 0
    assert list(s3.read("bucket")) == []


def test_nothing_is_removed_if_a_later_page_cannot_be_listed(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
):
    def refuse_later_pages(call: Call, respond: Callable[[], Reply]) -> Reply:
        if "continuation-token" in call.query:
            return Reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        return respond()

    monkeypatch.setattr(s3, "page", 1)
    for key in ("a/1", "a/2"):
        s3.put("bucket", key, b"x")
    s3.fault = refuse_later_pages

    with pytest.raises(Exception, match="AccessDenied"):
        rm.run(["--yes", "-r", "s3://bucket/a/"])
    assert sorted(s3.read("bucket")) == ["a/1", "a/2"]


def test_removal_of_objects_imports_neither_models_nor_botocore(s3: FaultyS3, run_command):
    s3.put("bucket", "a", b"x")
    command = [sys.executable, "-X", "importtime", "-m", f"{PACKAGE}.cli"]
    result = run_command(*command, "rm", "--yes", "s3://bucket/a")

    assert result.returncode == 0
    loaded = {line.rpartition(" ")[2] for line in result.stderr.splitlines()}
    assert f"{PACKAGE}.cli.rm_objects" in loaded
    unwanted = {"pydantic", "aws_lambda_powertools", "botocore", "boto3"}
    assert not loaded.intersection(unwanted)
