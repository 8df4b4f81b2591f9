from __future__ import annotations

import sys

import pytest
from aibs_informatics_aws_lambda.common.cli.tools import Limits, Mode, Tool, ToolError, choose_mode
from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel


class Request(PydanticBaseModel):
    path: str
    response_path: str | None = None
    report: bool = False


class DryRequest(Request):
    dry_run: bool | None = None


class Response(PydanticBaseModel):
    ran: str


class Read(LambdaHandler[Request, Response]):
    """Read a path."""

    description = HandlerDescription(effect="none", output_fields=("response_path",))

    def handle(self, request: Request) -> Response:
        return Response(ran=f"read {request.path} to {request.response_path}")


class Sync(LambdaHandler[DryRequest, Response]):
    """Sync a path."""

    description = HandlerDescription(output_fields=("report",))

    def handle(self, request: DryRequest) -> Response:
        return Response(ran=f"dry_run={request.dry_run}, report={request.report}")


class Send(LambdaHandler[Request, Response]):
    """Send a message."""

    description = HandlerDescription(effect="additive")

    def handle(self, request: Request) -> Response:
        if request.path == "exit":
            sys.exit(3)
        return Response(ran=request.path)


def tool(handler_cls, *, is_allowed=False, limits=None):
    mode = choose_mode(handler_cls, is_allowed=is_allowed)
    return Tool("it", handler_cls, handler_cls.get_handler(), mode, limits or Limits())


@pytest.mark.parametrize(
    ("handler_cls", "mode"), [(Read, Mode.READ), (Sync, Mode.DRY_RUN), (Send, Mode.VALIDATE)]
)
def test_handler_that_is_not_allowed_to_run_changes_nothing(handler_cls, mode):
    found = tool(handler_cls)

    assert found.mode is mode
    assert found.hints == {"read_only_hint": True, "destructive_hint": False}
    assert tool(handler_cls, is_allowed=True).mode is Mode.RUN


@pytest.mark.parametrize(
    ("handler_cls", "hints"),
    [
        # With a field that names a location, the response is written there.
        (Read, {"read_only_hint": False, "destructive_hint": False}),
        (Sync, {"read_only_hint": False, "destructive_hint": True}),
        (Send, {"read_only_hint": False, "destructive_hint": False}),
    ],
)
def test_hints_of_a_handler_that_may_run_are_those_of_its_description(handler_cls, hints):
    assert tool(handler_cls, is_allowed=True).hints == hints


@pytest.mark.parametrize(
    ("handler_cls", "is_allowed", "arguments", "response"),
    [
        (Read, False, {"path": "a"}, {"ran": "read a to None"}),
        (Read, False, {"path": "a", "response_path": None}, {"ran": "read a to None"}),
        (Read, True, {"path": "a", "response_path": "b"}, {"ran": "read a to b"}),
        (Sync, False, {"path": "a"}, {"ran": "dry_run=True, report=False"}),
        (Sync, False, {"path": "a", "dry_run": True}, {"ran": "dry_run=True, report=False"}),
        (Sync, False, {"path": "a", "report": False}, {"ran": "dry_run=True, report=False"}),
        (Sync, True, {"path": "a"}, {"ran": "dry_run=None, report=False"}),
        (Sync, True, {"path": "a", "report": True}, {"ran": "dry_run=None, report=True"}),
        (Send, False, {"path": "a"}, {"valid": True}),
        (Send, True, {"path": "a"}, {"ran": "a"}),
    ],
)
def test_call_runs_what_is_allowed(handler_cls, is_allowed, arguments, response, lambda_context):
    assert tool(handler_cls, is_allowed=is_allowed).call(arguments, lambda_context) == response


@pytest.mark.parametrize(
    ("handler_cls", "field", "value"),
    [
        (Read, "response_path", "b"),
        (Sync, "dry_run", False),
        (Sync, "dry_run", "no"),
        (Sync, "report", True),
    ],
)
def test_field_that_would_change_something_is_refused(handler_cls, field, value, lambda_context):
    found = tool(handler_cls)

    assert field not in found.input_schema["properties"]
    with pytest.raises(ToolError, match=f"{field} of it is refused: .* --run it") as caught:
        found.call({"path": "a", field: value}, lambda_context)
    assert found.failure(caught.value)["request_rejected"]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(request=22), "the request of it has 23 bytes, more than the limit of 22"),
        (
            Limits(response=30),
            "the response of it has .* name a location in response_path, or ask for less",
        ),
    ],
)
def test_large_document_is_refused(limits, message, lambda_context):
    found = tool(Read, is_allowed=True, limits=limits)

    with pytest.raises(ToolError, match=message):
        found.call({"path": "a" * 9 + "é"}, lambda_context)


def test_invalid_request_is_rejected_before_anything_runs(lambda_context):
    for found in (tool(Read), tool(Send)):
        with pytest.raises(ValueError, match="path") as caught:
            found.call({}, lambda_context)
        assert found.failure(caught.value)["request_rejected"]


def test_exit_of_a_handler_is_an_error(lambda_context):
    found = tool(Send, is_allowed=True)

    with pytest.raises(RuntimeError, match="tried to exit the process") as caught:
        found.call({"path": "exit"}, lambda_context)
    assert not found.failure(caught.value)["request_rejected"]


def test_description_says_what_the_server_does_not_do():
    assert tool(Read).description == "Read a path."
    assert tool(Sync).description.startswith("Sync a path. This server makes dry runs only")
    assert "only validates" in tool(Send).description


def test_response_without_properties_has_no_output_schema():
    class Either(LambdaHandler[Request, Response]):
        @classmethod
        def get_response_cls(cls):
            return dict

    assert tool(Either, is_allowed=True).output_schema is None
