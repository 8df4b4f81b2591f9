from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.batch.retry_strategy import (
    build_retry_strategy,
    default_retry_strategy,
)

SPOT = {"action": "RETRY", "onStatusReason": "Host EC2*"}
IMAGE_PULL = {"action": "RETRY", "onReason": "CannotPull*"}
LAST = {"action": "EXIT", "onStatusReason": "*"}


def test_default_is_five_attempts_for_causes_outside_the_job():
    assert default_retry_strategy() == {
        "attempts": 5,
        "evaluateOnExit": [
            {
                "action": "RETRY",
                "onStatusReason": "Task failed to start",
                "onReason": "DockerTimeoutError*",
            },
            {"action": "RETRY", "onStatusReason": "Host EC2*"},
            {"action": "EXIT", "onStatusReason": "*"},
        ],
    }


def test_no_strategy_and_an_empty_one_are_the_default():
    assert build_retry_strategy() == default_retry_strategy()
    assert build_retry_strategy({}, []) == default_retry_strategy()


def test_a_strategy_of_the_request_is_unchanged():
    own = {"attempts": 2, "evaluateOnExit": [{"onExitCode": "1", "action": "EXIT"}]}

    assert build_retry_strategy(own) == own


def test_with_presets_alone_any_other_cause_exits():
    assert build_retry_strategy(presets=["spot", "image_pull", "spot"]) == {
        "attempts": 5,
        "evaluateOnExit": [SPOT, IMAGE_PULL, LAST],
    }


def test_presets_precede_the_rules_of_the_request():
    own_rule = {"action": "RETRY", "onExitCode": "75"}
    own = {"attempts": 3, "evaluateOnExit": [own_rule]}

    assert build_retry_strategy(own, ["spot"]) == {
        "attempts": 3,
        "evaluateOnExit": [SPOT, own_rule],
    }


def test_each_call_returns_a_new_strategy():
    default_retry_strategy()["evaluateOnExit"][0]["action"] = "EXIT"

    assert default_retry_strategy()["evaluateOnExit"][0]["action"] == "RETRY"
