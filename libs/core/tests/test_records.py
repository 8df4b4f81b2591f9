from __future__ import annotations

import base64
import copy
import gc
import json
import logging
import sys
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

EVENTS = Path(__file__).parent / "events"


class Order(PydanticBaseModel):
    count: int


@dataclass
class Fill(LambdaHandler[Order, Order]):
    """Fills orders of one or more."""

    handled: ClassVar = []
    step: int = 1

    def handle(self, request):
        if request.count < 1:
            raise ValueError("nothing is ordered")
        self.handled.append((request.count, self.step, self.context.aws_request_id))
        self.metrics.add_count_metric("Filled", request.count)

    @classmethod
    def deserialize_dynamodb_record(cls, record):
        return Order(count=record.dynamodb.new_image["count"])


@pytest.fixture(autouse=True)
def _nothing_handled(monkeypatch):
    monkeypatch.setattr(Fill, "handled", [])


def load(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


def sqs_event(*bodies, groups=()):
    """Return an event whose messages have the ids m0, m1, and so on."""
    model = load("sqs_fifo" if groups else "sqs")["Records"][0]
    records = []
    for number, body in enumerate(bodies):
        text = body if isinstance(body, str) else json.dumps(body)
        record = {**copy.deepcopy(model), "messageId": f"m{number}", "body": text}
        if groups:
            record["attributes"]["MessageGroupId"] = groups[number]
        records.append(record)
    return {"Records": records}


def failures(response):
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def counts():
    return [count for count, _, _ in Fill.handled]


def metrics_in(text):
    blobs = [json.loads(line) for line in text.splitlines() if '"_aws"' in line]
    return [blob for blob in blobs if "CloudWatchMetrics" in blob["_aws"]]


def log_lines(text):
    lines = [json.loads(line) for line in text.splitlines()]
    return [line for line in lines if "level" in line]


@pytest.mark.parametrize(
    ("event", "builder", "arguments"),
    [
        ("sqs", "get_sqs_batch_handler", {}),
        ("sqs_fifo", "get_sqs_batch_handler", {"queue_type": "fifo"}),
        ("dynamodb", "get_dynamodb_stream_handler", {}),
        ("kinesis", "get_kinesis_stream_handler", {}),
        ("kafka_msk", "get_kafka_handler", {}),
        ("kafka_self_managed", "get_kafka_handler", {}),
    ],
)
class TestEverySource:
    def test_each_record_is_handled_with_the_constructor_arguments_and_the_context(
        self, event, builder, arguments, lambda_context
    ):
        handler = getattr(Fill, builder)(step=7, **arguments)
        assert handler(load(event), lambda_context) == {"batchItemFailures": []}
        request_id = lambda_context.aws_request_id
        assert Fill.handled == [(1, 7, request_id), (2, 7, request_id), (3, 7, request_id)]

    def test_an_event_without_records_is_an_empty_batch(
        self, event, builder, arguments, lambda_context, capsys
    ):
        handler = getattr(Fill, builder)(**arguments)
        for empty in ({}, {"Records": []}, {"Records": None}, {"number": 1}):
            assert handler(empty, lambda_context) == {"batchItemFailures": []}
            assert "The event has no records: nothing is handled" in capsys.readouterr().out

    @pytest.mark.parametrize("other", [None, [], "text", {"Records": "x"}, {"Records": [5]}])
    def test_an_event_of_another_form_is_rejected(
        self, event, builder, arguments, lambda_context, other
    ):
        with pytest.raises(ValueError, match="Invalid event format"):
            getattr(Fill, builder)(**arguments)(other, lambda_context)

    def test_the_event_is_left_as_it_was(self, event, builder, arguments, lambda_context):
        sent = load(event)
        getattr(Fill, builder)(**arguments)(sent, lambda_context)
        assert sent == load(event)

    def test_the_batch_fails_when_every_record_does(
        self, event, builder, arguments, lambda_context
    ):
        handler = getattr(Fill, builder)("not a step", **arguments, unknown_argument=1)
        with pytest.raises(BatchProcessingError, match=r"All records failed.* 3 indiv"):
            handler(load(event), lambda_context)

    def test_a_batch_that_fails_as_a_whole_is_reported_on_request(
        self, event, builder, arguments, lambda_context
    ):
        handler = getattr(Fill, builder)(
            unknown_argument=1, raise_on_entire_batch_failure=False, **arguments
        )
        assert len(failures(handler(load(event), lambda_context))) == 3


def test_a_message_that_fails_costs_only_itself(lambda_context):
    event = sqs_event({"count": 1}, {"count": 0}, "no JSON", {"counts": 1}, "[1]", {"count": 2})
    response = Fill.get_sqs_batch_handler()(event, lambda_context)
    assert failures(response) == ["m1", "m2", "m3", "m4"]
    assert counts() == [1, 2]


def test_messages_after_one_that_fails_are_not_handled_in_a_fifo_queue(lambda_context):
    event = sqs_event({"count": 1}, {"count": 0}, {"count": 2}, groups="aab")
    response = Fill.get_sqs_batch_handler(queue_type="fifo")(event, lambda_context)
    assert failures(response) == ["m1", "m2"]
    assert counts() == [1]


def test_other_groups_of_a_fifo_queue_go_on_on_request(lambda_context):
    event = sqs_event(*({"count": n} for n in (1, 0, 2, 3)), groups="aaab")
    handler = Fill.get_sqs_batch_handler(queue_type="fifo", skip_group_on_error=True)
    assert failures(handler(event, lambda_context)) == ["m1", "m2"]
    assert counts() == [1, 3]


def test_a_group_that_failed_starts_anew_with_the_next_batch(lambda_context):
    handler = Fill.get_sqs_batch_handler(queue_type="fifo", skip_group_on_error=True)
    handler(sqs_event({"count": 0}, {"count": 1}, groups="ab"), lambda_context)
    response = handler(sqs_event({"count": 2}, groups="a"), lambda_context)
    assert failures(response) == []
    assert counts() == [1, 2]


def test_the_batch_fails_when_the_first_message_of_a_fifo_queue_does(lambda_context):
    event = sqs_event({"count": 0}, {"count": 1}, groups="ab")
    with pytest.raises(BatchProcessingError, match="2 individual"):
        Fill.get_sqs_batch_handler(queue_type="fifo")(event, lambda_context)
    assert counts() == []


def test_a_queue_type_that_does_not_exist_is_named():
    with pytest.raises(RuntimeError, match="'lifo'"):
        Fill.get_sqs_batch_handler(queue_type="lifo")


def test_groups_are_for_fifo_queues():
    with pytest.raises(ValueError, match="FIFO"):
        Fill.get_sqs_batch_handler(skip_group_on_error=True)


def test_a_message_that_does_not_concern_the_handler_is_not_read_and_counts_as_handled(
    lambda_context,
):
    class Picky(Fill):
        @classmethod
        def should_process_sqs_record(cls, record):
            return record.body != "not for us"

    event = sqs_event("not for us", {"count": 0})
    assert failures(Picky.get_sqs_batch_handler()(event, lambda_context)) == ["m1"]


def test_changes_and_stream_records_can_be_passed_over(lambda_context):
    class Picky(Fill):
        @classmethod
        def should_process_dynamodb_record(cls, record):
            return record.event_name.name == "INSERT"

        @classmethod
        def should_process_kinesis_record(cls, record):
            return record.kinesis.data_as_json() != {"count": 2}

    Picky.get_dynamodb_stream_handler()(load("dynamodb"), lambda_context)
    Picky.get_kinesis_stream_handler()(load("kinesis"), lambda_context)
    assert counts() == [1, 3, 1, 3]


def test_a_change_fails_where_the_handler_does_not_say_how_to_read_it(lambda_context, capsys):
    class Mute(LambdaHandler[Order, Order]):
        pass

    handler = Mute.get_dynamodb_stream_handler(raise_on_entire_batch_failure=False)
    numbers = [r["dynamodb"]["SequenceNumber"] for r in load("dynamodb")["Records"]]
    assert failures(handler(load("dynamodb"), lambda_context)) == numbers
    assert "define deserialize_dynamodb_record" in capsys.readouterr().out


def test_a_stream_record_that_fails_is_reported_by_its_sequence_number(lambda_context):
    event = load("kinesis")
    broken = event["Records"][1]["kinesis"]
    broken["data"] = base64.b64encode(b"\xff").decode()
    response = Fill.get_kinesis_stream_handler()(event, lambda_context)
    assert failures(response) == [broken["sequenceNumber"]]
    assert counts() == [1, 3]


def test_json_text_within_a_json_string_is_read(lambda_context):
    event = sqs_event(json.dumps(json.dumps({"count": 4})))
    Fill.get_sqs_batch_handler()(event, lambda_context)
    assert counts() == [4]


def test_a_message_cannot_make_the_function_read_a_file(lambda_context, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text('{"count": 5}')
    event = sqs_event(json.dumps(str(secret)), {"count": 1})
    assert failures(Fill.get_sqs_batch_handler()(event, lambda_context)) == ["m0"]
    assert counts() == [1]


@pytest.mark.parametrize("write", [str, json.dumps])
def test_message_is_an_s3_uri_only_if_the_handler_allows_it(aws, lambda_context, write):
    uri = aws.put(aws.make_bucket(), "order.json", '{"count": 6}')
    event = sqs_event(write(uri), {"count": 1})

    class FromS3(Fill):
        reads_s3_uris_in_records = True

    assert failures(Fill.get_sqs_batch_handler()(event, lambda_context)) == ["m0"]
    assert failures(FromS3.get_sqs_batch_handler()(event, lambda_context)) == []
    assert counts() == [1, 6, 1]


def test_each_error_is_logged_once_with_the_identifier_of_its_record(lambda_context, capsys):
    class Logged(Fill):
        pass

    event = sqs_event({"count": 0}, "no JSON", {"count": 1})
    Logged.get_sqs_batch_handler()(event, lambda_context)
    lines = [line for line in log_lines(capsys.readouterr().out) if line["level"] == "ERROR"]
    assert [(line["record_id"], line["message"]) for line in lines] == [
        ("m0", "Record m0 failed"),
        ("m1", "Record m1 failed"),
    ]
    assert "nothing is ordered" in lines[0]["exception"]


def test_messages_that_are_not_reached_are_logged_as_such(lambda_context, capsys):
    class LoggedInOrder(Fill):
        pass

    event = sqs_event({"count": 1}, {"count": 0}, {"count": 2}, groups="aab")
    LoggedInOrder.get_sqs_batch_handler(queue_type="fifo")(event, lambda_context)
    lines = [line for line in log_lines(capsys.readouterr().out) if line["level"] == "WARNING"]
    assert [line["message"] for line in lines] == [
        "Record m2 was not handled: A previous record failed processing"
    ]


def test_keys_that_one_record_appends_to_the_logger_are_not_in_the_lines_of_the_next(
    lambda_context, capsys
):
    class Chatty(Fill):
        def handle(self, request):
            if request.count == 1:
                self.log.append_keys(first=True)
            self.log.info("handling")

    Chatty.get_sqs_batch_handler()(sqs_event({"count": 1}, {"count": 2}), lambda_context)
    first, second = log_lines(capsys.readouterr().out)
    assert (first["first"], first["record_id"]) == (True, "m0")
    assert "first" not in second
    assert second["record_id"] == "m1"


def test_metrics_of_all_records_are_printed_together_also_when_the_batch_fails(
    lambda_context, capsys, monkeypatch
):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "orders")

    class Failing(Fill):
        def handle(self, request):
            super().handle(request)
            raise ValueError("after the metric")

    event = sqs_event({"count": 1}, {"count": 2})
    Fill.get_sqs_batch_handler()(event, lambda_context)
    (blob,) = metrics_in(capsys.readouterr().out)
    assert (blob["Filled"], blob["handler_name"]) == ([1.0, 2.0], "Fill")
    with pytest.raises(BatchProcessingError):
        Failing.get_sqs_batch_handler()(event, lambda_context)
    (blob,) = metrics_in(capsys.readouterr().out)
    assert (blob["Filled"], blob["handler_name"]) == ([1.0, 2.0], "Failing")


def test_dimensions_of_one_record_are_not_those_of_another(lambda_context, capsys, monkeypatch):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "orders")

    class Sorted(Fill):
        def handle(self, request):
            super().handle(request)
            if request.count == 2:
                self.metrics.add_dimension("size", "two")

    Sorted.get_sqs_batch_handler()(sqs_event(*({"count": n} for n in (1, 2, 3))), lambda_context)
    found = {tuple(b["Filled"]): b.get("size") for b in metrics_in(capsys.readouterr().out)}
    assert found == {(2.0,): "two", (1.0, 3.0): None}


