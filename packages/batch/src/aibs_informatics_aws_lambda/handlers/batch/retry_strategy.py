"""Retry strategies of Batch jobs.

Batch evaluates rules in order, and retries a job that matches none. The last rule therefore exits.
https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
"""

from collections.abc import Sequence
from enum import StrEnum

from aibs_informatics_aws_lambda.common.json_io import JSONObject

MAX_RULES = 5
"""The maximum number of rules in a retry strategy."""

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
    """A cause outside of the job for which it is retried."""

    SPOT = "spot"
    IMAGE_PULL = "image_pull"


_PRESET_RULES = {RetryPreset.SPOT: _HOST_LOST, RetryPreset.IMAGE_PULL: _IMAGE_NOT_PULLED}


def default_retry_strategy() -> JSONObject:
    """Return the default strategy: up to five attempts, for causes outside of the job."""
    return _strategy(_ATTEMPTS, [_DOCKER_TIMED_OUT, _HOST_LOST, _ANYTHING_ELSE])


def build_retry_strategy(
    strategy: JSONObject | None = None, presets: Sequence[RetryPreset] | None = None
) -> JSONObject:
    """Return the retry strategy of a job.

    Args:
        strategy: the strategy of the request, as in the Batch API; default: see
            `default_retry_strategy`.
        presets: causes whose rules precede the rules of ``strategy``. Defaults with presets: five
            attempts, and exit for any other cause.
    """
    if not presets:
        return strategy or default_retry_strategy()
    own = strategy or {}
    rules = [_PRESET_RULES[preset] for preset in dict.fromkeys(presets)]
    rules += own.get("evaluateOnExit") or [_ANYTHING_ELSE]
    return _strategy(own.get("attempts") or _ATTEMPTS, rules)


def _strategy(attempts: int, rules: Sequence[JSONObject]) -> JSONObject:
    return {"attempts": attempts, "evaluateOnExit": [dict(rule) for rule in rules]}
