"""When Batch tries a failed job again.

Rules are tried in order. A job that matches none is tried again, so a last rule ends all others:
https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from aibs_informatics_aws_lambda.common.json_io import JSONObject

MAX_RULES = 5
"""The most rules that Batch takes in one strategy."""

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


_PRESET_RULES = {RetryPreset.SPOT: _HOST_LOST, RetryPreset.IMAGE_PULL: _IMAGE_NOT_PULLED}


def default_retry_strategy() -> JSONObject:
    """Return the strategy of jobs that name none: five attempts, for causes outside the job."""
    return _strategy(_ATTEMPTS, [_DOCKER_TIMED_OUT, _HOST_LOST, _ANYTHING_ELSE])


def build_retry_strategy(
    strategy: JSONObject | None = None, presets: Sequence[RetryPreset] | None = None
) -> JSONObject:
    """Return the strategy of a job.

    Args:
        strategy: the job's own, in the shape of the Batch API; empty stands for the default one.
        presets: causes whose rules come before the rules of the job's own strategy. Without rules
            of its own, the job ends for any other cause; without a number, it has five attempts.
    """
    if not presets:
        return strategy or default_retry_strategy()
    own = strategy or {}
    rules = [_PRESET_RULES[preset] for preset in dict.fromkeys(presets)]
    rules += own.get("evaluateOnExit") or [_ANYTHING_ELSE]
    return _strategy(own.get("attempts") or _ATTEMPTS, rules)


def _strategy(attempts: int, rules: Sequence[JSONObject]) -> JSONObject:
    return {"attempts": attempts, "evaluateOnExit": [dict(rule) for rule in rules]}
