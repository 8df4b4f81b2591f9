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


def test_own_strategy_stays_as_it_is():
    own = {"attempts": 2, "evaluateOnExit": [{"onExitCode": "1", "action": "EXIT"}]}

    assert build_retry_strategy(own) == own


def test_presets_alone_end_the_job_for_any_other_cause():
    assert build_retry_strategy(presets=["spot", "image_pull", "spot"]) == {
        "attempts": 5,
        "evaluateOnExit": [SPOT, IMAGE_PULL, LAST],
    }


def test_presets_come_before_the_rules_of_the_own_strategy():
    own_rule = {"action": "RETRY", "onExitCode": "75"}
    own = {"attempts": 3, "evaluateOnExit": [own_rule]}

    assert build_retry_strategy(own, ["spot"]) == {
        "attempts": 3,
        "evaluateOnExit": [SPOT, own_rule],
    }


def test_changing_the_answer_changes_no_later_one():
    default_retry_strategy()["evaluateOnExit"][0]["action"] = "EXIT"

    assert default_retry_strategy()["evaluateOnExit"][0]["action"] == "RETRY"
