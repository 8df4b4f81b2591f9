from __future__ import annotations

import base64
import importlib
import json
import sys
import types
from typing import ClassVar

import pytest
from aibs_informatics_aws_lambda.common.api.handler import ApiLambdaHandler
from aibs_informatics_aws_lambda.common.api.resolver import (
    ApiResolverBuilder,
    get_target_handler_classes,
)
from aibs_informatics_aws_lambda.common.api.route import ApiRoute
from api_under_test import RESOLVERS, Anything, Api, load, make_handler, printed, rest_event
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.exceptions import (
    BadRequestError,
    ForbiddenError,
    NotFoundError,
    ServiceError,
)
from aws_lambda_powertools.metrics.provider import cold_start

PutItem = make_handler("/items/<item_id>", "PUT")
FindItems = make_handler("/items", ["GET", "POST"])


def data(document):
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode()


@pytest.mark.parametrize("integration", RESOLVERS)
class TestEveryIntegration:
    def test_path_query_and_body_reach_the_handler(self, integration, lambda_context):
        api = Api(PutItem, builder=ApiResolverBuilder(app=RESOLVERS[integration]()))
        response = api.function(load(integration), lambda_context)
        assert response["statusCode"] == 200
        assert json.loads(response["body"]) == {
            "item_id": "a b",
            "how_many": 3,
            "tags": ["round", "deep red"],
        }

    def test_an_unknown_route_is_404(self, integration, lambda_context):
        api = Api(FindItems, builder=ApiResolverBuilder(app=RESOLVERS[integration]()))
        response = api.function(load(integration), lambda_context)
        assert (response["statusCode"], json.loads(response["body"])["status"]) == (404, 404)

    def test_another_method_is_405(self, integration, lambda_context):
        other = make_handler("/items/<item_id>", "GET")
        api = Api(other, builder=ApiResolverBuilder(app=RESOLVERS[integration]()))
        response = api.function(load(integration), lambda_context)
        headers = {**response.get("headers", {}), **response.get("multiValueHeaders", {})}
        assert response["statusCode"] == 405
        assert headers["Allow"] in ("GET", ["GET"])

    def test_the_client_version_is_read_from_the_headers(self, integration, lambda_context):
        strict = make_handler("/items/<item_id>", "PUT", minimum_client_version="1.5")
        api = Api(strict, builder=ApiResolverBuilder(app=RESOLVERS[integration]()))
        assert api.function(load(integration), lambda_context)["statusCode"] == 400

    def test_the_caller_is_who_signed_the_request(self, integration, lambda_context):
        def handle(self, request):
            return Anything(item_id=self.api_gateway_caller)

        who = make_handler("/items/<item_id>", "PUT", handle)
        api = Api(who, builder=ApiResolverBuilder(app=RESOLVERS[integration]()))
        caller = json.loads(api.function(load(integration), lambda_context)["body"])["item_id"]
        # Load balancers and the first version of VPC Lattice events do not tell.
        assert caller == ("Unknown" if integration in ("alb", "vpc_lattice") else "AIDAEXAMPLE")

    @pytest.mark.parametrize("event", [{}, {"Records": []}, None, "text", {"headers": None}])
    def test_an_event_from_elsewhere_is_an_exception(self, integration, event, lambda_context):
        api = Api(builder=ApiResolverBuilder(app=RESOLVERS[integration]()))
        with pytest.raises(ValueError, match=f"{RESOLVERS[integration].__name__} expects"):
            api.function(event, lambda_context)

    def test_the_event_is_left_as_it_was(self, integration, lambda_context):
        event = load(integration)
        Api(PutItem, builder=ApiResolverBuilder(app=RESOLVERS[integration]())).function(
            event, lambda_context
        )
        assert event == load(integration)


@pytest.mark.parametrize("body", [None, "", "{}", '""', "null"])
def test_a_request_without_body_is_made_of_its_path(body, lambda_context):
    found = Api(PutItem).call("PUT", "/items/abc", lambda_context, body=body)
    assert found == (200, {"item_id": "abc", "how_many": 1})


@pytest.mark.parametrize("body", ['{"how_many": 5}', json.dumps('{"how_many": 5}')])
def test_a_body_is_an_object_or_a_string_that_holds_one(body, lambda_context):
    _, found = Api(PutItem).call("PUT", "/items/abc", lambda_context, body=body)
    assert found["how_many"] == 5


