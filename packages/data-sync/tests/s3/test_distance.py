"""How far a service is, which decides how much of a sync is under way at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import client as client_module
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest
from faulty_s3 import Call, FaultyS3, Reply
from tables import table


def late(_: Call, respond: Callable[[], Reply]) -> Reply:
    time.sleep(0.03)
    return respond()


def names(s3: FaultyS3) -> list[str]:
    return [call.operation for call in s3.calls]


@pytest.mark.parametrize("fault", [late, None])
def test_small_request_tells_how_far_a_service_is(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, fault
):
    # Where the response to the first is not waited for, as on a busy machine, a second is sent.
    monkeypatch.setattr(client_module, "_MEASURE_SECONDS", 60.0)
    if fault:
        s3.fault = fault
    client = S3(25)
    client.measure_distance("bucket")
    client.measure_distance("bucket")
    assert names(s3) == ["HeadBucket"]
    if fault:
        # Without one, a busy processor may take as long.
        assert client.is_far


def test_time_that_a_client_takes_to_make_is_no_distance(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
):
    now, make = [0.0], client_module.make_crt_client

    def make_slowly(*arguments, **options):
        now[0] += 5
        return make(*arguments, **options)

    monkeypatch.setattr(client_module, "make_crt_client", make_slowly)
    monkeypatch.setattr(client_module, "_MEASURE_SECONDS", 60.0)
    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    client = S3(25)
    client.measure_distance("bucket")
    assert now == [5]
    assert client._shortest_response == 0


def test_objects_have_more_connections_at_a_distance(s3: FaultyS3):
    client = S3(256)
    near = client._most_of_one()
    s3.fault = late
    client.measure_distance("bucket")
    assert client._most_of_one() > near


def test_service_that_does_not_respond_is_not_waited_for(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "_MEASURE_SECONDS", 0.0)
    released = threading.Event()

    def silent(_: Call, respond: Callable[[], Reply]) -> Reply:
        released.wait(10)
        return respond()

    s3.fault = silent
    client = S3(25)
    try:
        client.measure_distance("bucket")
        assert not client.is_far
    finally:
        released.set()
        client.cancel()


FORCED = {"force": True, "delete": False}


@table(
    "options, expected",
    {
        "a listing tells": ({}, ["ListObjectsV2", "PutObject"]),
        "a request tells where nothing is listed": (FORCED, ["HeadBucket", "PutObject"]),
        "nothing is to be told of a dry run": ({**FORCED, "dry_run": True}, []),
    },
)
def test_distance_is_measured_where_nothing_else_tells(
    s3: FaultyS3, tmp_path: Path, options, expected
):
    (tmp_path / "file").write_text("x")
    Engine().sync(
        DataSyncRequest(source_path=tmp_path, destination_path="s3://other/dst/", **options)
    )
    # Of other tests, requests that took too long may arrive by now.
    asked = [call.operation for call in s3.calls if call.bucket == "other"]
    assert [name for name in asked if name != "HeadObject"] == expected
