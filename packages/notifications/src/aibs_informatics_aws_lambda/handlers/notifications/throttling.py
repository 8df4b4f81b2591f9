"""Retry calls that exceed the sending rate of a service."""

import random
import time
from collections.abc import Callable
from typing import Any

from aibs_informatics_aws_lambda.common.json_io import JSONObject

# Seconds. botocore has already retried by then, but its backoff is too short for a sending rate
# of a few messages per second that several functions share.
_PAUSES = (1, 2, 4, 8, 16)

_CODES = {
    "RequestThrottled",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}


def retry_throttled(send: Callable[[], JSONObject]) -> JSONObject:
    """Call ``send``, and retry with exponential backoff and jitter while it is throttled.

    There are at most 6 attempts, with pauses of at most 31 seconds in total.

    Raises:
        ClientError: the service returned another error, or throttled the last attempt.
    """
    from botocore.exceptions import ClientError

    for pause in _PAUSES:
        try:
            return send()
        except ClientError as error:
            if not _exceeds_sending_rate(error.response):
                raise
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter, not a secret
    return send()


def _exceeds_sending_rate(response: Any) -> bool:
    error = response.get("Error", {})
    # The daily quota has the same code (Amazon SES Developer Guide, "Errors related to the
    # sending quotas"), but waiting until the next day is longer than a function may run.
    return error.get("Code") in _CODES and "quota" not in error.get("Message", "").lower()
