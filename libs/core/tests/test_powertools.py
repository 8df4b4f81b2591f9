"""The contract with AWS Lambda Powertools: what `_powertools` depends on.

It needs nothing but Powertools, pytest and this package: ``test_powertools_versions.py`` runs it
with the oldest and the newest version that is allowed.
"""

from __future__ import annotations

import json
import os
import time
from importlib.metadata import version

import pytest
from aibs_informatics_aws_lambda.common import _powertools
from aws_lambda_powertools.event_handler import (
    APIGatewayRestResolver,
    CORSConfig,
    Response,
)
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.metrics import Metrics, MetricUnit
from aws_lambda_powertools.metrics.provider import cold_start
from aws_lambda_powertools.shared.version import VERSION
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.typing import LambdaContext


class Context(LambdaContext):
    function_name = "function"


def event(path: str, method: str = "GET") -> dict[str, object]:
    return {
        "path": path,
        "httpMethod": method,
        "headers": {},
        "requestContext": {"requestId": "1", "stage": "test", "path": path},
    }


@pytest.fixture
def app():
    app = APIGatewayRestResolver(strip_prefixes=["/v1"])

    @app.get("/items/<item_id>")
    def get_item(item_id):
        return {}

    @app.post("/items")
    def post_item():
        return {}

    @app.get("/items")
    def get_items():
        return {}

    return app


@pytest.fixture
def metrics():
    class Separate(Metrics):
        def __init__(self, **options):
            _powertools.separate_collections(self)
            super().__init__(**options)

    return lambda: Separate(namespace="Tests", service="tests")


def test_version_is_the_one_to_test():
    assert version("aws-lambda-powertools") == os.environ.get("POWERTOOLS_VERSION", VERSION)


class TestApis:
    def test_static_routes_are_matched_before_dynamic_ones(self, app):
        found = [(route.method, route.path) for route in _powertools.routes_of(app)]

        assert found == [("POST", "/items"), ("GET", "/items"), ("GET", "/items/<item_id>")]

    @pytest.mark.parametrize(
        ("path", "methods"),
        [("/items", {"GET", "POST"}), ("/v1/items", {"GET", "POST"}), ("/items/a", {"GET"})],
    )
    def test_methods_of_a_path_include_those_below_a_stripped_prefix(self, app, path, methods):
        app.exception_handler(NotFoundError)(lambda _: Response(status_code=404))
        app.resolve(event(path, "DELETE"), Context())

        assert _powertools.methods_of_path(app) == methods

    def test_only_an_app_with_a_cors_configuration_responses_preflight_requests(self, app):
        with_cors = APIGatewayRestResolver(cors=CORSConfig())

        assert _powertools.answers_preflight_requests(with_cors)
        assert not _powertools.answers_preflight_requests(app)
        assert with_cors.resolve(event("/any", "OPTIONS"), Context())["statusCode"] == 204

    def test_exception_handlers_of_an_app_are_known(self, app):
        app.exception_handler(KeyError)(lambda _: Response(status_code=400))

        assert _powertools.has_exception_handler(app, KeyError)
        assert not _powertools.has_exception_handler(app, NotFoundError)

    def test_error_of_an_unknown_route_differs_from_one_that_a_handler_raises(self, app):
        unknown = []

        @app.exception_handler(NotFoundError)
        def not_found(error):
            unknown.append(_powertools.is_unknown_route(error))
            return Response(status_code=404)

        @app.get("/raising")
        def raising():
            raise NotFoundError

        app.resolve(event("/nowhere"), Context())
        app.resolve(event("/raising"), Context())

        assert unknown == [True, False]

    def test_operation_ids_are_unique(self, app):
        names = [_powertools.operation_id_of(route) for route in _powertools.routes_of(app)]

        assert len(set(names)) == 3

    def test_configured_title_differs_from_the_default(self, app):
        assert _powertools.has_default_title(app)
        app.configure_openapi(title="Items")
        assert not _powertools.has_default_title(app)

    def test_route_has_the_attributes_that_documents_are_made_from(self, app):
        (route, *_) = _powertools.routes_of(app)

        assert (route.method, route.openapi_path) == ("POST", "/items")
        assert route.func.__name__ == "post_item"
        assert route.rule.match("/items")


class TestMetrics:
    def test_collections_are_not_shared(self, metrics):
        one, other = metrics(), metrics()

        one.add_metric("A", MetricUnit.Count, 1)
        one.add_dimension("d", "1")
        one.set_default_dimensions(e="2")
        one.add_metadata("m", "3")

        assert set(one.metric_set) == {"A"}
        assert not other.metric_set
        assert not other.dimension_set.keys() & {"d", "e"}
        assert not other.metadata_set

    def test_values_of_a_metric_have_a_unit_and_a_resolution(self, metrics):
        one = metrics()
        one.add_metric("A", MetricUnit.Count, 1)

        assert one.metric_set["A"]["Value"] == [1]
        assert one.metric_set["A"]["Unit"] == "Count"
        assert one.metric_set["A"]["StorageResolution"] == 60

    @pytest.mark.parametrize(
        "change",
        [
            lambda metrics: metrics.add_dimension("d", "1"),
            lambda metrics: metrics.add_dimensions(d="1"),
            lambda metrics: metrics.add_metadata("m", "1"),
            lambda metrics: metrics.set_timestamp(int(time.time() * 1000)),
        ],
    )
    def test_metrics_with_other_descriptions_are_not_described_alike(self, metrics, change):
        one, other = metrics(), metrics()
        assert _powertools.described_alike(one, other)

        change(other)

        assert not _powertools.described_alike(one, other)

    def test_cold_start_is_printed_once_in_a_process(self, metrics, capsys, monkeypatch):
        monkeypatch.setattr(cold_start, "is_cold_start", True)

        _powertools.add_cold_start_metric(metrics(), Context())
        _powertools.add_cold_start_metric(metrics(), Context())

        (line,) = capsys.readouterr().out.splitlines()
        assert json.loads(line)["ColdStart"] == [1.0]
        assert json.loads(line)["function_name"] == "function"

    def test_metrics_can_be_disabled(self, monkeypatch):
        assert not _powertools.metrics_are_disabled()
        monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
        assert _powertools.metrics_are_disabled()


class TestBatches:
    def test_failed_records_are_known_with_their_errors(self):
        def handle(record):
            if record.body == "bad":
                raise KeyError("bad")

        records = [{"messageId": "1", "body": "good"}, {"messageId": "2", "body": "bad"}]
        processor = BatchProcessor(EventType.SQS)
        with processor(records, handle):
            processor.process()
            ((record, error),) = _powertools.failures_of(processor)

        assert record["messageId"] == "2"
        assert isinstance(error, KeyError)
