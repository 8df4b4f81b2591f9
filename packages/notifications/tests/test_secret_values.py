from __future__ import annotations

import json

import boto3
import pytest
from aibs_informatics_aws_lambda.common.exceptions import (
    AWSError,
    ValidationError,
)
from aibs_informatics_aws_lambda.handlers.notifications import secret_values
from aibs_informatics_aws_lambda.handlers.notifications.secret_values import read_secret
from botocore.stub import Stubber

ACCOUNT = "123456789012"


@pytest.fixture
def make_secret(aws):
    def make(value, region="us-west-2"):
        kind = "SecretBinary" if isinstance(value, bytes) else "SecretString"
        client = aws.client("secretsmanager", region)
        return client.create_secret(Name="hook", **{kind: value})["ARN"]

    return make


def test_a_secret_is_read_in_its_region(make_secret):
    assert read_secret(make_secret("value", region="eu-west-1")) == "value"


def test_a_value_of_a_json_secret_is_read_by_its_key(make_secret):
    arn = make_secret(json.dumps({"url": "https://x.org", "port": 1}))

    assert read_secret(f"{arn}#url") == "https://x.org"
    with pytest.raises(ValidationError, match="the value is not a string"):
        read_secret(f"{arn}#port")


@pytest.mark.parametrize("value", ["no JSON", "[]", '{"other": "x"}'])
def test_a_missing_key_is_an_error_without_the_secret(make_secret, value):
    arn = make_secret(value)

    with pytest.raises(ValidationError, match="not a JSON object with this key") as error:
        read_secret(f"{arn}#url")
    assert value not in str(error.value).replace(arn, "")


def test_a_binary_secret_is_an_error(make_secret):
    with pytest.raises(ValidationError, match="has no string value"):
        read_secret(make_secret(b"\x00"))


def test_an_encrypted_ssm_parameter_is_read_by_its_arn(monkeypatch):
    # With a stub, because moto does not find parameters by ARN.
    arn = f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/alerts/hook"
    client = boto3.client("ssm", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(
        secret_values, "get_client", lambda name, region_name: {"eu-west-1": client}[region_name]
    )

    with Stubber(client) as stub:
        parameters = {"Name": arn, "WithDecryption": True}
        stub.add_response("get_parameter", {"Parameter": {"Value": "value"}}, parameters)
        assert read_secret(arn) == "value"


@pytest.mark.parametrize(
    "resource", ["secretsmanager:{}:secret:absent", "ssm:{}:parameter/absent"]
)
def test_a_missing_secret_is_an_error_that_names_it(aws, resource):
    arn = f"arn:aws:{resource.format(f'us-west-2:{ACCOUNT}')}"

    with pytest.raises(AWSError, match="absent"):
        read_secret(arn)
