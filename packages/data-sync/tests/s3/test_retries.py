from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.data_sync.s3.retries import (
    find_header,
    is_transient,
    retry_delay,
)
from tables import table


@table(
    "status, code, transient",
    {
        "too many requests": (429, "", True),
        "a service that throttles with another status": (400, "Throttling", True),
        "a key service that throttles": (400, "KMS.ThrottlingException", True),
        "a request to a key that another one is about": (409, "OperationAborted", True),
        "a request that came before another one was done": (400, "PriorRequestNotComplete", True),
        "SlowDown with another status": (429, "SlowDown", True),
        "a request that took too long": (408, "RequestTimeout", True),
        "a gateway without a response": (502, "", True),
        "a gateway that has waited for long": (504, "", True),
        "the library itself retries 503": (503, "SlowDown", False),
        "the library itself retries 500": (500, "InternalError", False),
        "no permission": (403, "AccessDenied", False),
        "no object": (404, "NoSuchKey", False),
        "another version": (412, "PreconditionFailed", False),
        "no such operation": (501, "NotImplemented", False),
        "no response at all": (None, "AWS_IO_DNS_QUERY_FAILED", False),
    },
)
def test_what_is_sent_again(status, code, transient):
    assert is_transient(status, code) is transient


@table(
    "attempt, retry_after, shortest, longest",
    {
        "the first wait": (0, None, 0.0, 0.1),
        "the second one is up to twice as long": (1, None, 0.0, 0.2),
        "the sixth one": (5, None, 0.0, 3.2),
        "no wait is longer than 20 seconds": (9, None, 0.0, 20.0),
        "a service asks for a wait": (0, "3", 3.0, 3.1),
        "a service asks for an hour": (0, "3600", 20.0, 20.0),
        "a service asks for a wait until a date": (0, "Sun, 29 Nov 2026 08:00:00 GMT", 0.0, 0.1),
        "a service asks for nonsense": (0, "-5", 0.0, 0.1),
        "a service asks for nothing": (0, " ", 0.0, 0.1),
    },
)
def test_wait_has_full_jitter_and_a_limit(attempt, retry_after, shortest, longest):
    waits = [retry_delay(attempt, 0.1, retry_after, choose) for choose in (min, max)]
    assert waits == [shortest, longest]


def test_header_has_any_case():
    assert find_header({"Retry-After": "3"}, "retry-after") == "3"
    assert find_header({"retry-after": "4"}, "retry-after") == "4"
    assert find_header({}, "retry-after") is None
