from __future__ import annotations

import errno

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.handlers.data_sync.s3.errors import (
    ArchivedError,
    translate_error,
)
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import (
    ObjectVersion,
    Request,
    copy_whole,
)
from tables import table

LIST = Request("ListObjectsV2", "s3:ListBucket", "bucket", prefix="run/")
GET = Request("GetObject", "s3:GetObject", "bucket", "key", receive_file="/data/key")
PUT = Request("PutObject", "s3:PutObject", "bucket", "key", send_file="/data/key")
COPY = copy_whole(ObjectVersion("bucket", "a", "etag"), "other", "b")


class RefusedError(Exception):
    """As awscrt raises it for a response."""

    def __init__(self, status: int, code: str = "", message: str = "Why.") -> None:
        super().__init__("AWS_ERROR_S3_INVALID_RESPONSE_STATUS")
        self.status_code = status
        xml = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        self.body = xml.encode() if code else b""


class BrokenError(Exception):
    """As awscrt raises it without a response."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
        self.message = "why"


@table(
    "request_, error, message",
    {
        "a denied listing names the action": (
            LIST,
            RefusedError(403, "AccessDenied"),
            "cannot list s3://bucket/run/: AccessDenied: Why. Grant s3:ListBucket to the role",
        ),
        "a denied download names both sides": (
            GET,
            RefusedError(403, "AccessDenied"),
            "cannot download s3://bucket/key to /data/key: AccessDenied: Why. Grant s3:GetObject",
        ),
        "a denied HEAD, which has no body, names the action and the credentials": (
            GET,
            RefusedError(403),
            "Forbidden. Grant s3:GetObject",
        ),
        "a denied key names the action of KMS": (
            GET,
            RefusedError(403, "AccessDenied", "not authorized to perform: kms:Decrypt on key"),
            "Grant kms:Decrypt on the KMS key",
        ),
        "a wrong secret is no question of permissions": (
            LIST,
            RefusedError(403, "SignatureDoesNotMatch"),
            "Check the secret access key",
        ),
        "an unknown key is no question of permissions": (
            LIST,
            RefusedError(403, "InvalidAccessKeyId"),
            "Check the access key ID",
        ),
        "an expired token is renewed": (LIST, RefusedError(400, "ExpiredToken"), "Renew"),
        "a clock is set": (LIST, RefusedError(403, "RequestTimeTooSkewed"), "Set the clock"),
        "an archived object is restored": (
            GET,
            RefusedError(403, "InvalidObjectState"),
            "restore it, then try again",
        ),
        "another region is set": (LIST, RefusedError(301, "PermanentRedirect"), "Set AWS_REGION"),
        "a changed object is synced again": (
            GET,
            RefusedError(412),
            "changed after it was listed",
        ),
        "a copy names source and destination": (
            COPY,
            RefusedError(412, "PreconditionFailed"),
            "cannot copy s3://bucket/a to s3://other/b: PreconditionFailed: Why. The object",
        ),
        "too many parts name the limit": (
            PUT._replace(size=100),
            RefusedError(
                400, "InvalidArgument", "Part number must be an integer between 1 and 1000"
            ),
            "between 1 and 1000. The file, of 100 bytes, takes more parts than the service",
        ),
        "a certificate that is not trusted names its CA": (
            LIST,
            BrokenError("AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE"),
            "if a CA of your own has signed it, set AWS_CA_BUNDLE",
        ),
        "an upload names both sides": (
            PUT,
            RefusedError(503, "SlowDown"),
            "cannot upload /data/key to s3://bucket/key: SlowDown: Why. The service throttles",
        ),
        "throttling that lasts has the name and the remedy of S3": (
            LIST,
            BrokenError("AWS_ERROR_S3_SLOW_DOWN"),
            "cannot list s3://bucket/run/: SlowDown: why. The service throttles requests",
        ),
        "a clock that is wrong for each attempt is set": (
            LIST,
            BrokenError("AWS_ERROR_S3_REQUEST_TIME_TOO_SKEWED"),
            "cannot list s3://bucket/run/: RequestTimeTooSkewed: why. Set the clock",
        ),
        "an unknown refusal has no remedy": (LIST, RefusedError(418, "Teapot"), "Teapot: Why"),
        "a status that nobody knows is named": (LIST, RefusedError(599), "HTTP status 599"),
        "an unreachable host is named": (
            LIST,
            BrokenError("AWS_IO_DNS_QUERY_FAILED"),
            "AWS_IO_DNS_QUERY_FAILED: why. Check the network, the region and AWS_ENDPOINT_URL: "
            "the host is s3.example.com",
        ),
    },
)
def test_message_names_thing_cause_and_remedy(request_, error, message):
    translated = translate_error(error, request_, "s3.example.com")
    assert isinstance(translated, AWSError)
    assert not isinstance(translated, ResourceNotFoundError)
    assert message in str(translated)


def test_no_permission_is_advised_for_a_request_without_credentials():
    error = translate_error(RefusedError(403, "AccessDenied"), GET, "host", is_signed=False)

    assert "without credentials" in str(error)
    assert "leave out --no-sign-request" in str(error)
    assert "Grant" not in str(error)


@pytest.mark.parametrize(
    "code", ["SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidObjectState", "Teapot"]
)
def test_permission_is_advised_for_a_denied_access_only(code):
    assert "Grant" not in str(translate_error(RefusedError(403, code), LIST, "host"))


@pytest.mark.parametrize("code", ["NoSuchBucket", "NoSuchKey", ""])
def test_missing_bucket_or_object_has_an_error_of_its_own(code):
    error = translate_error(RefusedError(404, code), LIST, "host")
    assert isinstance(error, ResourceNotFoundError)


@table(
    "error, number",
    {
        "a full disk": (BrokenError("AWS_ERROR_NO_SPACE"), errno.ENOSPC),
        "a missing file": (BrokenError("AWS_ERROR_FILE_INVALID_PATH"), errno.ENOENT),
        "a file that vanishes between two parts": (BrokenError("FileNotFoundError"), errno.ENOENT),
        "a refused file": (BrokenError("AWS_ERROR_NO_PERMISSION"), errno.EACCES),
        "an error of the system": (OSError(errno.EIO, "Input/output error"), errno.EIO),
    },
)
def test_error_of_a_file_names_it(error, number):
    translated = translate_error(error, GET, "host")
    assert isinstance(translated, OSError)
    assert (translated.errno, translated.filename) == (number, "/data/key")


def test_error_of_the_system_without_a_number_is_not_told_as_none():
    text = str(translate_error(OSError("broken"), GET, "host"))
    assert "None" not in text
    assert "broken" in text


def test_file_that_is_shorter_than_its_size_is_named():
    error = BrokenError("AWS_ERROR_S3_INCORRECT_CONTENT_LENGTH")
    translated = translate_error(error, PUT._replace(size=10), "host")
    assert isinstance(translated, OSError)
    assert "/data/key has fewer than the 10 bytes that it was listed with" in str(translated)


def test_archived_object_has_an_error_of_its_own():
    error = translate_error(RefusedError(403, "InvalidObjectState"), GET, "host")
    assert isinstance(error, ArchivedError)
