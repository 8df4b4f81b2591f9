from __future__ import annotations

import json
from typing import ClassVar, Literal

import pytest
from aibs_informatics_aws_lambda.common.api.handler import ApiLambdaHandler
from aibs_informatics_aws_lambda.common.api.resolver import ApiResolverBuilder
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from api_under_test import RESOLVERS, Anything, Api, make_handler
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from pydantic import Field
from shelf.app import api as shelf_api


def validate(document):
    # It takes a second to import, which each process of a run would do for its list of tests.
    from openapi_spec_validator import OpenAPIV31SpecValidator

    OpenAPIV31SpecValidator(document).validate()


def document_of(*handlers, builder=None, **options):
    document = Api(*handlers, builder=builder).builder.get_openapi_schema(**options)
    validate(document)
    return document


def parameters(operation):
    return {parameter["name"]: parameter for parameter in operation["parameters"]}


def test_the_document_of_the_example_is_valid():
    document = shelf_api.get_openapi_schema(title="Shelf", version="2.0.0")
    validate(document)
    assert document["info"] == {"title": "Shelf", "version": "2.0.0"}
    operations = {
        f"{method.upper()} {path}": operation["operationId"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert operations == {
        "GET /items": "list_items",
        "GET /items/{item_id}": "get_item",
        "PUT /items/{item_id}": "put_item",
    }


@pytest.mark.parametrize("door", RESOLVERS)
def test_every_integration_has_a_document(door):
    builder = ApiResolverBuilder(app=RESOLVERS[door]())
    document = document_of(make_handler("/a/<item_id>", "PUT"), builder=builder)
    assert set(document["paths"]) == {"/a/{item_id}"}


def test_an_api_without_handlers_has_a_document():
    assert document_of()["paths"] == {}


def test_parts_of_the_path_are_parameters_and_the_rest_is_the_body():
    operation = shelf_api.get_openapi_schema()["paths"]["/items/{item_id}"]["put"]
    item_id = parameters(operation)["item_id"]
    assert (item_id["in"], item_id["required"], item_id["example"]) == ("path", True, "a1")
    content = operation["requestBody"]["content"]["application/json"]
    assert set(content["schema"]["properties"]) == {"how_many", "tags"}
    assert content["schema"]["required"] == ["how_many"]
    assert content["example"] == {"how_many": 3, "tags": ["round"]}
    assert operation["summary"] == "Keep an item."
    assert "description" not in operation


def test_docstring_is_the_summary_and_the_description():
    handler_cls = make_handler("/a", "GET", __doc__="Count.\n\n        And more,\n        much.")
    operation = document_of(handler_cls)["paths"]["/a"]["get"]
    assert (operation["summary"], operation["description"]) == ("Count.", "And more,\nmuch.")


class Nested(PydanticBaseModel):
    x: int


class Filter(PydanticBaseModel):
    text: str
    perhaps: int | None = None
    several: list[Literal["a", "b"]] = Field(default_factory=list)
    nested: Nested | None = None
    free: dict[str, int] = Field(default_factory=dict)


class Search(ApiLambdaHandler[Filter, Filter]):
    route_rule = classmethod(lambda cls: "/search")
    route_method = classmethod(lambda cls: "GET")

    def handle(self, request: Filter) -> Filter | None:
        return request


def test_fields_of_a_get_are_query_parameters():
    found = parameters(document_of(Search)["paths"]["/search"]["get"])
    assert found["text"]["required"]
    assert not found["perhaps"]["required"]
    assert found["perhaps"]["schema"] == {"title": "Perhaps", "type": "integer"}
    assert found["several"]["schema"]["items"] == {"enum": ["a", "b"], "type": "string"}


def test_what_has_no_form_as_text_is_json_in_the_query(lambda_context):
    found = parameters(document_of(Search)["paths"]["/search"]["get"])
    for name in ("nested", "free"):
        assert "schema" not in found[name]
        assert set(found[name]["content"]) == {"application/json"}
    query = {"text": ["t"], "nested": ['{"x": 1}'], "free": ['{"a": 2}']}
    status, response = Api(Search).call("GET", "/search", lambda_context, query=query)
    assert (status, response["nested"], response["free"]) == (200, {"x": 1}, {"a": 2})


def test_responses_and_errors_are_documented():
    responses = shelf_api.get_openapi_schema()["paths"]["/items/{item_id}"]["get"]["responses"]
    assert list(responses) == ["200", "400", "404", "500", "422"]
    assert responses["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Item"
    }
    assert responses["404"]["description"] == "Not Found: There is no such item."
    assert set(responses["422"]["content"]) == {"application/problem+json"}


def test_a_handler_that_may_response_nothing_says_so():
    responses = document_of(Search)["paths"]["/search"]["get"]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"]
    assert {"type": "null"} in schema["anyOf"]


def test_401_is_documented_if_events_can_be_rejected():
    class Guarded(ApiResolverBuilder):
        def validate_event(self, event):
            raise PermissionError

    document = document_of(Search, builder=Guarded())
    assert "401" in document["paths"]["/search"]["get"]["responses"]


def test_legacy_errors_are_documented():
    document = document_of(Search, builder=ApiResolverBuilder(legacy_errors=True))
    assert list(document["paths"]["/search"]["get"]["responses"]) == ["200", "400", "418"]


def test_a_minimum_version_makes_the_header_required():
    strict = make_handler("/a", "GET", minimum_client_version="1.0")
    for handler_cls, required in ((strict, True), (Search, False)):
        (path,) = document_of(handler_cls)["paths"].values()
        assert parameters(path["get"])["x-client-version"]["required"] is required


def test_operations_of_several_methods_and_mounts_have_names_of_their_own():
    several = make_handler("/a", ["POST", "PUT"])
    builder = ApiResolverBuilder()
    several.add_to_router(builder.app)
    from aws_lambda_powertools.event_handler.api_gateway import Router

    router = Router()
    several.add_to_router(router)
    builder.app.include_router(router, prefix="/v1")
    document = document_of(builder=builder)
    assert set(document["paths"]) == {"/a", "/v1/a"}


def test_functions_on_the_app_itself_are_in_the_document():
    app = APIGatewayRestResolver(enable_validation=True)

    @app.get("/plain/<name>")
    def plain(name: str) -> dict[str, str]:
        return {"name": name}

    document = document_of(Search, builder=ApiResolverBuilder(app))
    assert set(document["paths"]) == {"/plain/{name}", "/search"}


def test_what_the_app_was_configured_with_is_in_the_document():
    app = APIGatewayRestResolver()
    app.configure_openapi(title="Ours", version="3.0.0")
    assert document_of(builder=ApiResolverBuilder(app))["info"] == {
        "title": "Ours",
        "version": "3.0.0",
    }


def test_a_model_that_has_the_name_of_an_error_is_rejected():
    class ProblemDetails(PydanticBaseModel):
        pass

    class Clash(ApiLambdaHandler[ProblemDetails, ProblemDetails]):
        route_rule: ClassVar = classmethod(lambda cls: "/a")
        route_method: ClassVar = classmethod(lambda cls: "GET")

    with pytest.raises(ValueError, match="error responses: ProblemDetails"):
        document_of(Clash)


def test_models_of_another_kind_are_objects():
    class Plain:
        pass

    class PlainHandler(ApiLambdaHandler[Plain, Plain]):
        route_rule = classmethod(lambda cls: "/a")
        route_method = classmethod(lambda cls: "POST")

    operation = document_of(PlainHandler)["paths"]["/a"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"type": "object", "title": "Plain"}


def test_the_document_is_json():
    assert json.loads(json.dumps(document_of(make_handler("/a", "POST"))))
    assert Anything.__name__ in document_of(make_handler("/a", "POST"))["components"]["schemas"]
