from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.notifications.idempotency import delivery_ids
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.model import (
    SESEmailTarget,
    SNSTopicTarget,
)
from hypothesis import given, strategies as st

TARGETS = [
    SNSTopicTarget(topic="arn:aws:sns:us-west-2:123456789012:alerts"),
    SNSTopicTarget(topic="arn:aws:sns:us-west-2:123456789012:other"),
    SESEmailTarget(recipients=["ann@example.org"]),
]

targets = st.lists(st.sampled_from(TARGETS), max_size=6)


@given(targets)
def test_deliveries_of_a_request_have_different_ids(targets):
    ids = delivery_ids("key", targets)

    assert len(set(ids)) == len(targets)


@given(targets, st.randoms())
def test_ids_do_not_change_with_the_order_of_the_targets(targets, random):
    shuffled = random.sample(targets, len(targets))

    assert sorted(delivery_ids("key", targets)) == sorted(delivery_ids("key", shuffled))


@given(targets)
def test_ids_differ_between_keys(targets):
    assert not set(delivery_ids("key", targets)) & set(delivery_ids("other", targets))
