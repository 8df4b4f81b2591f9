"""How far a service is, which decides how much of a sync is under way at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.rate_limits import RateLimits
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import client as client_module
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3, sent_requests
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import (
    ObjectVersion,
    Request,
    get_version,
)
from aibs_informatics_aws_lambda.handlers.data_sync.s3.throughput import InFlight
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest
from faulty_s3 import Call, FaultyS3, Reply
from tables import table

LARGE = Request("GetObject", "s3:GetObject", "bucket", "key", receive_file="file", size=9 * 2**20)


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


def test_objects_have_more_connections_at_a_distance(s3: FaultyS3):
    client = S3(256)
    near = client._connections_of_one()
    s3.fault = late
    client.measure_distance("bucket")
    assert client._connections_of_one() > near


NEAR, FAR = 0.001, 0.1
MIB = 2**20


@table(
    "seconds, parts",
    {
        "nearby, parts are small": (NEAR, 5),
        "at a distance, they are large": (FAR, 2),
        "before it is known as well": (float("inf"), 2),
    },
)
def test_parts_of_downloads_are_smaller_nearby(s3: FaultyS3, tmp_path: Path, seconds, parts):
    content = bytes(range(256)) * (9 * MIB // 256)
    s3.put("bucket", "key", content)
    client = S3(25)
    client._shortest_response = seconds
    version = ObjectVersion("bucket", "key", s3.objects["bucket", "key"].etag, len(content))
    target, before = tmp_path / "target", sent_requests["GetObject"]
    request = get_version(version, len(content))._replace(receive_file=str(target))
    assert client.ask(request).size == len(content)
    assert target.read_bytes() == content
    assert names(s3).count("GetObject") == sent_requests["GetObject"] - before == parts


@table(
    "options, expected",
    {
        "a large file": ({}, 2 * MIB),
        "a file in one piece": ({"size": 8 * MIB}, 8 * MIB),
        "what is not written to a file": ({"receive_file": None}, 8 * MIB),
        "an upload": ({"receive_file": None, "send_file": "file", "part_bytes": MIB}, MIB),
    },
)
def test_size_of_parts_nearby(s3: FaultyS3, options, expected):
    client = S3(25)
    client._shortest_response = NEAR
    assert client._part_bytes_of(LARGE._replace(**options)) == expected


def test_parts_are_not_small_where_few_files_may_be_open(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "_MOST_THREADS", 1)
    client = S3(25)
    client._shortest_response = NEAR
    assert client._part_bytes_of(LARGE) == 8 * MIB


def test_parts_of_aws_and_of_limited_downloads_are_never_small(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
):
    limited = S3(25, limits=RateLimits(bandwidth=10**9))
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    aws = S3(25)
    assert aws.service.is_aws
    for client in (aws, limited):
        client._shortest_response = NEAR
        assert client._part_bytes_of(LARGE) > 2 * MIB


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of connections nearby follows from that of the cores."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)


@pytest.mark.usefixtures("two_cores")
def test_downloads_nearby_have_few_connections(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch):
    client, made, make = S3(256), [], S3._make_client

    def make_and_note(self, region, threads, connections, memory):
        made.append(connections)
        return make(self, region, threads, connections, memory)

    monkeypatch.setattr(S3, "_make_client", make_and_note)
    for client._shortest_response in (NEAR, FAR):
        client._client("us-west-2", LARGE, is_paced=False)
    assert made == [8, 64]


@pytest.mark.usefixtures("two_cores")
def test_downloads_nearby_wait_for_each_other_sooner(s3: FaultyS3):
    client, part = S3(256), (LARGE, InFlight(0, 2 * MIB))
    client._shortest_response = NEAR
    assert not client._is_queue([part] * 8)
    assert client._is_queue([*[part] * 8, (LARGE, InFlight(0, 1))])
    client._shortest_response = FAR
    assert not client._is_queue([part] * 32)
    assert client._is_queue([part] * 33)


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
