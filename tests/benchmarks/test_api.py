"""What an API costs beyond powertools' own resolver: at import, and per warm request.

They print ratios and assert nothing about time: `hatch run bench`.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import pydantic
import pytest
from aibs_informatics_aws_lambda.common.api.handler import ApiLambdaHandler
from aibs_informatics_aws_lambda.common.api.resolver import ApiResolverBuilder
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.metrics import MetricUnit

pytestmark = pytest.mark.benchmark

EVENT = {
    "path": "/items/abc",
    "httpMethod": "POST",
    "headers": {"content-type": "application/json", "x-client-version": "1.0.0"},
    "multiValueHeaders": {},
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "requestContext": {"requestId": "id", "stage": "prod", "path": "/items/abc", "identity": {}},
    "body": json.dumps({"item_id": "abc", "how_many": 5}),
    "isBase64Encoded": False,
}


class Item(PydanticBaseModel):
    item_id: str
    how_many: int = 1


class PlainItem(pydantic.BaseModel):
    item_id: str
    how_many: int = 1


class PutItem(ApiLambdaHandler[Item, Item]):
    @classmethod
    def route_rule(cls) -> str:
        return "/items/<item_id>"

    @classmethod
    def route_method(cls) -> str:
        return "POST"

    def handle(self, request: Item) -> Item:
        return request


def powertools_app() -> APIGatewayRestResolver:
    app = APIGatewayRestResolver(enable_validation=True)

    @app.post("/items/<item_id>")
    def put_item(item_id: str, item: PlainItem) -> PlainItem:
        return item

    return app


def powertools_function(app: APIGatewayRestResolver) -> Callable:
    """Return what powertools' documentation advises: logger, metrics and resolver together."""
    logger, metrics = Logger(service="api"), Metrics(service="api")

    @logger.inject_lambda_context(correlation_id_path="requestContext.requestId")
    @metrics.log_metrics(capture_cold_start_metric=True)
    def handler(event, context):
        start = time.perf_counter()
        answer = app.resolve(event, context)
        metrics.add_metric("Success", MetricUnit.Count, 1)
        metrics.add_metric("Duration", MetricUnit.Milliseconds, time.perf_counter() - start)
        return answer

    return handler


def seconds_per_call(call: Callable[[], object], calls: int = 100) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def compare(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of a call of the first, and how many times that a call of the second is.

    They take turns, and each turn has a ratio of its own: a busy machine is busy for both.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        turns = [(seconds_per_call(first), seconds_per_call(second)) for _ in range(51)]
    return (
        statistics.median(one for one, _ in turns),
        statistics.median(other / one for one, other in turns),
    )


def show(capsys, text: str) -> None:
    with capsys.disabled():
        print(f"\n{text}")


def test_warm_requests(monkeypatch, lambda_context, capsys):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "bench")
    app = powertools_app()
    api = ApiResolverBuilder()
    PutItem.add_to_router(api.app, logger=api.logger, metrics=api.metrics)
    assert app.resolve(EVENT, lambda_context)["statusCode"] == 200
    function, theirs = api.get_lambda_handler(), powertools_function(app)
    assert function(EVENT, lambda_context)["body"] == theirs(EVENT, lambda_context)["body"]

    def without_metrics() -> None:
        api.handle(EVENT, lambda_context)
        api.metrics.clear_metrics()

    resolve = lambda: app.resolve(EVENT, lambda_context)  # noqa: E731
    for name, other, own in (
        ("resolver alone", resolve, without_metrics),
        (
            "function with logger and metrics",
            lambda: theirs(EVENT, lambda_context),
            lambda: function(EVENT, lambda_context),
        ),
        (
            "function with logger and metrics, to their resolver alone",
            resolve,
            lambda: function(EVENT, lambda_context),
        ),
    ):
        seconds, ratio = compare(other, own)
        show(
            capsys,
            f"warm request, {name}: {ratio:.2f} times powertools' "
            f"{seconds * 1e6:.0f} microseconds",
        )


def import_seconds(module: str) -> float:
    code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return float(result.stdout)


def test_import(capsys):
    theirs = "aws_lambda_powertools.event_handler"
    ours = "aibs_informatics_aws_lambda.common.api.resolver"
    turns = [(import_seconds(theirs), import_seconds(ours)) for _ in range(9)]
    before, after = (statistics.median(column) for column in zip(*turns, strict=True))
    show(
        capsys,
        f"import of the API builder: {after / before:.2f} times powertools' resolver "
        f"({after * 1e3:.0f} to {before * 1e3:.0f} milliseconds of CPU)",
    )
