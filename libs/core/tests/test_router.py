from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.router import LambdaHandlerRequest


@pytest.mark.parametrize("event", [None, {}, {"a": None}, [1], "text", 5])
def test_request_makes_the_round_trip_with_any_event(work_module, event):
    data = {"handler": "work.echo", "event": event}

    request = LambdaHandlerRequest.from_dict(data)

    assert request.handler is work_module.echo
    assert request.event == event
    assert request.to_dict() == data


def test_handler_can_be_given_as_a_callable(work_module):
    request = LambdaHandlerRequest(handler=work_module.Counter.get_handler(), event={})

    assert request.to_dict() == {"handler": "work.Counter", "event": {}}


@pytest.mark.parametrize(
    "data", [{}, {"handler": "work.echo"}, {"event": {}}, {"handler": 5, "event": {}}]
)
def test_both_fields_are_required(work_module, data):
    with pytest.raises(ValidationError):
        LambdaHandlerRequest.from_dict(data)


def test_name_that_is_not_a_handler_does_not_fit():
    with pytest.raises(ValidationError, match="standard library"):
        LambdaHandlerRequest.from_dict({"handler": "shutil.rmtree", "event": {}})


def test_schema_shows_a_name():
    schema = LambdaHandlerRequest.model_json_schema()

    assert schema["properties"]["handler"]["type"] == "string"