@pytest.mark.parametrize(
    ("path", "item_id"),
    [
        ("/items/123", "123"),
        ("/items/%27123%27", "123"),
        ("/items/1e5", "1e5"),
        ("/items/True", "True"),
        ("/items/a%20b", "a b"),
        ("/items/a%2Fb", "a/b"),
        ("/items/[1]", "[1]"),
        ("/items/abc/", "abc"),
    ],
)
def test_a_text_field_gets_the_text_of_the_path(path, item_id, lambda_context):
    _, found = Api(PutItem).call("PUT", path, lambda_context)
    assert found["item_id"] == item_id


def test_the_type_of_the_field_decides_what_a_part_of_the_path_is(lambda_context):
    typed = make_handler("/<item_id>/<how_many>/<extra>/<tags>", "GET")
    _, found = Api(typed).call("GET", "/7/12/1.5/['x']", lambda_context)
    assert found == {"item_id": "7", "how_many": 12, "extra": 1.5, "tags": ["x"]}


def test_the_body_takes_precedence_over_the_query_and_the_query_over_the_path(lambda_context):
    api = Api(PutItem)
    query = {"data": [data({"item_id": "query", "how_many": 2})]}
    body = '{"item_id": "body"}'
    assert api.call("PUT", "/items/path", lambda_context, query=query) == (
        200,
        {"item_id": "query", "how_many": 2},
    )
    assert api.call("PUT", "/items/path", lambda_context, query=query, body=body) == (
        200,
        {"item_id": "body", "how_many": 2},
    )


def test_a_field_is_the_same_in_snake_and_camel_case(lambda_context):
    query = {"itemId": ["query"], "howMany": ["2"]}
    body = '{"item_id": "body", "itemId": "alias"}'
    _, found = Api(PutItem).call("PUT", "/items/path", lambda_context, query=query, body=body)
    assert found == {"item_id": "alias", "how_many": 2}
    body = '{"item_id": "body"}'
    _, found = Api(PutItem).call("PUT", "/items/path", lambda_context, query=query, body=body)
    assert found == {"item_id": "body", "how_many": 2}


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [
        ({"how_many": ["7"]}, "how_many", 7),
        ({"how_many": ["7", "8"]}, "how_many", 8),
        ({"tags": ["a"]}, "tags", ["a"]),
        ({"tags": ["a", "b"]}, "tags", ["a", "b"]),
        ({"tags": ['["a"]']}, "tags", ['["a"]']),
        ({"extra": ["7"]}, "extra", "7"),
        ({"size": ['{"x": 1}']}, "size", {"x": 1}),
    ],
)
def test_query_parameters_become_what_their_field_is(query, field, value, lambda_context):
    status, found = Api(FindItems).call("GET", "/items", lambda_context, query=query)
    assert (status, found[field]) == (200, value)


def test_a_base64_body_is_decoded(lambda_context):
    body = base64.b64encode('{"extra": "é"}'.encode()).decode()
    api = Api(FindItems)
    _, found = api.call("POST", "/items", lambda_context, body=body, isBase64Encoded=True)
    assert found["extra"] == "é"


@pytest.mark.parametrize(
    "request_parts",
    [
        {"body": "nope"},
        {"body": "NaN"},
        {"body": '{"how_many": 1'},
        {"body": "é", "isBase64Encoded": True},
        {"body": "/w==", "isBase64Encoded": True},
        {"body": 5},
        {"query": {"data": ["nope"]}},
        {"query": {"data": [""]}},
        {"query": {"data": [base64.urlsafe_b64encode(b"[1]").decode()]}},
        {"headers": {"x-client-version": "one"}},
        {"headers": {"X-CLIENT-VERSION": ""}},
    ],
)
def test_what_cannot_be_decoded_is_a_bad_request(request_parts, lambda_context):
    status, problem = Api(FindItems).call("POST", "/items", lambda_context, **request_parts)
    assert (status, problem["title"]) == (400, "Bad Request")


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("[1]", [["body"]]),
        ("5", [["body"]]),
        ('"text"', [["body"]]),
        ('{"how_many": "many"}', [["how_many"]]),
        ('{"how_many": "many", "size": {"x": "y"}}', [["how_many"], ["size", "x"]]),
    ],
)
def test_what_does_not_fit_the_model_is_unprocessable(body, places, lambda_context):
    status, problem = Api(FindItems).call("POST", "/items", lambda_context, body=body)
    assert (status, problem["status"]) == (422, 422)
    assert [error["loc"] for error in problem["errors"]] == places
    assert all(error.keys() == {"loc", "msg", "type"} for error in problem["errors"])


