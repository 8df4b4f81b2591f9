"""Messages that SNS, EventBridge and S3 send to queues and streams, and records of Kafka."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import ClassVar

import pytest
from aibs_informatics_aws_lambda.common.envelopes import S3ObjectEvent
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

EVENTS = Path(__file__).parent / "events"


class Order(PydanticBaseModel):
    count: int


class Fill(LambdaHandler[Order, Order]):
    handled: ClassVar[list[int]] = []

    def handle(self, request):
        if request.count < 1:
            raise ValueError("nothing is ordered")
        self.handled.append(request.count)


class Index(LambdaHandler[S3ObjectEvent, Order]):
    handled: ClassVar[list[S3ObjectEvent]] = []

    def handle(self, request):
        if "broken" in request.key:
            raise ValueError(f"a broken object of {len(request.key)} letters")
        self.handled.append(request)


@pytest.fixture(autouse=True)
def _nothing_handled(monkeypatch):
    for handler_cls in (Fill, Index):
        monkeypatch.setattr(handler_cls, "handled", [])


def by_sqs(body):
    text = body if isinstance(body, str) else json.dumps(body)
    return {"Records": [{"messageId": "m0", "body": text, "eventSource": "aws:sqs"}]}


def by_kinesis(body):
    event = json.loads((EVENTS / "kinesis.json").read_text())
    event["Records"] = event["Records"][:1]
    event["Records"][0]["kinesis"]["data"] = encode(body)
    return event


def by_kafka(*bodies):
    event = json.loads((EVENTS / "kafka_msk.json").read_text())
    model = event["records"]["orders-0"][0]
    event["records"] = {
        "orders-0": [
            {**copy.deepcopy(model), "offset": number, "value": encode(body)}
            for number, body in enumerate(bodies)
        ]
    }
    return event


def encode(body):
    text = body if isinstance(body, str) else json.dumps(body)
    return base64.b64encode(text.encode()).decode()


def sns(message):
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:orders",
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2024-01-02T03:04:05.000Z",
        "SignatureVersion": "1",
    }


def eventbridge(detail, **fields):
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Order Placed",
        "source": "shop",
        "account": "123456789012",
        "time": "2024-01-02T03:04:05Z",
        "region": "us-west-2",
        "resources": [],
        "detail": detail,
        **fields,
    }


def s3_notification(*keys):
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "us-west-2",
                "eventTime": "2024-01-02T03:04:05.678Z",
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {"name": "bucket", "arn": "arn:aws:s3:::bucket"},
                    "object": {
                        "key": key,
                        "size": 1024,
                        "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                        "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                        "sequencer": "0055AED6DCD90281E5",
                    },
                },
            }
            for key in keys
        ]
    }


S3_DETAIL = {
    "version": "0",
    "bucket": {"name": "bucket"},
    "object": {
        "key": "folder/a+b%20c.txt",
        "size": 1024,
        "etag": "d41d8cd98f00b204e9800998ecf8427e",
        "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
        "sequencer": "00617F08299329D189",
    },
    "reason": "PutObject",
}
S3_EVENT = eventbridge(S3_DETAIL, source="aws.s3", **{"detail-type": "Object Created"})


@pytest.mark.parametrize(
    ("envelopes", "body"),
    [
        (("sns",), sns({"count": 3})),
        (("sns",), sns(json.dumps(json.dumps({"count": 3})))),
        (("eventbridge",), eventbridge({"count": 3})),
        (("sns", "eventbridge"), sns(eventbridge({"count": 3}))),
    ],
)
@pytest.mark.parametrize(
    ("builder", "event_of"),
    [
        ("get_sqs_batch_handler", by_sqs),
        ("get_kinesis_stream_handler", by_kinesis),
        ("get_kafka_handler", by_kafka),
    ],
)
def test_request_in_envelopes(builder, event_of, envelopes, body, lambda_context):
    handler = getattr(Fill, builder)(envelopes=envelopes)
    assert handler(event_of(body), lambda_context) == {"batchItemFailures": []}
    assert Fill.handled == [3]


@pytest.mark.parametrize(
    ("envelopes", "body"),
    [
        (("s3",), s3_notification("folder/a%2Bb+%C3%A9.txt")),
        (("sns", "s3"), sns(s3_notification("folder/a%2Bb+%C3%A9.txt"))),
    ],
)
def test_object_of_an_s3_notification(envelopes, body, lambda_context):
    Index.get_sqs_batch_handler(envelopes=envelopes)(by_sqs(body), lambda_context)
    (event,) = Index.handled
    assert event.to_dict() == {
        "event_name": "ObjectCreated:Put",
        "bucket": "bucket",
        "key": "folder/a+b é.txt",
        "event_time": "2024-01-02T03:04:05.678000Z",
        "region": "us-west-2",
        "size": 1024,
        "etag": "d41d8cd98f00b204e9800998ecf8427e",
        "version_id": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
        "sequencer": "0055AED6DCD90281E5",
    }


def test_object_of_an_eventbridge_event_has_a_key_that_is_not_encoded(lambda_context):
    Index.get_sqs_batch_handler(envelopes=["s3"])(by_sqs(S3_EVENT), lambda_context)
    (event,) = Index.handled
    assert (event.event_name, event.key) == ("Object Created", "folder/a+b%20c.txt")
    assert event.version_id == S3_DETAIL["object"]["version-id"]


def test_path_of_an_object():
    event = S3ObjectEvent(event_name="ObjectCreated:Put", bucket="bucket", key="folder/a b.txt")
    assert event.path == "s3://bucket/folder/a b.txt"
    with pytest.raises(ValidationError, match="repeated slashes"):
        _ = S3ObjectEvent(event_name="ObjectCreated:Put", bucket="bucket", key="a//b").path


def test_deleted_object_has_no_size(lambda_context):
    body = s3_notification("a")
    del body["Records"][0]["s3"]["object"]["size"], body["Records"][0]["s3"]["object"]["eTag"]
    Index.get_sqs_batch_handler(envelopes=("s3",))(by_sqs(body), lambda_context)
    assert (Index.handled[0].size, Index.handled[0].etag) == (None, None)


def test_test_event_of_s3_counts_as_handled(lambda_context):
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "bucket"}
    response = Index.get_sqs_batch_handler(envelopes=("s3",))(by_sqs(body), lambda_context)
    assert response == {"batchItemFailures": []}
    assert Index.handled == []


def test_all_objects_of_a_message_are_handled_and_each_failure_is_logged(lambda_context, capsys):
    body = s3_notification("broken/1", "a", "broken/12", "b")
    handler = Index.get_sqs_batch_handler(envelopes=("s3",), raise_on_entire_batch_failure=False)
    response = handler(by_sqs(body), lambda_context)
    assert response == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert [event.key for event in Index.handled] == ["a", "b"]
    logged = capsys.readouterr().out
    assert "broken object of 8" in logged
    assert "broken object of 9" in logged


@pytest.mark.parametrize(
    ("envelopes", "body", "reason"),
    [
        (("sns",), {"count": 3}, "raw message delivery, leave out the envelope sns"),
        (("sns",), {"Type": "Notification"}, "not an SNS notification"),
        (("sns",), {"Type": "SubscriptionConfirmation", "Message": "{}"}, "not an SNS"),
        (("sns",), "no JSON", "JSON"),
        (("sns",), "[1]", "expected a JSON object in the record, got list"),
        (("sns", "eventbridge"), sns({"count": 3}), "leave out the envelope eventbridge"),
        (("eventbridge",), eventbridge([1]), "not an EventBridge event"),
        (("s3",), {"count": 3}, "neither an S3 event notification nor"),
        (("s3",), {"Records": [{"s3": None}]}, "neither an S3 event notification nor"),
        (("s3",), {"Records": 5}, "neither an S3 event notification nor"),
        (("s3",), eventbridge({"secret": 1}, source="aws.s3"), "neither an S3 event"),
    ],
)
def test_message_that_is_not_in_its_envelopes_fails(
    envelopes, body, reason, lambda_context, capsys
):
    handler = Fill.get_sqs_batch_handler(envelopes=envelopes)
    with pytest.raises(BatchProcessingError):
        handler(by_sqs(body), lambda_context)
    assert reason in capsys.readouterr().out
    assert Fill.handled == []


def test_unknown_envelope_is_named():
    with pytest.raises(ValueError, match="unknown envelope 'sqs': expected one of sns, event"):
        Fill.get_sqs_batch_handler(envelopes=("sqs",))
    with pytest.raises(ValueError, match=r"pass a sequence, such as \('sns',\)"):
        Fill.get_sqs_batch_handler(envelopes="sns")


@pytest.mark.parametrize(
    ("builder", "hook"),
    [
        ("get_sqs_batch_handler", "deserialize_sqs_record"),
        ("get_kinesis_stream_handler", "deserialize_kinesis_record"),
        ("get_kafka_handler", "deserialize_kafka_record"),
    ],
)
def test_envelopes_do_not_go_with_a_hook_that_reads_records(builder, hook):
    own = type("Own", (Fill,), {hook: classmethod(lambda cls, record: Order(count=1))})
    with pytest.raises(ValueError, match=f"Own overrides {hook}, which envelopes replace"):
        getattr(own, builder)(envelopes=("sns",))


def test_failed_kafka_record_is_reported_by_its_partition_and_offset(lambda_context, capsys):
    event = by_kafka({"count": 1}, {"count": 0}, {"count": 2})
    response = Fill.get_kafka_handler()(event, lambda_context)
    assert response == {
        "batchItemFailures": [{"itemIdentifier": {"partition": "orders-0", "offset": 1}}]
    }
    assert Fill.handled == [1, 2]
    assert "Record orders-0-1 failed" in capsys.readouterr().out


def test_batch_of_kafka_fails_with_any_record_where_failures_are_not_read(lambda_context):
    event = by_kafka({"count": 1}, {"count": 0}, {"count": 2})
    with pytest.raises(BatchProcessingError, match="1 of 3 records failed"):
        Fill.get_kafka_handler(reports_failures=False)(event, lambda_context)
    event = by_kafka({"count": 1})
    response = Fill.get_kafka_handler(reports_failures=False)(event, lambda_context)
    assert response == {"batchItemFailures": []}


def test_kafka_record_without_a_value_can_be_skipped(lambda_context, capsys):
    event = by_kafka({"count": 1}, {"count": 2})
    event["records"]["orders-0"][1]["value"] = None
    response = Fill.get_kafka_handler()(event, lambda_context)
    assert len(response["batchItemFailures"]) == 1
    assert "skip it in should_process_kafka_record" in capsys.readouterr().out

    class FillOnly(Fill):
        @classmethod
        def should_process_kafka_record(cls, record):
            return record.get("value") is not None

    response = FillOnly.get_kafka_handler()(event, lambda_context)
    assert response == {"batchItemFailures": []}


def test_kafka_record_has_key_headers_and_topic(lambda_context):
    seen = []

    class Look(Fill):
        @classmethod
        def deserialize_kafka_record(cls, record):
            seen.append((record.topic, record.decoded_key, record.decoded_headers["source"]))
            return Order(count=1)

    Look.get_kafka_handler()(by_kafka("any"), lambda_context)
    assert seen == [("orders", b"key", b"test")]


@pytest.mark.parametrize("records", [{"orders-0": 5}, {"orders-0": [5]}])
def test_kafka_event_of_another_form_is_rejected(records, lambda_context):
    with pytest.raises(ValueError, match="Invalid event format"):
        Fill.get_kafka_handler()({"records": records}, lambda_context)
