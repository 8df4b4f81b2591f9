from __future__ import annotations

import copy
import json
import logging
import sys
import time

import pytest
from aibs_informatics_aws_lambda.common.exceptions import (
    ApplicationException,
    AWSError,
    ValidationError,
)
from aibs_informatics_aws_lambda.handlers.notifications.idempotency import DeliveryInProgressError
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.base import Notifier
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.model import (
    NotifierResult,
    SESEmailTarget,
)
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.ses import SESNotifier
from aibs_informatics_aws_lambda.handlers.notifications.router import NotificationRouter

CONTENT = {"subject": "Done", "message": "All 12 steps are done."}
EMAIL = {"recipients": ["ann@example.org"]}
ABSENT = {"topic": "arn:aws:sns:us-west-2:123456789012:absent"}


@pytest.fixture
def route(lambda_context):
    """Send a notification and return the results."""

    def call(*targets, content=CONTENT, context=lambda_context, notifiers=(), **fields):
        handler = NotificationRouter.get_handler(notifiers=list(notifiers))
        event = {"content": content, "targets": list(targets), **fields}
        before = copy.deepcopy(event)
        try:
            return handler(event, context)["results"]
        finally:
            assert event == before

    return call


def successes(results):
    return [result["success"] for result in results]


def test_every_target_gets_the_content_once_and_has_a_result_in_order(route, mail, make_topic):
    topic = make_topic()

    results = route({"topic": topic.arn}, EMAIL)

    assert [result["target"] for result in results] == [{"topic": topic.arn}, EMAIL]
    assert successes(results) == [True, True]
    assert [sent["body"] for sent in mail.simple] == [CONTENT["message"]]
    (received,) = topic.messages()
    assert (received["Subject"], received["Message"]) == ("Done", "All 12 steps are done.")
    response = json.loads(results[1]["response"])
    assert response["MessageId"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_no_targets_have_no_results(route):
    assert route() == []


def test_a_failing_target_does_not_stop_the_others(route, mail, make_topic):
    topic = make_topic()

    results = route(ABSENT, {"recipients": []}, EMAIL, {"topic": topic.arn})

    assert successes(results) == [False, False, True, True]
    assert len(mail.simple) == len(topic.messages()) == 1


def test_the_handler_succeeds_even_if_every_delivery_fails(route, aws):
    assert successes(route(EMAIL, ABSENT)) == [False, False]


def test_equal_targets_each_receive_the_message(route, mail):
    assert successes(route(EMAIL, {"recipient": "ann@example.org"})) == [True, True]
    assert len(mail.simple) == 2


def test_nothing_is_sent_if_a_target_is_invalid(route, mail):
    with pytest.raises(ValidationError, match=r"targets\.1"):
        route(EMAIL, {"recipients": ["nobody"]})

    assert mail.simple == []


def test_a_target_without_a_notifier_is_a_failed_result(route, mail):
    results = route(ABSENT, EMAIL, notifiers=[SESNotifier()])

    assert results[0] == {
        "target": ABSENT,
        "success": False,
        "response": "No notifier could handle target",
    }
    assert results[1]["success"]


def test_webhooks_of_every_kind_are_delivered_to(route, endpoint):
    targets = [
        {"slack_webhook": f"{endpoint.url}/slack"},
        {"teamsWebhook": f"{endpoint.url}/teams"},
        {"webhook": f"{endpoint.url}/any"},
    ]

    assert successes(route(*targets)) == [True, True, True]
    assert [request.path for request in endpoint.requests] == ["/slack", "/teams", "/any"]


def test_webhooks_are_not_used_with_custom_notifiers_only(route, endpoint):
    (result,) = route({"webhook": endpoint.url}, notifiers=[SESNotifier()])

    assert not result["success"]
    assert endpoint.requests == []


def test_custom_notifiers_are_tried_in_order_and_may_raise(route, mail):
    class Broken(Notifier[SESEmailTarget]):
        def notify(self, content, target):
            raise RuntimeError("out of paper")

    class Posting(Notifier[SESEmailTarget]):
        def notify(self, content, target):
            return NotifierResult(target=target, success=True, response=["posted"])

    assert route(EMAIL, notifiers=[Posting(), Broken()])[0]["response"] == ["posted"]
    (failed,) = route(EMAIL, notifiers=[Broken(), Posting()])
    assert (failed["success"], failed["response"]) == (False, "Broken: RuntimeError: out of paper")


def test_logs_name_the_target_and_the_reason_but_not_the_content(route, mail, make_topic, caplog):
    topic = make_topic()
    content = {"subject": "private subject", "message": "private text"}

    with caplog.at_level(logging.INFO):
        route(EMAIL, {"topic": topic.arn}, ABSENT, content=content)

    (failed,) = [line.getMessage() for line in caplog.records if line.levelname == "ERROR"]
    assert ABSENT["topic"] in failed
    assert "NotFound" in failed
    assert "1 at example.org" in caplog.text
    assert topic.arn in caplog.text
    assert "private" not in caplog.text
    assert "ann@" not in caplog.text


def test_templates_are_rendered_before_anything_is_sent(route, mail, make_topic):
    topic = make_topic()
    content = {
        "subject": "{{ run }} finished",
        "message": "{{ steps|length }} steps",
        "variables": {"run": "R7", "steps": [1, 2]},
    }

    assert successes(route(EMAIL, {"topic": topic.arn}, content=content)) == [True, True]
    (received,) = topic.messages()
    assert (received["Subject"], received["Message"]) == ("R7 finished", "2 steps")

    with pytest.raises(ValidationError, match="'run' is undefined"):
        route(EMAIL, content={**content, "variables": {}})
    assert len(mail.simple) == 1


def test_a_template_without_jinja_is_rejected_before_anything_is_sent(route, mail, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)

    with pytest.raises(ApplicationException, match="templates"):
        route(EMAIL, content={**CONTENT, "variables": {}})

    assert mail.simple == []


def test_a_repeated_request_is_sent_once(route, mail, make_topic, make_table):
    make_table()
    topic = make_topic()
    targets = [EMAIL, EMAIL, {"topic": topic.arn}]

    first = route(*targets, idempotency_key="run-7")
    second = route(*reversed(targets), idempotency_key="run-7")

    assert second == [first[2], first[0], first[1]] or second == [first[2], first[1], first[0]]
    assert successes(second) == [True, True, True]
    assert (len(mail.simple), len(topic.messages())) == (2, 1)


def test_a_repeat_without_a_key_is_sent_again(route, mail, make_table):
    make_table()

    route(EMAIL)
    route(EMAIL)

    assert len(mail.simple) == 2


def test_another_key_is_another_notification(route, mail, make_table):
    make_table()

    route(EMAIL, idempotency_key="run-7")
    route(EMAIL, idempotency_key="run-8")

    assert len(mail.simple) == 2


def test_a_retry_sends_only_failed_deliveries(route, aws, mail, make_table):
    make_table()
    assert successes(route(EMAIL, ABSENT, idempotency_key="run-7")) == [True, False]
    aws.client("sns").create_topic(Name="absent")

    assert successes(route(EMAIL, ABSENT, idempotency_key="run-7")) == [True, True]
    assert len(mail.simple) == 1


def test_a_key_used_for_different_content_is_a_failed_result(route, mail, make_table):
    make_table()
    route(EMAIL, idempotency_key="run-7")

    (result,) = route(EMAIL, content={**CONTENT, "message": "other"}, idempotency_key="run-7")

    assert (result["success"], "Use a new key" in result["response"]) == (False, True)
    assert len(mail.simple) == 1


def test_a_key_without_a_table_is_ignored_with_a_warning(route, mail, caplog):
    for _ in range(2):
        assert successes(route(EMAIL, idempotency_key="run-7")) == [True]

    assert len(mail.simple) == 2
    assert "IDEMPOTENCY_TABLE is not set" in caplog.text


def test_a_fifo_topic_deduplicates_retries_without_a_table(route, make_topic):
    topic = make_topic("alerts.fifo")

    for _ in range(2):
        assert successes(route({"topic": topic.arn}, idempotency_key="run-7")) == [True]

    assert len(topic.messages()) == 1


def test_a_missing_table_is_named_and_nothing_is_sent(route, mail, monkeypatch):
    monkeypatch.setenv("IDEMPOTENCY_TABLE", "absent")

    with pytest.raises(AWSError, match=r"table absent \(IDEMPOTENCY_TABLE\)"):
        route(EMAIL, idempotency_key="run-7")

    assert mail.simple == []


def test_the_table_contains_neither_addresses_nor_content(route, aws, mail, make_table):
    table = make_table()

    route(EMAIL, idempotency_key="run-7")

    (item,) = aws.client("dynamodb").scan(TableName=table)["Items"]
    kept = json.dumps(item)
    assert "MessageId" in kept
    assert "ann@" not in kept
    assert "12 steps" not in kept
    assert int(item["expiration"]["N"]) > time.time() + 13 * 24 * 60 * 60


CRASH = """
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.ses import SESNotifier
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.sns import SNSNotifier
from aibs_informatics_aws_lambda.handlers.notifications.router import NotificationRouter
import json, os, sys

class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"

    def get_remaining_time_in_millis(self):
        return int(sys.argv[2])

class DiesBetweenTargets(NotificationRouter):
    def _report(self, *_):
        os._exit(9)

class DiesWithinATarget(SNSNotifier):
    def notify(self, content, target):
        os._exit(9)

between = DiesBetweenTargets.get_handler()
within = NotificationRouter.get_handler([SESNotifier(), DiesWithinATarget()])
{"between": between, "within": within}[sys.argv[1]](json.loads(sys.argv[3]), Context())
"""


@pytest.fixture
def crash(run_command):
    """Handle a request in a process that exits before it is done."""

    def run(where, *targets, milliseconds):
        event = {"content": CONTENT, "targets": list(targets), "idempotency_key": "run-7"}
        command = (sys.executable, "-c", CRASH, where, str(milliseconds), json.dumps(event))
        assert run_command(*command).returncode == 9

    return run


def test_a_retry_after_a_crash_between_targets_delivers_each_once(
    crash, route, mail, make_topic, make_table
):
    make_table()
    topic = make_topic()

    crash("between", EMAIL, {"topic": topic.arn}, milliseconds=60_000)
    assert (len(mail.simple), len(topic.messages())) == (1, 0)

    assert successes(route(EMAIL, {"topic": topic.arn}, idempotency_key="run-7")) == [True, True]
    assert (len(mail.simple), len(topic.messages())) == (1, 1)


def test_a_retry_after_a_crash_during_a_delivery_waits_for_the_timeout(
    crash, route, aws, mail, make_topic, make_table
):
    table = make_table()
    topic, other = make_topic(), make_topic("other")
    targets = [EMAIL, {"topic": topic.arn}, {"topic": other.arn}]

    crash("within", *targets, milliseconds=600_000)
    with pytest.raises(DeliveryInProgressError, match=rf"targets\.1: .*{topic.arn}"):
        route(*targets, idempotency_key="run-7")
    assert (len(mail.simple), len(topic.messages()), len(other.messages())) == (1, 0, 1)

    expire_invocations_in_progress(aws, table)
    assert successes(route(*targets, idempotency_key="run-7")) == [True, True, True]
    assert (len(mail.simple), len(topic.messages()), len(other.messages())) == (1, 1, 0)


def test_deliveries_are_locked_without_a_timeout_too(crash, route, mail, make_topic, make_table):
    make_table()
    topic = make_topic()

    crash("within", EMAIL, {"topic": topic.arn}, milliseconds=0)

    with pytest.raises(DeliveryInProgressError):
        route(EMAIL, {"topic": topic.arn}, idempotency_key="run-7")


def expire_invocations_in_progress(aws, table):
    """Move the timeouts of invocations in progress to the past."""
    dynamodb = aws.client("dynamodb")
    for item in dynamodb.scan(TableName=table)["Items"]:
        if item["status"]["S"] == "INPROGRESS":
            dynamodb.update_item(
                TableName=table,
                Key={"id": item["id"]},
                UpdateExpression="SET in_progress_expiration = :past",
                ExpressionAttributeValues={":past": {"N": "1"}},
            )