@pytest.mark.parametrize(
    ("query", "place", "kind"),
    [
        ({"how_many": ["x"]}, ["how_many"], "int_parsing"),
        ({"how_many": ["1", "x"]}, ["how_many"], "int_parsing"),
        ({"how_many": ["x"], "tags": ["a"]}, ["how_many"], "int_parsing"),
        ({"size": ['{"x": "y"}']}, ["size", "x"], "int_parsing"),
        ({"size": ["x"]}, ["size"], "dict_type"),
    ],
)
def test_the_error_of_a_query_parameter_is_about_the_value_that_was_sent(
    query, place, kind, lambda_context
):
    _, problem = Api(FindItems).call("GET", "/items", lambda_context, query=query)
    found = [(error["loc"], error["type"]) for error in problem["errors"]]
    assert found == [(place, kind)]


def test_a_model_of_another_kind_tells_its_own_error(lambda_context):
    class Plain:
        @classmethod
        def from_dict(cls, document, **_):
            if not isinstance(document.get("item_id"), str):
                raise ValidationError("item_id is no text")
            return cls()

        def to_dict(self, **_):
            return {"fine": True}

    from aibs_informatics_aws_lambda.common.exceptions import ValidationError

    class PlainHandler(ApiLambdaHandler[Plain, Plain]):
        route_rule = classmethod(lambda cls: "/items/<item_id>")
        route_method = classmethod(lambda cls: "POST")

        def handle(self, request):
            return request

    api = Api(PlainHandler)
    assert api.call("POST", "/items/12", lambda_context) == (200, {"fine": True})
    status, problem = api.call("POST", "/items/12", lambda_context, body='{"item_id": 1}')
    assert status == 422
    assert problem["errors"] == [{"loc": [], "msg": "item_id is no text", "type": "value_error"}]


def test_the_whole_response_is_that_of_a_rest_proxy(lambda_context):
    response = Api(FindItems).function(rest_event("GET", "/items"), lambda_context)
    assert response == {
        "statusCode": 200,
        "body": '{"how_many":1}',
        "isBase64Encoded": False,
        "multiValueHeaders": {"Content-Type": ["application/json"]},
    }


def test_no_response_is_null(lambda_context):
    silent = make_handler("/a", "GET", lambda self, request: None)
    assert Api(silent).call("GET", "/a", lambda_context) == (200, None)


def test_a_number_that_json_lacks_fails_the_request_and_the_log_names_the_field(
    lambda_context, capsys
):
    body = '{"extra": [1e999, -1e999, 1.5]}'
    status, _ = Api(FindItems).call("POST", "/items", lambda_context, body=body)
    assert status == 500
    assert "extra[0]: inf is not a JSON number" in capsys.readouterr().out


def test_an_error_of_the_handler_shows_nothing_of_itself_and_is_logged(lambda_context, capsys):
    def handle(self, request):
        raise ValueError("no such shelf", object())

    api = Api(make_handler("/a", "GET", handle))
    status, problem = api.call("GET", "/a", lambda_context)
    assert status == 500
    assert problem == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "request": lambda_context.aws_request_id,
    }
    _, (line,) = printed(capsys.readouterr().out)
    assert line["level"] == "ERROR"
    assert "no such shelf" in line["exception"]
    assert line["correlation_id"] == "gateway-id"


def test_a_response_that_cannot_be_written_is_an_error_of_the_service(lambda_context):
    def handle(self, request):
        return Anything.model_construct(extra=object())

    api = Api(make_handler("/a", "GET", handle))
    assert api.call("GET", "/a", lambda_context)[0] == 500


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (NotFoundError("no item a1"), 404, {"detail": "no item a1"}),
        (BadRequestError("too long"), 400, {"detail": "too long"}),
        (ServiceError(409, "it is taken"), 409, {"detail": "it is taken"}),
        (ServiceError(499, "gone"), 499, {"title": "Error"}),
        (ServiceError(503, {"retry": 5}), 503, {"message": {"retry": 5}}),
    ],
)
def test_an_error_that_is_raised_to_be_described_keeps_status_and_message(
    error, status, told, lambda_context, capsys
):
    def handle(self, request):
        raise error

    found, problem = Api(make_handler("/a", "GET", handle)).call("GET", "/a", lambda_context)
    assert found == problem["status"] == status
    assert told.items() <= problem.items()
    assert "RouteNotFound" not in capsys.readouterr().out


def test_every_error_is_problem_details(lambda_context):
    response = Api(FindItems).function(rest_event("GET", "/nope"), lambda_context)
    assert response["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]
    assert json.loads(response["body"]) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not found",
        "request": lambda_context.aws_request_id,
    }


def test_options_is_a_method_like_others_unless_cors_is_configured(lambda_context):
    preflight = rest_event("OPTIONS", "/items", headers={"Origin": "https://x"})
    response = Api(FindItems).function(preflight, lambda_context)
    assert response["statusCode"] == 405
    assert response["multiValueHeaders"]["Allow"] == ["GET, POST"]
    app = APIGatewayRestResolver(cors=CORSConfig())
    response = Api(FindItems, builder=ApiResolverBuilder(app)).function(preflight, lambda_context)
    assert response["statusCode"] == 204
    assert "Access-Control-Allow-Origin" in response["multiValueHeaders"]