def test_nothing_is_printed_where_no_metric_was_added(lambda_context, capsys, recwarn):
    class Silent(Fill):
        def handle(self, request):
            pass

    Silent.get_sqs_batch_handler()(sqs_event({"count": 1}), lambda_context)
    assert capsys.readouterr().out == ""
    assert not recwarn.list


def test_two_thousand_messages_through_one_warm_handler_leak_nothing_and_lose_no_metric(
    lambda_context, capsys, monkeypatch
):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "orders")

    class Counted(Fill):
        handled = 0

        def handle(self, request):
            type(self).handled += 1
            self.metrics.add_count_metric("Filled", request.count)

    handler = Counted.get_sqs_batch_handler()
    # Pytest keeps every line that reaches the root logger.
    monkeypatch.setattr(logging.getLogger("Counted"), "propagate", False)
    # One message of each batch is poisoned.
    event = sqs_event(*({"count": 1} for _ in range(9)), "poison")
    printed = 0.0

    def send(batches):
        nonlocal printed
        for _ in range(batches):
            assert failures(handler(event, lambda_context)) == ["m9"]
            printed += sum(sum(b["Filled"]) for b in metrics_in(capsys.readouterr().out))
        gc.collect()

    send(20)
    tracemalloc.start()
    try:
        # What Python itself caches as it formats tracebacks.
        send(80)
        before, _ = tracemalloc.get_traced_memory()
        send(100)
        growth = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # Less than two references for each message.
    assert growth < 16 * 1000
    assert printed == Counted.handled == 1_800


