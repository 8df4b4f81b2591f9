"""Objects are deleted only if they still are what was listed, whatever the service knows."""

from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.handlers.data_sync.s3.deletion import (
    delete_unchanged,
    honours_conditions,
)
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import (
    ObjectVersion,
    Request,
    Response,
)
from aibs_informatics_aws_lambda.handlers.data_sync.s3.service import Service
from tables import table

VERSION = ObjectVersion("bucket", "a", "e", 1, 1_000_000_000.5)
MODIFIED = "Sun, 09 Sep 2001 01:46:40 GMT"
LATER = "Sun, 09 Sep 2001 01:46:41 GMT"
NOW = "Sun, 09 Sep 2001 01:47:40 GMT"


class FakeS3:
    """An S3 that serves one object, and responds to deletions with a body or an error."""

    def __init__(self, response: bytes | Exception = b"", is_aws: bool = False, **headers) -> None:
        self.response = response
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.service = Service("http://s3", is_aws=is_aws)
        self.requests: list[Request] = []

    def ask(self, request: Request) -> Response:
        self.requests.append(request)
        if request.operation == "HeadObject":
            if not self.headers:
                raise ResourceNotFoundError("no such object")
            return Response(self.headers, b"")
        if isinstance(self.response, Exception):
            raise self.response
        return Response({}, self.response)


def failed(code: str) -> bytes:
    return f"<DeleteResult><Error><Code>{code}</Code></Error></DeleteResult>".encode()


@table(
    "response, honours",
    {
        "a failed condition": (failed("PreconditionFailed"), True),
        "a deletion in spite of the condition": (b"<DeleteResult></DeleteResult>", False),
        "an object that does not exist": (failed("NoSuchKey"), False),
        "a missing permission": (failed("AccessDenied"), False),
        "a refused request": (AWSError("MalformedXML"), False),
        "a page": (b"<html></html>", False),
    },
)
def test_service_is_asked_once_whether_it_honours_conditions(response, honours):
    s3 = FakeS3(response)
    assert honours_conditions(s3, "bucket", "src/") is honours
    assert honours_conditions(s3, "bucket", "src/") is honours
    [request] = s3.requests
    assert b"<Key>src/.data-sync-" in request.body
    assert b"<ETag>" in request.body


def test_aws_is_not_asked_whether_it_honours_conditions():
    s3 = FakeS3(is_aws=True)
    assert honours_conditions(s3, "bucket", "")
    assert s3.requests == []


@table(
    "headers, served, deleted",
    {
        "the listed ETag": ({"etag": '"e"'}, None, True),
        "another ETag": ({"etag": '"f"', "content_length": "1"}, None, False),
        "the ETag that it was copied by": ({"etag": '"f"'}, "f", True),
        "neither": ({"etag": '"g"'}, "f", False),
        "another ETag of the same old object": (
            {"etag": '"f"', "content_length": "1", "last_modified": MODIFIED, "date": NOW},
            None,
            True,
        ),
        "another ETag and a later time": (
            {"etag": '"f"', "content_length": "1", "last_modified": LATER, "date": NOW},
            None,
            False,
        ),
        "another ETag and another size": (
            {"etag": '"f"', "content_length": "2", "last_modified": MODIFIED, "date": NOW},
            None,
            False,
        ),
        "another ETag of an object that was written just now": (
            {"etag": '"f"', "content_length": "1", "last_modified": MODIFIED, "date": LATER},
            None,
            False,
        ),
        "another ETag without a date": (
            {"etag": '"f"', "content_length": "1", "last_modified": MODIFIED},
            None,
            False,
        ),
    },
)
def test_object_is_deleted_if_it_is_served_as_it_was_listed(headers, served, deleted):
    s3 = FakeS3(**headers)
    if served:
        s3.service.note_served("bucket", "a", served)
    if deleted:
        delete_unchanged(s3, VERSION)
    else:
        with pytest.raises(AWSError, match="it changed after it was listed, and has the ETag"):
            delete_unchanged(s3, VERSION)
    operations = [request.operation for request in s3.requests]
    assert operations == ["HeadObject", "DeleteObject"][: 1 + deleted]


def test_object_that_is_gone_is_not_deleted_again():
    s3 = FakeS3()
    delete_unchanged(s3, VERSION)
    assert [request.operation for request in s3.requests] == ["HeadObject"]


def test_deletion_that_is_not_confirmed_is_an_error():
    s3 = FakeS3(b"<html></html>", etag='"e"')
    with pytest.raises(AWSError, match="the service does not confirm it"):
        delete_unchanged(s3, VERSION)