class Guarded(ApiResolverBuilder):
    error = PermissionError("members only")

    def validate_event(self, event):
        raise self.error


@pytest.mark.parametrize("path", ["/items", "/nope"])
def test_an_event_that_the_api_rejects_is_unauthorized_and_the_reason_is_logged(
    path, lambda_context, capsys
):
    status, problem = Api(FindItems, builder=Guarded()).call("GET", path, lambda_context)
    assert (status, problem["title"]) == (401, "Unauthorized")
    assert "members" not in json.dumps(problem)
    _, (line,) = printed(capsys.readouterr().out)
    assert line["level"] == "WARNING"
    assert "members only" in line["exception"]


def test_an_event_can_be_rejected_with_another_status(lambda_context, monkeypatch):
    monkeypatch.setattr(Guarded, "error", ForbiddenError("not on Sundays"))
    status, problem = Api(FindItems, builder=Guarded()).call("GET", "/items", lambda_context)
    assert (status, problem["detail"]) == (403, "not on Sundays")


def test_responses_to_rejected_events_can_be_read_across_origins(lambda_context):
    api = Api(FindItems, builder=Guarded(APIGatewayRestResolver(cors=CORSConfig())))
    event = rest_event("GET", "/items", headers={"Origin": "https://x"})
    response = api.function(event, lambda_context)
    assert response["statusCode"] == 401
    assert response["multiValueHeaders"]["Access-Control-Allow-Origin"] == ["*"]


def test_browsers_are_described_the_rules_before_they_send_credentials(lambda_context):
    app = APIGatewayRestResolver(cors=CORSConfig())
    secret = make_handler("/secret", "OPTIONS")
    api = Api(FindItems, secret, builder=Guarded(app))
    for path, status in (("/items", 204), ("/nope", 204), ("/secret", 401)):
        event = rest_event("OPTIONS", path, headers={"Origin": "https://x"})
        assert api.function(event, lambda_context)["statusCode"] == status


def test_an_override_that_fails_is_an_error_of_the_service(lambda_context):
    class Broken(ApiResolverBuilder):
        def handle_exception(self, error):
            raise RuntimeError("broken override")

    failing = make_handler("/a", "GET", lambda self, request: 1 / 0)
    status, problem = Api(failing, builder=Broken()).call("GET", "/a", lambda_context)
    assert status == 500
    assert "broken" not in json.dumps(problem)


def test_exception_handlers_that_the_app_has_already_are_kept(lambda_context):
    app = APIGatewayRestResolver()

    @app.exception_handler(ZeroDivisionError)
    def response(error):
        from aws_lambda_powertools.event_handler import Response

        return Response(status_code=418, content_type="application/json", body="{}")

    failing = make_handler("/a", "GET", lambda self, request: 1 / 0)
    api = Api(failing, builder=ApiResolverBuilder(app))
    assert api.call("GET", "/a", lambda_context) == (418, {})


class TestLegacyErrors:
    @pytest.fixture
    def call(self, lambda_context):
        def handle(self, request):
            if request.extra == "odd":
                raise ValueError("no shelf", 3, {"a": 1}, b"x", float("nan"))
            raise NotFoundError("no item")

        api = Api(
            make_handler("/a", "POST", handle), builder=ApiResolverBuilder(legacy_errors=True)
        )
        return lambda *args, **event: api.call(*args, lambda_context, **event)

    def test_an_unknown_route_is_a_teapot(self, call):
        assert call("GET", "/nope") == (418, "Could not find route /nope: Not found")

    def test_so_is_another_method(self, call):
        assert call("GET", "/a")[0] == 418

    def test_an_error_is_400_with_its_arguments(self, call, lambda_context):
        assert call("POST", "/a", body='{"extra": "odd"}') == (
            400,
            {
                "request": lambda_context.aws_request_id,
                "error": ["no shelf", 3, {"a": 1}, "b'x'", "nan"],
            },
        )

    def test_an_error_raised_on_purpose_and_a_bad_request_are_400_too(self, call):
        assert call("POST", "/a")[0] == 400
        assert call("POST", "/a", body="nope")[0] == 400
        assert call("POST", "/a", body='{"how_many": "x"}')[0] == 400

    def test_a_rejected_event_is_401_with_its_reason(self, lambda_context):
        api = Api(builder=Guarded(legacy_errors=True))
        found = api.call("GET", "/a", lambda_context)
        assert found == (401, "Failed to validate event: members only")


