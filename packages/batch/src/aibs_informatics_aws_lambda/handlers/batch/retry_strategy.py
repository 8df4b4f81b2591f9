"""When Batch tries a failed job again.

Rules are tried in order; a job that matches none is tried again, so a last rule ends the rest:
https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

__all__ = ["RetryPreset", "default_retry_strategy"]

_ATTEMPTS = 5

_DOCKER_TIMED_OUT = {
    "action": "RETRY",
    "onStatusReason": "Task failed to start",
    "onReason": "DockerTimeoutError*",
}
_HOST_LOST = {"action": "RETRY", "onStatusReason": "Host EC2*"}
_IMAGE_NOT_PULLED = {"action": "RETRY", "onReason": "CannotPull*"}
_ANYTHING_ELSE = {"action": "EXIT", "onStatusReason": "*"}


class RetryPreset(StrEnum):
    """A cause, outside the job itself, for which it is tried again."""

    SPOT = "spot"
    IMAGE_PULL = "image_pull"


def default_retry_strategy() -> dict[str, Any]:
    """Return the strategy of jobs that name none: five attempts, for causes outside the job."""
    return {
        "attempts": _ATTEMPTS,
        "evaluateOnExit": [dict(_DOCKER_TIMED_OUT), dict(_HOST_LOST), dict(_ANYTHING_ELSE)],
    }