def test_built_functions_belong_to_the_module_of_their_class():
    """So that a list of allowed modules allows them with it."""
    for built in (Fill.get_handler(), Fill.get_sqs_batch_handler()):
        assert built.__module__ == Fill.__module__


def test_a_plain_handler_loads_nothing_of_the_batch_utility(modules_loaded_by):
    loaded = modules_loaded_by("aibs_informatics_aws_lambda.common.handler")
    assert not [name for name in loaded if name.startswith("aws_lambda_powertools.utilities.b")]


def test_handler_that_exits_fails_its_record_alone(lambda_context):
    class Exiting(Fill):
        def handle(self, request):
            if request.count == 2:
                sys.exit(3)
            return super().handle(request)

    event = sqs_event({"count": 1}, {"count": 2}, {"count": 3})

    assert failures(Exiting.get_sqs_batch_handler()(event, lambda_context)) == ["m1"]
    assert counts() == [1, 3]


def test_messages_of_a_fifo_queue_are_handled_in_order_whatever_the_type(lambda_context):
    event = sqs_event({"count": 1}, "no JSON", {"count": 3})
    for record in event["Records"]:
        record["eventSourceARN"] = "arn:aws:sqs:us-west-2:123456789012:orders.fifo"

    assert failures(Fill.get_sqs_batch_handler()(event, lambda_context)) == ["m1", "m2"]
    assert counts() == [1]