class TestMetrics:
    @pytest.fixture(autouse=True)
    def _namespace(self, monkeypatch):
        monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "shop")

    def test_a_routed_request_prints_one_blob(self, lambda_context, capsys):
        api = Api(PutItem)
        for _ in range(2):
            api.call("PUT", "/items/a", lambda_context)
            ((dimensions, values),), _ = printed(capsys.readouterr().out)
            assert dimensions == {
                "handler_name": "ApiResolverBuilder",
                "route": "/items/<item_id>",
                "handler": "Answer",
            }
            assert values.pop("Duration") != values.pop("ApiResolverDuration")
            assert values == {
                "Success": [1.0],
                "Failure": [0.0],
                "ApiResolverSuccess": [1.0],
                "ApiResolverFailure": [0.0],
            }

    def test_an_error_is_a_failure_of_the_route_but_an_response_of_the_api(
        self, lambda_context, capsys
    ):
        Api(PutItem).call("PUT", "/items/a", lambda_context, body="nope")
        ((_, values),), _ = printed(capsys.readouterr().out)
        assert (values["Success"], values["Failure"]) == ([0.0], [1.0])
        assert (values["ApiResolverSuccess"], values["ApiResolverFailure"]) == ([1.0], [0.0])

    def test_an_unknown_route_is_counted(self, lambda_context, capsys):
        Api(PutItem).call("PUT", "/nope", lambda_context)
        ((dimensions, values),), _ = printed(capsys.readouterr().out)
        assert dimensions == {"handler_name": "ApiResolverBuilder"}
        assert values["RouteNotFound"] == [1.0]
        assert "Success" not in values

    @pytest.mark.parametrize("case", ["refused", "other method"])
    def test_other_responses_without_handler_are_those_of_the_api_alone(
        self, case, lambda_context, capsys
    ):
        api = Api(PutItem, builder=Guarded() if case == "refused" else None)
        api.call("GET", "/items/a", lambda_context)
        ((dimensions, values),), _ = printed(capsys.readouterr().out)
        assert dimensions.keys() == {"handler_name"}
        assert values.keys() == {
            "ApiResolverSuccess",
            "ApiResolverFailure",
            "ApiResolverDuration",
        }

    def test_an_event_from_elsewhere_is_a_failure_of_the_api(self, lambda_context, capsys):
        with pytest.raises(ValueError, match="expects"):
            Api(PutItem).function({}, lambda_context)
        ((_, values),), _ = printed(capsys.readouterr().out)
        assert (values["ApiResolverSuccess"], values["ApiResolverFailure"]) == ([0.0], [1.0])

    def test_metrics_of_the_handler_are_in_the_same_blob(self, lambda_context, capsys):
        def handle(self, request):
            self.metrics.add_count_metric("Found", 3)

        Api(make_handler("/a", "GET", handle)).call("GET", "/a", lambda_context)
        ((_, values),), _ = printed(capsys.readouterr().out)
        assert values["Found"] == [3.0]

    def test_the_first_invocation_of_a_process_is_counted_once(
        self, lambda_context, capsys, monkeypatch
    ):
        monkeypatch.setattr(cold_start, "is_cold_start", True)
        api = Api(PutItem)
        api.call("PUT", "/items/a", lambda_context)
        (first, _), _ = printed(capsys.readouterr().out)
        assert first == ({"function_name": "function"}, {"ColdStart": [1.0]})
        api.call("PUT", "/items/a", lambda_context)
        assert len(printed(capsys.readouterr().out)[0]) == 1

    def test_without_namespace_requests_are_answered_all_the_same(
        self, lambda_context, monkeypatch, capsys
    ):
        monkeypatch.delenv("POWERTOOLS_METRICS_NAMESPACE")
        monkeypatch.setattr(cold_start, "is_cold_start", True)
        api = Api(PutItem)
        assert [api.call("PUT", "/items/a", lambda_context)[0] for _ in range(3)] == [200] * 3
        assert "_aws" not in capsys.readouterr().out

    def test_metrics_that_are_disabled_do_not_pile_up(self, lambda_context, monkeypatch, capsys):
        monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
        api = Api(PutItem)
        for _ in range(150):
            api.call("PUT", "/items/a", lambda_context)
        assert not api.builder.metrics.metric_set
        assert capsys.readouterr().out == ""

    def test_a_handler_on_an_app_without_builder_prints_its_own(self, lambda_context, capsys):
        app = APIGatewayRestResolver()
        PutItem.add_to_router(app)
        response = app.resolve(rest_event("PUT", "/items/a"), lambda_context)
        assert response["statusCode"] == 200
        ((dimensions, values),), _ = printed(capsys.readouterr().out)
        assert dimensions["handler_name"] == dimensions["handler"] == "Answer"
        assert values["Success"] == [1.0]


