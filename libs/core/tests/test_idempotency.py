"""Each request is handled once, by a table of DynamoDB."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
from aibs_informatics_aws_lambda.common.api.handler import ApiLambdaHandler
from aibs_informatics_aws_lambda.common.api.resolver import ApiResolverBuilder
from aibs_informatics_aws_lambda.common.exceptions import ApplicationException
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.idempotency import Idempotent
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
)


class Order(PydanticBaseModel):
    order_id: str
    count: int = 1


class Fill(LambdaHandler[Order, Order]):
    middlewares = (Idempotent(),)
    filled: ClassVar[list[str]] = []

    def handle(self, request):
        self.filled.append(request.order_id)
        if request.count < 0:
            raise ArithmeticError("negative")
        if request.count == 0:
            return None
        return Order(order_id=request.order_id, count=len(self.filled))


class Ship(Fill):
    """Another handler of the same requests."""


class FillByApi(ApiLambdaHandler[Order, Order]):
    middlewares = Fill.middlewares

    @classmethod
    def route_rule(cls):
        return "/orders/<order_id>"

    @classmethod
    def route_method(cls):
        return "PUT"

    def handle(self, request):
        raise IdempotencyAlreadyInProgressError


@pytest.fixture(autouse=True)
def filled(monkeypatch):
    recorded = []
    monkeypatch.setattr(Fill, "filled", recorded)
    return recorded


@pytest.fixture
def table(aws, monkeypatch):
    """A table of idempotency, and that of handlers that name none."""
    aws.client("dynamodb").create_table(
        TableName="once",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    monkeypatch.setenv("HANDLER_IDEMPOTENCY_TABLE", "once")
    return "once"


@pytest.fixture
def fill(table, lambda_context):
    handler = Fill.get_handler()
    return lambda event: handler(event, lambda_context)


def test_same_request_gets_the_first_response(fill, filled):
    first, second = fill({"order_id": "a"}), fill({"orderId": "a", "other": "ignored"})
    assert first == second == {"order_id": "a", "count": 1}
    assert filled == ["a"]


def test_other_request_is_handled(fill, filled):
    fill({"order_id": "a"})
    fill({"order_id": "b"})
    assert filled == ["a", "b"]


def test_other_handler_of_the_same_request_is_called(fill, filled, lambda_context):
    fill({"order_id": "a"})
    Ship.get_handler()({"order_id": "a"}, lambda_context)
    assert filled == ["a", "a"]


def test_no_response_is_kept_too(fill, filled):
    assert [fill({"order_id": "a", "count": 0}) for _ in range(2)] == [None, None]
    assert filled == ["a"]


def test_failed_request_is_handled_again(fill, filled):
    for _ in range(2):
        with pytest.raises(ArithmeticError):
            fill({"order_id": "a", "count": -1})
    assert filled == ["a", "a"]


def test_redelivered_records_are_handled_once(table, filled, lambda_context):
    records = [
        {"messageId": f"m{n}", "body": json.dumps({"order_id": order}), "eventSource": "aws:sqs"}
        for n, order in enumerate("aba")
    ]
    handler = Fill.get_sqs_batch_handler()
    for _ in range(2):
        assert handler({"Records": records}, lambda_context) == {"batchItemFailures": []}
    assert filled == ["a", "b"]


def test_executor_without_a_context(table, filled):
    first, second = (Fill.run_executor({"order_id": "a"}) for _ in range(2))
    assert first == second
    assert filled == ["a"]


def test_configuration_says_what_identifies_a_request(table, filled, lambda_context):
    config = IdempotencyConfig(event_key_jmespath="order_id")
    by_id = type("ById", (Fill,), {"middlewares": (Idempotent(table, config=config),)})
    for count in (1, 2):
        by_id.get_handler()({"order_id": "a", "count": count}, lambda_context)
    assert filled == ["a"]


def test_call_in_progress_is_not_made_again(table, lambda_context):
    class Again(Fill):
        def handle(self, request):
            return Order.from_dict(Again.get_handler()({"order_id": "a"}, lambda_context))

    with pytest.raises(IdempotencyAlreadyInProgressError):
        Again.get_handler()({"order_id": "a"}, lambda_context)


def test_api_responds_with_conflict_while_the_request_is_handled(table, lambda_context):
    api = ApiResolverBuilder()
    FillByApi.add_to_router(api.app)
    event = {"path": "/orders/a", "httpMethod": "PUT", "headers": {}, "requestContext": {}}
    response = api.get_lambda_handler()(event, lambda_context)
    problem = json.loads(response["body"])
    assert (response["statusCode"], problem["title"]) == (409, "Conflict")
    assert problem["detail"] == "The same request is being handled."


def test_missing_table_is_named(lambda_context):
    with pytest.raises(ApplicationException, match="HANDLER_IDEMPOTENCY_TABLE"):
        Fill.get_handler()({"order_id": "a"}, lambda_context)
