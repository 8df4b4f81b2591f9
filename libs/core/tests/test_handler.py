from __future__ import annotations

import json
import re
from collections.abc import Sized
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from aibs_informatics_aws_lambda.common import handler as handler_module
from aibs_informatics_aws_lambda.common.base import HandlerMixins
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aws_lambda_powertools.utilities.typing import LambdaContext


class CountRequest(PydanticBaseModel):
    count: int
    user_note: str | None = None


class CountResponse(PydanticBaseModel):
    count: int
    user_note: str | None = None


@dataclass(repr=False)
class Counter(LambdaHandler[CountRequest, CountResponse]):
    step: int = 1

    def handle(self, request):
        if request.count == 99:
            return None
        if request.count < 0:
            raise KeyError("negative")
        self.log.info("counting", password_length=3)
        return CountResponse(count=request.count + self.step, user_note=request.user_note)


@pytest.fixture
def answer(lambda_context):
    return lambda event, **arguments: Counter.get_handler(**arguments)(event, lambda_context)


def test_request_in_and_response_out(answer):
    assert answer({"count": 1}) == {"count": 2}
    assert answer({"count": 1, "userNote": "hi", "x": 0}) == {"count": 2, "user_note": "hi"}
    assert answer('{"count": 2}') == {"count": 3}
    assert answer(CountRequest(count=4)) == {"count": 5}
    assert answer({"count": 1}, step=10) == {"count": 11}


def test_no_response_is_null(answer):
    assert answer({"count": 99}) is None


def test_request_is_read_from_a_file(answer, tmp_path):
    path = tmp_path / "event.json"
    path.write_text('{"count": 1}')

    assert answer(str(path)) == {"count": 2}


def test_request_is_read_from_s3(answer, aws):
    aws.make_bucket()

    assert answer(aws.put("bucket", "key", '{"count": 1}')) == {"count": 2}


def test_run_writes_its_response_to_s3(aws):
    aws.make_bucket()

    assert Counter.run_executor({"count": 1}, "s3://bucket/out") == {"count": 2}
    assert aws.get("bucket", "out") == b'{"count": 2}'


@pytest.mark.parametrize("event", [[1], None, 5, "[1]", "/no/such/file.json"])
def test_other_events_are_a_value_error(answer, event):
    with pytest.raises(ValueError, match=r"\w"):
        answer(event)


def test_request_that_does_not_fit_names_the_field(answer):
    with pytest.raises(ValidationError, match="count"):
        answer({"counts": 1})


def test_exceptions_of_the_handler_reach_the_caller_unchanged(answer):
    with pytest.raises(KeyError, match="negative"):
        answer({"count": -1})


def test_event_is_left_as_it_is(answer):
    event = {"count": 1, "userNote": "hi", "nested": {"a": [1]}}
    before = json.dumps(event)

    answer(event)

    assert json.dumps(event) == before


def test_response_that_counts_as_false_is_still_a_response(lambda_context):
    class Empty(PydanticBaseModel, Sized):
        items: list[int] = []  # noqa: RUF012

        def __len__(self):
            return len(self.items)

    class Lister(LambdaHandler[CountRequest, Empty]):
        def handle(self, request):
            return Empty()

    assert Lister.get_handler()({"count": 1}, lambda_context) == {"items": []}


def test_each_invocation_has_an_instance_and_context_of_its_own(lambda_context):
    seen = []

    class Remember(Counter):
        def handle(self, request):
            seen.append((self, self.context, self.log))

    handler = Remember.get_handler()
    handler({"count": 1}, lambda_context)
    handler({"count": 1}, lambda_context)

    (first, context, log), (second, _, other_log) = seen
    assert first is not second
    assert context is lambda_context
    assert log is other_log


def test_built_handler_knows_its_class():
    assert Counter.get_handler()._handler_class is Counter


def test_context_is_empty_at_first_and_can_be_set(lambda_context):
    counter = Counter()
    assert isinstance(counter.context, LambdaContext)

    counter.context = lambda_context

    assert counter.context is lambda_context


def test_context_that_was_never_given_is_an_error():
    class Bare(HandlerMixins):
        def __post_init__(self):
            pass

    with pytest.raises(ValueError, match="this Bare has no Lambda context"):
        assert Bare().context


def test_names_are_those_of_the_class():
    assert Counter.handler_name() == Counter.service_name() == "Counter"
    assert repr(Counter()) == f"Counter(request: {CountRequest}, response: {CountResponse})"


