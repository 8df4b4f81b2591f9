from __future__ import annotations

import json
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.api.http_parameters import HTTPParameters
from aibs_informatics_aws_lambda.common.api.route import (
    ApiClientInterface,
    ApiRequestConfig,
    ApiRoute,
)
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel


class Ask(PydanticBaseModel):
    item_id: str | None = None
    many: list[Any] | None = None


class Told(PydanticBaseModel):
    text: str = ""


class GetSomeHTTPThingRoute(ApiRoute[Ask, Told]):
    @classmethod
    def route_rule(cls):
        return "/things/<item_id>"

    @classmethod
    def route_method(cls):
        return "GET"


class PostThing(GetSomeHTTPThingRoute):
    @classmethod
    def route_method(cls):
        return ["POST", "PUT"]


def test_a_route_says_what_it_is():
    assert GetSomeHTTPThingRoute.get_request_cls() is Ask
    assert GetSomeHTTPThingRoute.get_response_cls() is Told
    assert GetSomeHTTPThingRoute.service_name() == "GetSomeHTTPThingRoute"
    assert GetSomeHTTPThingRoute.get_client_method_name() == "get_some_http_thing"
    assert repr(PostThing()) == "PostThing(rule=/things/<item_id>, method=['POST', 'PUT'])"


def test_the_first_of_several_methods_is_the_clients():
    assert PostThing.primary_route_method() == "POST"


def test_only_angle_brackets_make_a_part_dynamic():
    class Mixed(GetSomeHTTPThingRoute):
        @classmethod
        def route_rule(cls):
            return "/a/<one>/{two}/<three_3>/<not this>"

    assert Mixed.route_rule_param_keys() == ["one", "three_3"]


def test_a_route_without_rule_or_method_says_so():
    class Bare(ApiRoute[Ask, Told]):
        pass

    with pytest.raises(NotImplementedError, match="Bare does not define route_rule"):
        Bare.route_rule()
    with pytest.raises(NotImplementedError, match="Bare does not define route_method"):
        Bare.route_method()


def test_a_handler_takes_rule_and_method_of_a_route_of_another_library():
    class Route:
        @classmethod
        def route_rule(cls):
            return "/others/<item_id>"

        @classmethod
        def route_method(cls):
            return ["GET", "PUT"]

    class Handler(ApiRoute[Ask, Told], Route):
        pass

    assert Handler.route_rule() == "/others/<item_id>"
    assert Handler.route_methods() == ["GET", "PUT"]


def test_fields_go_into_path_query_or_body():
    ask = Ask(item_id="a", many=[1])
    in_query = GetSomeHTTPThingRoute.get_http_parameters_from_request(ask)
    in_body = PostThing.get_http_parameters_from_request(ask)
    assert in_query == HTTPParameters({"item_id": "a"}, {"many": [1]}, {})
    assert in_body == HTTPParameters({"item_id": "a"}, {}, {"many": [1]})
    assert PostThing.get_request_from_http_parameters(in_body) == ask


def test_a_part_of_the_path_without_value_is_named():
    with pytest.raises(ValidationError, match="item_id"):
        PostThing.get_http_parameters_from_request(Ask(many=[1]))


def test_the_http_request_of_a_get_carries_the_rest_in_its_query():
    made = GetSomeHTTPThingRoute.get_http_request(
        Ask(item_id="a", many=[1]), "https://api.example.com/prod/", headers={}
    ).prepare()
    assert (made.method, made.body) == ("GET", None)
    assert made.url == ("https://api.example.com/prod/things/a?data=eyJtYW55IjogWzFdfQ%3D%3D")


def test_the_http_request_of_a_post_carries_the_rest_as_json_text_in_a_json_string():
    made = PostThing.get_http_request(Ask(item_id="a", many=[1]), "https://x").prepare()
    assert made.url == "https://x/things/a"
    assert json.loads(json.loads(made.body)) == {"many": [1]}
    assert made.headers["x-client-version"] == ApiRequestConfig.build().client_version


def test_each_value_is_one_segment_of_the_path():
    made = PostThing.get_http_request(Ask(item_id="a/b?c#d e%"), "https://x").prepare()
    assert made.url == "https://x/things/a%2Fb%3Fc%23d%20e%25"


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_value_that_cannot_be_a_segment_is_rejected(value):
    with pytest.raises(ValidationError, match="item_id"):
        PostThing.get_http_request(Ask(item_id=value), "https://x")


def test_a_route_is_a_method_of_its_client():
    class Client:
        post_thing = PostThing.create_route_method()

        def call(self, route, request):
            return route, request

    client = Client()
    assert isinstance(client, ApiClientInterface)
    assert client.post_thing("a request") == (PostThing, "a request")
    assert Client.post_thing.route is PostThing


@pytest.mark.parametrize("name", ["x-client-version", "X-Client-Version"])
def test_the_client_version_is_compared_number_by_number(name):
    check = PostThing.validate_headers
    check({name: "1.10.0"}, "1.9.0")
    check({name: "v2"}, "1.*")
    check({name: "0.1"})
    with pytest.raises(ValueError, match=r"1\.9\.0 is too old: 1\.10\.0"):
        check({name: "1.9.0"}, "1.10.0")


def test_a_version_that_is_missing_or_malformed_is_rejected():
    with pytest.raises(ValidationError, match="missing"):
        PostThing.validate_headers({})
    with pytest.raises(ValidationError, match="'one' is not a version"):
        PostThing.validate_headers({"x-client-version": "one"})


def test_the_configuration_comes_back_from_its_headers(monkeypatch):
    monkeypatch.setenv("API_LOG_LEVEL", "DEBUG")
    config = ApiRequestConfig.build(client_version="3.2.1")
    headers = config.to_headers()
    assert headers == {"x-client-version": "3.2.1", "x-log-level": "DEBUG"}
    assert ApiRequestConfig.from_headers(headers) == config
    assert PostThing.resolve_request_config(headers) == config


def test_the_log_level_is_only_sent_where_one_is_set():
    assert set(PostThing.generate_headers()) == {"x-client-version"}


def test_the_client_version_is_that_of_a_package_or_of_the_class():
    class Ours(ApiRequestConfig):
        client_version_default = "7.1"

    assert Ours.build().client_version == "7.1"
    assert Ours.build(client_version="8").client_version == "8"
    assert str(Ours.build(client_version_package_name="pytest").client_version)[0].isdigit()
    with pytest.raises(ValidationError, match="no-such-package is not installed"):
        Ours.build(client_version_package_name="no-such-package")


def test_a_pre_release_is_reduced_to_its_numbers(monkeypatch):
    monkeypatch.setattr(
        "aibs_informatics_aws_lambda.common.api.route.version", lambda name: "1.2.3.dev4+abc"
    )
    assert ApiRequestConfig.build().client_version == "1.2.3"
