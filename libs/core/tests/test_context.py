from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.common.context import DefaultLambdaContext
from aws_lambda_powertools.utilities.typing import LambdaContext


def test_everything_has_a_default():
    context = DefaultLambdaContext()

    assert isinstance(context, LambdaContext)
    assert context.function_name == "unknown"
    assert context.function_version == "1.0"
    assert context.memory_limit_in_mb == 1024
    assert context.aws_request_id == ""
    assert context.log_group_name == "/aws/lambda/unknown_docker"
    assert context.log_stream_name == ""
    assert context.get_remaining_time_in_millis() == 0
    assert type(context.identity).__name__ == "LambdaCognitoIdentity"
    assert type(context.client_context).__name__ == "LambdaClientContext"


@pytest.mark.parametrize(
    ("variable", "attribute", "value"),
    [
        ("AWS_LAMBDA_FUNCTION_NAME", "function_name", "f"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "function_version", "7"),
        ("AWS_LAMBDA_FUNCTION_ARN", "invoked_function_arn", "arn:x"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "memory_limit_in_mb", "512"),
        ("AWS_LAMBDA_FUNCTION_REQUEST_ID", "aws_request_id", "r"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "log_group_name", "g"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "log_stream_name", "s"),
    ],
)
def test_variables_set_it_and_empty_ones_do_not(monkeypatch, variable, attribute, value):
    default = getattr(DefaultLambdaContext(), attribute)
    monkeypatch.setenv(variable, "")
    assert getattr(DefaultLambdaContext(), attribute) == default
    monkeypatch.setenv(variable, value)
    assert str(getattr(DefaultLambdaContext(), attribute)) == value


def test_names_are_made_of_other_names(monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_REQUEST_ID", "r")

    assert DefaultLambdaContext().log_group_name == "/aws/lambda/f_docker"
    assert DefaultLambdaContext().log_stream_name == "r"


def test_memory_is_a_number(monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much")

    with pytest.raises(ValueError, match="AWS_LAMBDA_FUNCTION_MEMORY_SIZE is 'much'"):
        assert DefaultLambdaContext().memory_limit_in_mb


def test_arn_is_of_the_region_and_account_of_the_caller(aws):
    assert (
        DefaultLambdaContext().invoked_function_arn
        == "arn:aws:lambda:us-west-2:123456789012:function:unknown"
    )


@pytest.mark.parametrize(
    ("variables", "arn"),
    [
        ({}, "arn:aws:lambda:::function:unknown"),
        ({"AWS_REGION": "cn-north-1"}, "arn:aws-cn:lambda:cn-north-1::function:unknown"),
        ({"REGION": "zz-new-1"}, "arn:aws:lambda:zz-new-1::function:unknown"),
        ({"REGION": "nowhere"}, "arn:aws:lambda:::function:unknown"),
        ({"AWS_PROFILE": "missing"}, "arn:aws:lambda:::function:unknown"),
    ],
)
def test_part_of_the_arn_that_cannot_be_found_is_empty(monkeypatch, variables, arn):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert DefaultLambdaContext().invoked_function_arn == arn


def test_sts_is_asked_once_at_most(aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    arn = DefaultLambdaContext().invoked_function_arn
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)

    assert arn == "arn:aws:lambda:us-west-2::function:unknown"
    assert DefaultLambdaContext().invoked_function_arn == arn


def test_invocation_with_this_context_asks_nobody(aws, monkeypatch, work_module, capsys):
    monkeypatch.setattr(
        "aibs_informatics_aws_lambda.common.aws.find_account", lambda: pytest.fail("STS asked")
    )

    work_module.Counter.get_handler()({"count": 1}, DefaultLambdaContext())

    assert json.loads(capsys.readouterr().out.splitlines()[-1])["function_arn"] == ""
