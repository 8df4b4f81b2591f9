from __future__ import annotations

import json

from aibs_informatics_aws_lambda.handlers.notifications.sqs_handler import handler

EMAIL = {"recipients": ["ann@example.org"]}
ABSENT = {"topic": "arn:aws:sns:us-west-2:123456789012:absent"}


def batch(*bodies):
    return {
        "Records": [
            {
                "messageId": str(number),
                "body": body if isinstance(body, str) else json.dumps(body),
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-west-2:123456789012:notifications",
            }
            for number, body in enumerate(bodies)
        ]
    }


def request(*targets, **fields):
    content = {"subject": "Done", "message": "All 12 steps are done."}
    return {"content": content, "targets": list(targets), **fields}


def test_only_invalid_messages_are_reported_as_item_failures(mail, lambda_context):
    event = batch(request(EMAIL), request({}), "no JSON", request(EMAIL))

    response = handler(event, lambda_context)

    assert response == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]}
    assert len(mail.simple) == 2


def test_a_failed_delivery_is_logged_and_not_an_item_failure(mail, lambda_context, caplog):
    response = handler(batch(request(ABSENT, EMAIL)), lambda_context)

    assert response == {"batchItemFailures": []}
    assert len(mail.simple) == 1
    (failed,) = [line.getMessage() for line in caplog.records if line.levelname == "ERROR"]
    assert ABSENT["topic"] in failed


def test_a_message_received_twice_is_delivered_once(mail, make_table, lambda_context):
    make_table()
    event = batch(request(EMAIL, idempotency_key="run-7"))

    for _ in range(2):
        assert handler(event, lambda_context) == {"batchItemFailures": []}

    assert len(mail.simple) == 1
