"""Waiting for services that take fewer messages per second than one would send."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Final

from aibs_informatics_aws_lambda.common.json_io import JSONObject

# Seconds. botocore has tried 6 times by then, but its pauses are made for busy servers: they end
# too soon for a sending rate of a few messages per second that several functions share.
_PAUSES: Final = (1, 2, 4, 8, 16)

_CODES: Final = {
    "RequestThrottled",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}


def retry_throttled(send: Callable[[], JSONObject]) -> JSONObject:
    """Call ``send`` until its service does not refuse it for the sending rate.

    The pauses grow, and are cut by chance, so that functions that send at once spread out. They
    last 31 seconds at most in sum.

    Raises:
        ClientError: any other error of the service; that of the last attempt.
    """
    from botocore.exceptions import ClientError

    for pause in _PAUSES:
        try:
            return send()
        except ClientError as error:
            if not _is_for_sending_rate(error.response):
                raise
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - nothing is kept secret by it
    return send()


def _is_for_sending_rate(response: Any) -> bool:
    error = response.get("Error", {})
    # The daily quota has the same code (Amazon SES Developer Guide, "Errors related to the
    # sending quotas"), and no function lives long enough to wait for the next day.
    return error.get("Code") in _CODES and "quota" not in error.get("Message", "").lower()