def test_log_lines_carry_service_and_context(answer, capsys, lambda_context):
    answer({"count": 1})

    line = json.loads(capsys.readouterr().out)
    assert line["message"] == "counting"
    assert line["service"] == "Counter"
    assert line["function_name"] == lambda_context.function_name
    assert line["function_request_id"] == lambda_context.aws_request_id
    assert line["function_arn"] == lambda_context.invoked_function_arn
    assert line["function_memory_size"] == lambda_context.memory_limit_in_mb


def test_events_are_not_logged_by_default(answer, capsys, monkeypatch):
    answer({"count": 1, "user_note": "s3cret"})
    assert "s3cret" not in capsys.readouterr().out

    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    answer({"count": 1, "user_note": "s3cret"})

    assert "s3cret" in capsys.readouterr().out


def test_rejected_request_is_not_logged(answer, capsys, monkeypatch):
    with pytest.raises(ValidationError) as caught:
        answer({"count": "s3cret"})

    assert "s3cret" not in capsys.readouterr().out + str(caught.value)


class Measured(Counter):
    def handle(self, request):
        self.metrics.add_count_metric("Items", request.count)
        return super().handle(request)


def blobs(out):
    return [line for line in map(json.loads, out.splitlines()) if "_aws" in line]


def test_metrics_come_out_at_the_end_of_their_own_invocation(lambda_context, capsys, monkeypatch):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")
    handler = Measured.get_handler()

    for count in (1, 2):
        handler({"count": count}, lambda_context)

        (blob,) = blobs(capsys.readouterr().out)
        assert blob["Items"] == [count]
        assert blob["handler_name"] == "Measured"
        assert blob["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Tests"


def test_metrics_come_out_after_an_exception_too(lambda_context, capsys, monkeypatch):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")

    with pytest.raises(KeyError):
        Measured.get_handler()({"count": -1}, lambda_context)

    (blob,) = blobs(capsys.readouterr().out)
    assert blob["Items"] == [-1]


def test_handler_without_metrics_prints_none(answer, capsys, monkeypatch, recwarn):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")

    answer({"count": 1})

    assert blobs(capsys.readouterr().out) == []
    assert len(recwarn) == 0


def test_work_is_not_failed_over_metrics_without_a_namespace(lambda_context):
    assert Measured.get_handler()({"count": 1}, lambda_context) == {"count": 2}


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        ({"batchItemFailures": [{"itemIdentifier": "1"}]}, True),
        ({"batchItemFailures": []}, False),
        ({"count": 1}, False),
        (None, False),
        ([1], False),
    ],
)
def test_responses_that_report_failed_items_are_recognised(answer, failed):
    assert LambdaHandler.partly_failed(answer) is failed


def test_record_classes_are_there_on_first_use():
    assert handler_module.SQSRecord.__name__ == "SQSRecord"
    assert handler_module.DynamoDBRecord.__name__ == "DynamoDBRecord"
    with pytest.raises(AttributeError, match="KinesisRecords"):
        assert handler_module.KinesisRecords


class TestResponsesThatCannotBeSent:
    class Anything(PydanticBaseModel):
        content: Any = None

    @pytest.fixture
    def function(self):
        anything = self.Anything

        class Return(LambdaHandler[anything, anything]):
            response: ClassVar = None

            def handle(self, request):
                return anything(content=Return.response)

        def call(content, context):
            Return.response = content
            return Return.get_handler()({}, context)

        return call

    @pytest.mark.parametrize(
        ("content", "path"),
        [
            ({"names": ["a", "\udc80"]}, "content.names[1]: not valid Unicode"),
            ([1, float("nan")], "content[1]: nan is not a JSON number"),
            ({"a": b"\xff"}, "content.a: bytes is not a JSON type"),
            ({"a": [object()]}, "content.a[0]: object is not a JSON type"),
        ],
    )
    def test_error_has_the_path_of_the_field(self, function, lambda_context, content, path):
        with pytest.raises(ValidationError, match=re.escape(path)):
            function(content, lambda_context)

    def test_depth_is_limited(self, function, lambda_context):
        document = []
        for _ in range(300):
            document = [document]
        with pytest.raises(ValidationError, match="nested more than 250 levels deep"):
            function(document, lambda_context)

    def test_size_is_limited_in_lambda_only(self, function, lambda_context, monkeypatch):
        content = "x" * 6_300_000
        assert function(content, lambda_context) == {"content": content}
        monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
        with pytest.raises(ValidationError, match="more than the 6,291,556 that Lambda returns"):
            function(content, lambda_context)


def test_request_that_is_nested_too_deeply_is_rejected_before_the_handler_runs(lambda_context):
    document = []
    for _ in range(300):
        document = [document]
    with pytest.raises(ValidationError, match="nested more than 250 levels deep"):
        Counter.get_handler()({"count": 1, "user_note": document}, lambda_context)
