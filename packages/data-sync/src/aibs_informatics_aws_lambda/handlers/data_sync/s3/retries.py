"""Retries of requests beyond those of the client library: of which errors, and after how long.

The library retries 500, 503 and broken connections. All other statuses are final to it, among them
those with which services throttle requests and gateways report a service that does not respond.
"""

import random
from collections.abc import Callable, Mapping
from http import HTTPStatus

_STATUSES = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_OF_THE_LIBRARY = frozenset({HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE})
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
_TRANSIENT_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        # S3 passes on, with status 400, that KMS throttles it.
        "KMS.ThrottlingException",
        # Another request to the same key is not done yet: "Try again", the documentation says.
        "OperationAborted",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
    }
)

# Of single objects, in a response whose status is 200.
_TRANSIENT_OF_OBJECTS = _TRANSIENT_CODES | {"InternalError", "ServiceUnavailable"}

LONGEST_WAIT_SECONDS = 20.0
"""The longest wait before a retry, whatever a service asks for."""


def is_transient(status: int | None, code: str) -> bool:
    """Return whether an error that the library does not retry may not come again."""
    if status is None or status in _OF_THE_LIBRARY:
        return False
    return status in _STATUSES or code in _TRANSIENT_CODES


def is_transient_of_object(code: str) -> bool:
    """Return whether the error of one object, in the response to a request, may not come again."""
    return code in _TRANSIENT_OF_OBJECTS


def is_throttled(code: str) -> bool:
    """Return whether a service throttled a request until the library gave up."""
    return code == "AWS_ERROR_S3_SLOW_DOWN"


def retry_delay(
    attempt: int,
    first_seconds: float,
    retry_after: str | None = None,
    choose: Callable[[float, float], float] = random.uniform,
) -> float:
    """Return the seconds to wait before the next attempt: exponential backoff with full jitter.

    Args:
        attempt: the number of the attempt that failed, from 0.
        first_seconds: the longest wait after the first attempt; it doubles with each attempt.
        retry_after: the value of the header ``Retry-After``: a shorter wait is in vain.
        choose: returns a number between two others.
    """
    wait = choose(0.0, min(LONGEST_WAIT_SECONDS, first_seconds * 2.0**attempt))
    asked = float(retry_after) if retry_after and retry_after.strip().isdecimal() else 0.0
    return min(LONGEST_WAIT_SECONDS, asked + wait)


def find_header(headers: Mapping[str, str], name: str) -> str | None:
    """Return the value of a header, whatever the case of its name."""
    return next((value for key, value in headers.items() if key.lower() == name), None)
