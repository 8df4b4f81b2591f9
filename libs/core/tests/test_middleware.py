"""Middleware runs around a handler wherever its call comes from."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import ClassVar

import pytest
from aibs_informatics_aws_lambda.common.api.handler import ApiLambdaHandler
from aibs_informatics_aws_lambda.common.api.resolver import ApiResolverBuilder
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.middleware import Middleware
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel


class Count(PydanticBaseModel):
    count: int


class Recorder(Middleware):
    """Records what it sees, with its name."""

    steps: ClassVar[list[str]] = []

    def __init__(self, name="outer"):
        self.name = name

    def before(self, call):
        self.steps.append(f"{self.name} before {call.request.count}")

    def after(self, call, response):
        self.steps.append(f"{self.name} after {getattr(response, 'count', None)}")
        return response

    def on_error(self, call, error):
        self.steps.append(f"{self.name} error {error}")

    def flush(self):
        self.steps.append(f"{self.name} flush")


class Add(LambdaHandler[Count, Count]):
    middlewares = (Recorder("outer"), Recorder("inner"))

    def handle(self, request):
        if request.count < 0:
            raise ArithmeticError("negative")
        return Count(count=request.count + 1)


class AddByApi(ApiLambdaHandler[Count, Count]):
    middlewares = Add.middlewares

    @classmethod
    def route_rule(cls):
        return "/add/<count>"

    @classmethod
    def route_method(cls):
        return "GET"

    def handle(self, request):
        return Count(count=request.count + 1)


AROUND_ONE = ["outer before 1", "inner before 1", "inner after 2", "outer after 2"]
FLUSHED = ["outer flush", "inner flush"]


@pytest.fixture(autouse=True)
def steps(monkeypatch):
    recorded = []
    monkeypatch.setattr(Recorder, "steps", recorded)
    return recorded


def sqs_event(*counts):
    return {
        "Records": [
            {"messageId": f"m{n}", "body": json.dumps({"count": count}), "eventSource": "aws:sqs"}
            for n, count in enumerate(counts)
        ]
    }


def test_lambda_function(steps, lambda_context):
    assert Add.get_handler()({"count": 1}, lambda_context) == {"count": 2}
    assert steps == AROUND_ONE + FLUSHED


def test_executor(steps):
    assert Add.run_executor({"count": 1}) == {"count": 2}
    assert steps == AROUND_ONE + FLUSHED


def test_records_of_a_batch_are_flushed_once(steps, lambda_context):
    handler = Add.get_sqs_batch_handler()
    assert handler(sqs_event(1, 1), lambda_context) == {"batchItemFailures": []}
    assert steps == AROUND_ONE * 2 + FLUSHED


def test_failed_record_of_a_batch(steps, lambda_context):
    response = Add.get_sqs_batch_handler()(sqs_event(1, -1), lambda_context)
    assert response == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert steps == [
        *AROUND_ONE,
        "outer before -1",
        "inner before -1",
        "inner error negative",
        "outer error negative",
        *FLUSHED,
    ]


def test_api_route(steps, lambda_context):
    api = ApiResolverBuilder()
    AddByApi.add_to_router(api.app)
    event = {"path": "/add/1", "httpMethod": "GET", "headers": {}, "requestContext": {}}
    response = api.get_lambda_handler()(event, lambda_context)
    assert (response["statusCode"], json.loads(response["body"])) == (200, {"count": 2})
    assert steps == AROUND_ONE + FLUSHED


MODULE = '''
"""A handler and middleware that the command finds by name."""

import sys

from aibs_informatics_aws_lambda.common import LambdaHandler, PydanticBaseModel
from aibs_informatics_aws_lambda.common.middleware import Middleware


class Count(PydanticBaseModel):
    count: int


class Announce(Middleware):
    def before(self, call):
        print("before", call.request.count, file=sys.stderr)


class Add(LambdaHandler[Count, Count]):
    def handle(self, request):
        return Count(count=request.count + 1)


announce = Announce()
nothing = 5
'''


@pytest.fixture
def run(tmp_path, handle_lambda_request):
    """Run the handler of `MODULE` with middleware that the environment names."""
    (tmp_path / "counting.py").write_text(MODULE)

    def run(names):
        arguments = ("--handler", "counting.Add", "--payload", '{"count": 1}', "-o", "-")
        return handle_lambda_request(*arguments, HANDLER_MIDDLEWARES=names)

    return run


@pytest.mark.parametrize("name", ["counting.Announce", "counting.announce", " counting.Announce,"])
def test_command_runs_the_middleware_that_the_environment_names(run, name):
    result = run(name)
    assert (result.returncode, json.loads(result.stdout)) == (0, {"count": 2})
    assert result.stderr.splitlines() == ["before 1"]


def test_name_of_something_else_is_an_error(run):
    result = run("counting.nothing")
    assert result.returncode == 1
    assert "HANDLER_MIDDLEWARES names counting.nothing, which is not" in result.stderr


def handler_with(*middlewares):
    return type("Own", (Add,), {"middlewares": middlewares}).get_handler()


def test_error_before_the_call_prevents_it(steps, lambda_context):
    class Deny(Middleware):
        def before(self, call):
            raise PermissionError("denied")

    with pytest.raises(PermissionError, match="denied"):
        handler_with(Recorder(), Deny(), Recorder("inner"))({"count": 1}, lambda_context)
    assert steps == ["outer before 1", "outer error denied", "outer flush", "inner flush"]


def test_response_can_be_replaced(lambda_context):
    class Double(Middleware):
        def after(self, call, response):
            return Count(count=response.count * 2)

    assert handler_with(Double(), Double())({"count": 1}, lambda_context) == {"count": 8}


def test_error_can_be_replaced(lambda_context):
    class Translate(Middleware):
        def on_error(self, call, error):
            raise LookupError("translated") from error

    with pytest.raises(LookupError, match="translated"):
        handler_with(Translate())({"count": -1}, lambda_context)


def test_call_can_be_made_again_with_another_request(lambda_context):
    class Retry(Middleware):
        def around(self, call, proceed):
            try:
                return proceed(call)
            except ArithmeticError:
                return proceed(replace(call, request=Count(count=10)))

    assert handler_with(Retry())({"count": -1}, lambda_context) == {"count": 11}


def test_middleware_sees_the_instance_and_the_event(lambda_context):
    seen = []

    class Look(Middleware):
        def before(self, call):
            seen.append((call.handler.context.aws_request_id, call.event))

    event = {"count": "1", "other": "ignored"}
    handler_with(Look())(event, lambda_context)
    assert seen == [(lambda_context.aws_request_id, event)]


def test_failure_to_flush_is_logged_and_fails_nothing(lambda_context, capsys):
    class Broken(Middleware):
        def flush(self):
            raise OSError("no collector")

    assert handler_with(Broken())({"count": 1}, lambda_context) == {"count": 2}
    assert "Broken cannot send what it collected" in capsys.readouterr().out


def test_invalid_request_reaches_no_middleware(steps, lambda_context):
    with pytest.raises(ValueError, match="count"):
        Add.get_handler()({}, lambda_context)
    assert steps == []


def test_handlers_load_no_tracing_and_no_idempotency(modules_loaded_by):
    loaded = modules_loaded_by(LambdaHandler.__module__)
    common = LambdaHandler.__module__.rpartition(".")[0]
    assert not loaded & {f"{common}.tracing", f"{common}.idempotency"}
