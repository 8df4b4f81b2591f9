from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.data_sync.s3.retries import (
    FailedAttempt,
    Reaction,
    RetryPolicy,
    find_header,
    is_transient,
    react,
    retry_delay,
)
from tables import table

FAIL, REPEAT, REDIRECT, SETTLE = Reaction.FAIL, Reaction.REPEAT, Reaction.REDIRECT, Reaction.SETTLE
DEFAULT = RetryPolicy(9, repeats_throttled=True, first_wait_ms=100)
NO_RETRIES = RetryPolicy(0, repeats_throttled=False, first_wait_ms=100)
THROTTLED = "AWS_ERROR_S3_SLOW_DOWN"


def failed(number: int = 0, status: int | None = 502, code: str = "", **facts: bool):
    return FailedAttempt(number, status, code, **facts)


@table(
    "attempt, policy, reaction",
    {
        "an error that may not come again": (failed(), DEFAULT, REPEAT),
        "the last retry": (failed(8), DEFAULT, REPEAT),
        "no retry is left": (failed(9), DEFAULT, FAIL),
        "no retries at all": (failed(), NO_RETRIES, FAIL),
        "an error that comes again": (failed(status=403), DEFAULT, FAIL),
        "a body that was passed on in part": (failed(has_begun=True), DEFAULT, FAIL),
        "an attempt that was too slow": (failed(status=None, is_too_slow=True), DEFAULT, REPEAT),
        "the last one was too slow": (failed(9, None, is_too_slow=True), DEFAULT, FAIL),
        "too slow, with a body that was passed on in part": (
            failed(status=None, is_too_slow=True, has_begun=True),
            DEFAULT,
            FAIL,
        ),
        "another region": (failed(status=301, is_misdirected=True), DEFAULT, REDIRECT),
        "another region, without retries": (
            failed(2, 301, is_misdirected=True),
            NO_RETRIES,
            REDIRECT,
        ),
        "yet another region": (failed(3, 301, is_misdirected=True), NO_RETRIES, FAIL),
        "throttled until the library gave up": (failed(1, 503, THROTTLED), DEFAULT, REPEAT),
        "throttled for minutes": (failed(2, 503, THROTTLED), DEFAULT, FAIL),
        "throttled, with a number of retries": (
            failed(0, 503, THROTTLED),
            RetryPolicy(9, repeats_throttled=False, first_wait_ms=100),
            FAIL,
        ),
        "a condition that may have failed in error": (
            failed(status=412, is_in_doubt=True),
            DEFAULT,
            SETTLE,
        ),
        "a condition that has failed": (failed(status=412), DEFAULT, FAIL),
    },
)
def test_reaction_to_a_failed_attempt(attempt, policy, reaction):
    assert react(attempt, policy) is reaction


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
