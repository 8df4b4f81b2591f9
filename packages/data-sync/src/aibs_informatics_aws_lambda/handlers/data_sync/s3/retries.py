"""Retries of requests beyond those of the client library: of which errors, and after how long.

The library retries 500, 503 and broken connections. All other statuses are final to it, among them
those with which services throttle requests and gateways report a service that does not respond.
"""

import random
from collections.abc import Callable, Mapping
from enum import Enum
from http import HTTPStatus
from typing import Final, NamedTuple

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

# Throttling may last for minutes, and the library gives up within one: so often it starts again.
_ROUNDS_IF_THROTTLED: Final = 2
# Requests are sent to another region, or without trailing checksums, however few the retries.
_REDIRECTIONS: Final = 3

LONGEST_WAIT_SECONDS = 20.0
"""The longest wait before a retry, whatever a service asks for."""


class RetryPolicy(NamedTuple):
    """How often requests are sent again.

    Args:
        retries: the attempts of a request after the first one.
        repeats_throttled: whether a request starts again after the library has given up on a
            service that throttles.
        first_wait_ms: the longest wait before the first retry, in milliseconds; it doubles with
            each retry.
    """

    retries: int
    repeats_throttled: bool
    first_wait_ms: int


class FailedAttempt(NamedTuple):
    """An attempt of a request that has failed.

    Args:
        number: its number, from 0.
        status: the HTTP status of the response, if there was one.
        code: the code of the error.
        has_begun: whether a part of the body was passed on.
        is_too_slow: whether it was ended as it was too slow.
        is_misdirected: whether the error says how to send the request instead: to another region,
            or without trailing checksums.
        is_in_doubt: whether its condition may have failed though the object has not changed.
    """

    number: int
    status: int | None
    code: str
    has_begun: bool = False
    is_too_slow: bool = False
    is_misdirected: bool = False
    is_in_doubt: bool = False


class Reaction(Enum):
    """What follows a failed attempt."""

    FAIL = "the request fails"
    REPEAT = "the request is sent again, after a wait"
    REDIRECT = "the request is sent again at once, in another way"
    SETTLE = "the request is sent again unless the object has changed"


def react(failed: FailedAttempt, policy: RetryPolicy) -> Reaction:
    """Return what follows a failed attempt."""
    number, retries = failed.number, policy.retries
    if failed.has_begun:
        return Reaction.FAIL
    if failed.is_too_slow:
        return Reaction.REPEAT if number < retries else Reaction.FAIL
    if number >= max(retries, _REDIRECTIONS):
        return Reaction.FAIL
    if failed.is_misdirected:
        return Reaction.REDIRECT
    if is_throttled(failed.code):
        starts_again = policy.repeats_throttled and number < _ROUNDS_IF_THROTTLED
        return Reaction.REPEAT if starts_again else Reaction.FAIL
    if number < retries and is_transient(failed.status, failed.code):
        return Reaction.REPEAT
    return Reaction.SETTLE if failed.is_in_doubt else Reaction.FAIL


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


def find_header_of(error: Exception, name: str) -> str | None:
    """Return the value of a header of the response that an error of the library is about."""
    return find_header(dict(getattr(error, "headers", None) or ()), name)


def find_header(headers: Mapping[str, str], name: str) -> str | None:
    """Return the value of a header, whatever the case of its name."""
    return next((value for key, value in headers.items() if key.lower() == name), None)
