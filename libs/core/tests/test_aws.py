from __future__ import annotations

import os
import socket
import sys
import time

import pytest
from aibs_informatics_aws_lambda.common import aws as aws_module
from aibs_informatics_aws_lambda.common.aws import (
    find_account,
    find_partition,
    find_region,
    forget_clients,
    get_client,
    get_region,
    named_errors,
)
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoRegionError,
    ProxyConnectionError,
)


@pytest.mark.parametrize(
    "region",
    [
        "us-west-2",
        "ap-southeast-1",
        "me-south-1",
        "af-south-1",
        "il-central-1",
        "us-gov-east-1",
        "us-iso-east-1",
        "us-isob-east-1",
        "cn-north-1",
        "eusc-de-east-1",
    ],
)
def test_every_form_of_region_is_taken(monkeypatch, region):
    monkeypatch.setenv("AWS_REGION", region)

    assert get_region() == region


def test_configuration_of_boto3_comes_first_then_aws_region_then_region(monkeypatch):
    monkeypatch.setenv("REGION", "eu-west-1")
    assert find_region() == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert find_region() == "eu-west-2"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert find_region() == "eu-west-3"


def test_missing_region_is_none_or_an_error_that_says_what_to_set(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "")

    assert find_region() is None
    with pytest.raises(AWSError, match="set AWS_REGION"):
        get_region()


@pytest.mark.parametrize("region", ["nowhere", "US-WEST-2", "us-west", "us-west-2a", "us west 2"])
def test_invalid_region_is_named(monkeypatch, region):
    monkeypatch.setenv("AWS_REGION", region)

    with pytest.raises(AWSError, match=f"'{region}' is not an AWS region name"):
        find_region()


def test_missing_profile_is_named(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")

    with pytest.raises(AWSError, match=r"no-such-profile.*Check AWS_PROFILE"):
        find_region()
    assert find_account() is None


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-west-2", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("zz-nowhere-1", "aws"),
    ],
)
def test_partition_is_that_of_the_region(region, partition):
    assert find_partition(region) == partition


def test_clients_are_shared_by_service_region_and_arguments(aws):
    client = get_client("s3")

    assert get_client("s3") is client
    assert get_client("s3", "us-west-2") is client
    assert get_client("s3", region_name="eu-west-1") is not client
    assert get_client("s3", endpoint_url="http://127.0.0.1:1") is not client
    assert get_client("sts") is not client


def test_clients_are_made_anew_after_they_were_forgotten(aws):
    client = get_client("s3")
    forget_clients()

    assert get_client("s3") is not client


def test_forked_process_does_not_share_clients(aws, monkeypatch):
    client = get_client("s3")
    monkeypatch.setattr(aws_module.os, "getpid", lambda: -1)

    assert get_client("s3") is not client


def test_clients_retry_and_wait_as_they_should(aws):
    config = get_client("s3").meta.config

    assert config.retries == {"mode": "standard", "total_max_attempts": 6}
    assert (config.connect_timeout, config.read_timeout) == (120, 120)


def test_endpoint_of_the_environment_is_used(aws):
    assert get_client("s3").meta.endpoint_url == aws.url


def test_account_is_that_of_the_caller(aws):
    assert find_account() == "123456789012"


def test_account_is_asked_for_once_whatever_comes_of_it(aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert find_account() is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    assert find_account() is None
    forget_clients()
    assert find_account() == "123456789012"


def test_account_is_given_up_within_seconds(aws, monkeypatch):
    # Less than the 120 seconds of other requests.
    assert aws_module._LOOK_UP_TIMEOUT_SECONDS < 10
    monkeypatch.setattr(aws_module, "_LOOK_UP_TIMEOUT_SECONDS", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()

        assert find_account() is None
        assert time.monotonic() - began < 60


@pytest.mark.parametrize("region", ["us-west-2", "nowhere"])
def test_account_is_none_without_credentials_or_region(monkeypatch, region):
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)

    assert find_account() is None


def client_error(code):
    return ClientError({"Error": {"Code": code, "Message": "why"}}, "GetObject")


@pytest.mark.parametrize("code", ["404", "NoSuchKey", "NoSuchBucket", "NotFound"])
def test_missing_resource_has_an_error_of_its_own(code):
    with (
        pytest.raises(ResourceNotFoundError, match=r"cannot read it: .*why"),
        named_errors("read it", permission="s3:GetObject"),
    ):
        raise client_error(code)


@pytest.mark.parametrize("code", ["403", "AccessDenied", "AccessDeniedException"])
def test_denied_access_names_the_permission(code):
    with (
        pytest.raises(AWSError, match="Grant s3:GetObject to the role in use") as caught,
        named_errors("read it", permission="s3:GetObject"),
    ):
        raise client_error(code)

    assert isinstance(caught.value.__cause__, ClientError)


def test_cause_ends_in_one_period_before_the_remedy():
    reason = {"Code": "ExpiredToken", "Message": "The provided token has expired."}
    with pytest.raises(AWSError) as caught, named_errors("read it", permission="s3:GetObject"):
        raise ClientError({"Error": reason}, "GetObject")

    assert str(caught.value) == (
        "cannot read it: ExpiredToken: The provided token has expired. Renew the temporary "
        "credentials in use"
    )


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (client_error("Throttling"), "cannot read it: .*Throttling"),
        (EndpointConnectionError(endpoint_url="http://x"), r"http://x\"\. Check the network"),
        (
            ProxyConnectionError(proxy_url="http://x"),
            "Check HTTPS_PROXY, NO_PROXY and",
        ),
        (NoRegionError(), "Set AWS_REGION"),
    ],
)
def test_other_failures_of_aws_are_named(error, text):
    with pytest.raises(AWSError, match=text), named_errors("read it", permission="s3:GetObject"):
        raise error


def test_errors_that_are_not_of_aws_pass_unchanged():
    with pytest.raises(KeyError), named_errors("read it", permission="s3:GetObject"):
        raise KeyError("x")


def test_looking_for_a_region_needs_no_network(run_command):
    code = (
        "import socket; socket.socket.connect = None\n"
        "from aibs_informatics_aws_lambda.common.aws import find_region, get_client\n"
        "print(find_region()); get_client('s3', 'us-west-2')"
    )

    result = run_command(sys.executable, "-c", code)

    assert (result.stdout, result.stderr) == ("None\n", "")


def test_settings_of_the_machine_do_not_reach_the_tests():
    assert [name for name in os.environ if name.startswith("AWS_")] == [
        "AWS_EC2_METADATA_DISABLED"
    ]