def log_details(self, request):
    self.log.debug("details")


class TestLogLevel:
    @pytest.mark.parametrize("name", ["X-Log-Level", "x-log-level"])
    def test_a_request_can_ask_for_details_for_itself_alone(self, name, lambda_context, capsys):
        api = Api(make_handler("/a", "GET", log_details))
        api.call("GET", "/a", lambda_context, headers={name: "debug"})
        assert '"details"' in capsys.readouterr().out
        api.call("GET", "/a", lambda_context)
        assert '"details"' not in capsys.readouterr().out

    def test_an_unknown_level_is_ignored_with_a_warning(self, lambda_context, capsys):
        api = Api(make_handler("/a", "GET", log_details))
        status, _ = api.call("GET", "/a", lambda_context, headers={"x-log-level": "LOUD"})
        assert status == 200
        _, (line,) = printed(capsys.readouterr().out)
        assert (line["level"], "LOUD" in line["message"]) == ("WARNING", False)

    @pytest.mark.parametrize("level", ["error", "CRITICAL", "notset"])
    def test_a_request_cannot_hide_what_is_logged_by_default(self, level, lambda_context, capsys):
        def warn(self, request):
            self.log.warning("beware")
            return Anything()

        api = Api(make_handler("/a", "GET", warn))
        api.call("GET", "/a", lambda_context, headers={"x-log-level": level})
        assert "beware" in capsys.readouterr().out

    def test_the_header_can_be_turned_off(self, lambda_context, capsys, monkeypatch):
        monkeypatch.setenv("HANDLER_LOG_LEVEL_HEADER", "off")
        api = Api(make_handler("/a", "GET", log_details))
        api.call("GET", "/a", lambda_context, headers={"x-log-level": "debug"})
        assert '"details"' not in capsys.readouterr().out

    def test_rejected_request_does_not_set_the_level(self, lambda_context):
        api = Api(builder=Guarded())
        before = api.builder.logger.log_level
        api.call("GET", "/a", lambda_context, headers={"x-log-level": "debug"})
        assert api.builder.logger.log_level == before

    def test_a_handler_on_an_app_without_builder_follows_it_too(self, lambda_context, capsys):
        app = APIGatewayRestResolver()
        make_handler("/a", "GET", log_details).add_to_router(app)
        app.resolve(rest_event("GET", "/a", headers={"x-log-level": "debug"}), lambda_context)
        assert '"details"' in capsys.readouterr().out
        app.resolve(rest_event("GET", "/a"), lambda_context)
        assert '"details"' not in capsys.readouterr().out

    def test_nothing_of_a_request_is_logged_by_default(self, lambda_context, capsys):
        secret = {"authorization": "Bearer s3cret", "x-client-version": "1"}
        api = Api(FindItems)
        for body in ('{"extra": "s3cret"}', '{"how_many": "s3cret"}', "s3cret"):
            api.call("POST", "/items", lambda_context, headers=secret, body=body)
        assert "s3cret" not in capsys.readouterr().out


def test_the_request_is_validated_once_and_handed_on_as_it_is(lambda_context):
    class Counted(Anything):
        made: ClassVar = 0

        @classmethod
        def from_dict(cls, document, **options):
            cls.made += 1
            return super().from_dict(document, **options)

    class Keep(ApiLambdaHandler[Counted, Counted]):
        route_rule = classmethod(lambda cls: "/a")
        route_method = classmethod(lambda cls: "POST")

        def handle(self, request):
            return request

    Api(Keep).call("POST", "/a", lambda_context, body='{"how_many": 2}')
    assert Counted.made == 1


def test_each_request_has_an_instance_of_its_own_made_with_the_given_arguments(lambda_context):
    class Remember(ApiLambdaHandler[Anything, Anything]):
        route_rule = classmethod(lambda cls: "/a")
        route_method = classmethod(lambda cls: "GET")
        seen = ()

        def __init__(self, greeting):
            super().__init__()
            self.greeting = greeting

        def handle(self, request):
            Remember.seen += (id(self),)
            assert self.context is lambda_context
            assert self.current_event["httpMethod"] == "GET"
            return Anything(item_id=self.greeting)

    builder = ApiResolverBuilder()
    Remember.add_to_router(builder.app, greeting="hello")
    api = Api(builder=builder)
    kept = [api.call("GET", "/a", lambda_context) for _ in range(2)]
    assert kept == [(200, {"item_id": "hello", "how_many": 1})] * 2
    assert len(Remember.seen) == 2


