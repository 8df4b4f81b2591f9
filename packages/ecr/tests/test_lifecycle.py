from aibs_informatics_aws_lambda.handlers.ecr import (
    LifecyclePolicy,
    LifecyclePolicyAction,
    LifecyclePolicyRule,
)
from hypothesis import given, strategies as st


def test_remove_untagged_rule():
    rule = LifecyclePolicyRule.REMOVE_UNTAGGED(rule_priority=3, days=7)

    assert rule.rule_priority == 3
    assert rule.action == LifecyclePolicyAction(type="expire")
    assert rule.to_dict()["selection"] == {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countNumber": 7,
        "countUnit": "days",
    }


def test_policy_round_trip():
    policy = LifecyclePolicy.from_rules(LifecyclePolicyRule.REMOVE_UNTAGGED())

    assert LifecyclePolicy.from_json(policy.to_json()) == policy


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 999)), max_size=9))
def test_priorities_are_strictly_increasing(pairs):
    rules = [LifecyclePolicyRule.REMOVE_UNTAGGED(*pair) for pair in pairs]

    found = LifecyclePolicy.from_rules(*rules).rules

    priorities = [rule.rule_priority for rule in found]
    assert priorities == sorted(set(priorities))
    assert [rule.selection.count_number for rule in found] == [
        days for _, days in sorted(pairs, key=lambda pair: pair[0])
    ]
    assert all(
        given <= raised for (given, _), raised in zip(sorted(pairs), priorities, strict=True)
    )
    assert [rule.rule_priority for rule in rules] == [priority for priority, _ in pairs]
