"""Objects that a service cannot delete for a moment, as the response to DeleteObjects says."""

from __future__ import annotations

import re
from html import unescape

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import client, requests
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import Fault, FaultyS3, Reply
from tables import table

OBJECTS = [("a", "e" * 32), ("b&b", None), ("c\tc", "f" * 32)]


def response(**codes: str) -> requests.Response:
    names = {"a": "a", "b": "b&amp;b", "c": "c&#9;c", "other": "other"}
    errors = "".join(
        f"<Error><Key>{names[key]}</Key><Code>{code}</Code></Error>" for key, code in codes.items()
    )
    return requests.Response({}, f"<DeleteResult>{errors}</DeleteResult>".encode())


@table(
    "codes, left",
    {
        "all are deleted": ({}, None),
        "one fails for a moment": ({"a": "InternalError"}, OBJECTS[:1]),
        "two are throttled": ({"b": "SlowDown", "c": "ServiceUnavailable"}, OBJECTS[1:]),
        "one fails for good": ({"a": "InternalError", "b": "AccessDenied"}, None),
        "another object is named": ({"a": "InternalError", "other": "InternalError"}, None),
    },
)
def test_what_is_left_to_delete(codes, left):
    request = requests.delete_several("bucket", OBJECTS)
    found = requests.left_to_delete(request, response(**codes))
    assert found == (None if left is None else requests.delete_several("bucket", left))


@pytest.fixture
def half_fails(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch):
    """Return what makes every other deletion of an object fail, for so many requests."""
    monkeypatch.setattr(client, "_FIRST_WAIT_MS", 1)

    def make(times: int) -> Fault:
        def fault(call, proceed) -> Reply:
            if call.operation != "DeleteObjects" or call.number > times:
                return proceed()
            keys = [unescape(key) for key in re.findall("<Key>(.*?)</Key>", call.body.decode())]
            for key in keys[1::2]:
                del s3.objects["bucket", key]
            errors = "".join(
                f"<Error><Key>{key}</Key><Code>InternalError</Code></Error>" for key in keys[::2]
            )
            return Reply(body=f"<DeleteResult>{errors}</DeleteResult>".encode())

        s3.fault = fault
        return fault

    for number in range(20):
        s3.put("bucket", f"dst/{number:02}", b"extraneous")
    return make


def mirror(source, **options):
    request = DataSyncRequest(source_path=source, destination_path="s3://bucket/dst/", **options)
    return Engine().sync(request).result


def test_objects_that_cannot_be_deleted_for_a_moment_are_deleted(s3, half_fails, tmp_path):
    half_fails(times=3)
    done = mirror(tmp_path)
    assert done.files_deleted == 20
    assert s3.read("bucket") == {}
    sizes = [call.body.count(b"<Key>") for call in s3.calls if call.operation == "DeleteObjects"]
    assert sizes == [20, 10, 5, 3]


def test_objects_that_can_never_be_deleted_are_an_error(s3, half_fails, tmp_path):
    half_fails(times=100)
    with pytest.raises(AWSError, match=r"cannot delete s3://bucket/dst/00 and 2 more objects"):
        mirror(tmp_path, retries=2)
    sizes = [call.body.count(b"<Key>") for call in s3.calls if call.operation == "DeleteObjects"]
    assert sizes == [20, 10, 5]