def test_a_handler_that_was_not_routed_to_has_no_event():
    with pytest.raises(ValueError, match="does not handle an HTTP request"):
        PutItem().current_event  # noqa: B018


def test_what_only_a_rest_api_tells_is_rejected_elsewhere(lambda_context):
    def handle(self, request):
        assert self.api_gateway_event_identity.source_ip == "203.0.113.7"

    api = Api(make_handler("/items/<item_id>", "PUT", handle))
    assert api.function(load("rest_api"), lambda_context)["statusCode"] == 200
    other = Api(
        make_handler("/items/<item_id>", "PUT", handle),
        builder=ApiResolverBuilder(app=RESOLVERS["http_api"]()),
    )
    assert other.function(load("http_api"), lambda_context)["statusCode"] == 500


@pytest.mark.parametrize("handler_first", [True, False])
def test_route_and_handler_may_stand_in_either_order(handler_first, lambda_context):
    class ARoute(ApiRoute[Anything, Anything]):
        route_rule = classmethod(lambda cls: "/a")
        route_method = classmethod(lambda cls: "GET")

    typed = ApiLambdaHandler[Anything, Anything]
    bases = (typed, ARoute) if handler_first else (ARoute, typed)
    members = {"handle": lambda self, request: request}
    both = types.new_class("Both", bases, exec_body=lambda space: space.update(members))
    assert Api(both).call("GET", "/a", lambda_context)[0] == 200
    assert repr(both()) == "Both(route=/a, method=GET)"
    inherited = type("Inherited", (ApiLambdaHandler, ARoute), {"handle": both.handle})
    assert inherited.get_request_cls() is inherited.get_response_cls() is Anything


class TestDiscovery:
    HANDLER = """
from aibs_informatics_aws_lambda.common.api.handler import ApiLambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel

class Empty(PydanticBaseModel):
    pass

class Base(ApiLambdaHandler[Empty, Empty]):
    def handle(self, request):
        return request

class Named(Base):
    @classmethod
    def route_rule(cls):
        return "/" + cls.__module__.replace(".", "-") + "-" + cls.__name__.lower()

    @classmethod
    def route_method(cls):
        return "GET"

class Left(Named):
    pass

class Right(Named):
    pass

class Both(Left, Right):
    pass
"""

    @pytest.fixture
    def package(self, tmp_path, monkeypatch, request):
        # A name of its own per test: classes outlive the modules that define them.
        name = f"pkg_{abs(hash(request.node.name))}"
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "inner" / "__init__.py").write_text("")
        (tmp_path / name / "__main__.py").write_text("raise SystemExit('it ran')")
        (tmp_path / name / "a.py").write_text(self.HANDLER)
        (tmp_path / name / "inner" / "b.py").write_text(self.HANDLER)
        (tmp_path / name / "importing.py").write_text(f"from {name}.a import Left\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        yield importlib.import_module(name)
        for module in [m for m in sys.modules if m.partition(".")[0] == name]:
            del sys.modules[module]

    def test_handlers_of_all_modules_of_a_package_are_found_once(self, package):
        found = get_target_handler_classes(package)
        names = [f"{c.__module__}.{c.__name__}" for c in found]
        a, b = f"{package.__name__}.a", f"{package.__name__}.inner.b"
        assert sorted(names) == sorted(
            f"{module}.{name}" for module in (a, b) for name in ("Both", "Left", "Named", "Right")
        )
        in_a = [name for name in names if name.startswith(f"{a}.")]
        assert in_a == [f"{a}.{name}" for name in ("Named", "Left", "Right", "Both")]

    def test_a_module_that_merely_imports_a_handler_has_none(self, package):
        module = importlib.import_module(f"{package.__name__}.importing")
        assert get_target_handler_classes(module) == []
        with pytest.raises(ValueError, match="importing defines no handler"):
            ApiResolverBuilder().add_handlers(module)

    def test_a_class_is_not_a_module(self):
        with pytest.raises(ValueError, match=r"is not a module: .*\.add_to_router\(api\.app\)"):
            ApiResolverBuilder().add_handlers(PutItem)

    def test_a_module_whose_name_begins_alike_is_another(self, package):
        importlib.import_module(f"{package.__name__}.a")
        shorter = types.ModuleType(package.__name__[:-1])
        assert get_target_handler_classes(shorter) == []

    def test_a_module_that_cannot_be_imported_is_an_error(self, package):
        from pathlib import Path

        Path(package.__path__[0], "broken.py").write_text("import no_such_module\n")
        importlib.invalidate_caches()
        with pytest.raises(ImportError, match="no_such_module"):
            ApiResolverBuilder().add_handlers(package)

    @pytest.mark.parametrize("prefix", ["/v1", "v1", "/v1/"])
    def test_a_prefix_comes_before_all_routes(self, prefix, package, lambda_context):
        module = importlib.import_module(f"{package.__name__}.a")
        builder = ApiResolverBuilder()
        builder.add_handlers(module, prefix=prefix)
        api = Api(builder=builder)
        path = module.Left.route_rule()
        assert api.call("GET", f"/v1{path}", lambda_context)[0] == 200
        assert api.call("GET", path, lambda_context)[0] == 404

    def test_the_same_handlers_can_be_mounted_several_times(self, package, lambda_context):
        module = importlib.import_module(f"{package.__name__}.a")
        builder = ApiResolverBuilder()
        for prefix in ("/v1", "/v2", None):
            builder.add_handlers(module, prefix=prefix)
        api = Api(builder=builder)
        path = module.Left.route_rule()
        for prefix in ("/v1", "/v2", ""):
            assert api.call("GET", f"{prefix}{path}", lambda_context)[0] == 200

    def test_a_router_is_included_with_the_prefix(self, package, lambda_context):
        module = importlib.import_module(f"{package.__name__}.a")
        builder = ApiResolverBuilder()
        builder.add_handlers(module, router=Router(), prefix="/v3")
        builder.add_handlers(module, router=builder.app, prefix="/v4")
        path = module.Left.route_rule()
        for prefix in ("/v3", "/v4"):
            assert Api(builder=builder).call("GET", f"{prefix}{path}", lambda_context)[0] == 200

    def test_another_app_is_no_router(self, package):
        with pytest.raises(ValueError, match="the router is another app"):
            ApiResolverBuilder().add_handlers(package, router=APIGatewayRestResolver())


def test_of_two_equal_routes_the_first_one_answers(lambda_context):
    def response(name):
        return make_handler("/a", "GET", lambda self, request: Anything(item_id=name))

    with pytest.warns(UserWarning, match="already registered"):
        api = Api(response("first"), response("second"))
    assert api.call("GET", "/a", lambda_context)[1]["item_id"] == "first"


def test_a_static_route_takes_precedence_over_a_dynamic_one(lambda_context):
    static = make_handler("/items/new", "PUT", lambda self, request: Anything(item_id="static"))
    api = Api(PutItem, static)
    assert api.call("PUT", "/items/new", lambda_context)[1]["item_id"] == "static"
    assert api.call("PUT", "/items/old", lambda_context)[1]["item_id"] == "old"


def test_functions_on_the_app_itself_response_too(lambda_context):
    app = APIGatewayRestResolver()

    @app.get("/plain")
    def plain():
        return {"plain": True}

    @app.get("/missing")
    def missing():
        raise NotFoundError("no such thing")

    api = Api(PutItem, builder=ApiResolverBuilder(app))
    assert api.call("GET", "/plain", lambda_context) == (200, {"plain": True})
    status, problem = api.call("GET", "/missing", lambda_context)
    assert (status, problem["detail"]) == (404, "no such thing")


def test_an_app_that_validates_its_own_functions_leaves_handlers_alone(lambda_context):
    app = APIGatewayRestResolver(enable_validation=True)

    @app.get("/plain")
    def plain(number: int) -> dict[str, int]:
        return {"number": number}

    api = Api(PutItem, builder=ApiResolverBuilder(app))
    query = {"number": ["5"]}
    assert api.call("GET", "/plain", lambda_context, query=query) == (200, {"number": 5})
    assert api.call("PUT", "/items/a", lambda_context)[1]["item_id"] == "a"


@pytest.mark.parametrize("query", [None, {"number": ["x"]}])
def test_requests_that_powertools_rejects_keep_its_status(query, lambda_context):
    app = APIGatewayRestResolver(enable_validation=True)

    @app.get("/plain")
    def plain(number: int) -> dict[str, int]:
        return {"number": number}

    api = Api(builder=ApiResolverBuilder(app))
    assert api.call("GET", "/plain", lambda_context, query=query)[0] == 422


def test_the_builder_loads_no_models(modules_loaded_by):
    loaded = modules_loaded_by("aibs_informatics_aws_lambda.common.api.resolver")
    assert not loaded & {"pydantic", "boto3", "yaml", "requests"}


def test_a_handler_loads_no_event_handler(modules_loaded_by):
    loaded = modules_loaded_by("aibs_informatics_aws_lambda.common.api.handler")
    heavy = ("event_handler", "utilities.data_classes", "utilities.batch")
    prefixes = tuple(f"aws_lambda_powertools.{name}" for name in heavy)
    assert not [name for name in loaded if name.startswith(prefixes)]
    assert not loaded & {"boto3", "yaml", "requests"}
