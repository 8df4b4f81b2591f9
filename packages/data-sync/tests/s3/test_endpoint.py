from __future__ import annotations

from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.s3.endpoint import (
    Endpoint,
    escape_key,
    find_endpoint,
    make_credentials,
)

AWS = Endpoint("https://s3.us-west-2.amazonaws.com", "us-west-2")


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    return "us-west-2"


def test_aws_is_found_without_any_setting_but_the_region(region):
    assert find_endpoint() == AWS


def test_partition_in_china_has_a_domain_of_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    assert find_endpoint().endpoint == "https://s3.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_endpoint_is_that_of_the_environment(region, monkeypatch: pytest.MonkeyPatch, variable):
    monkeypatch.setenv(variable, "http://127.0.0.1:9000")
    connection = find_endpoint()
    assert connection == Endpoint("http://127.0.0.1:9000", "us-west-2")
    assert not connection.encrypted


def test_profile_is_read_as_boto3_reads_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    config = tmp_path / "config"
    config.write_text(
        "[profile lab]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:9000\n"
        "aws_access_key_id = A\naws_secret_access_key = B\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert find_endpoint() == Endpoint("http://127.0.0.1:9000", "eu-west-1")
    assert make_credentials().get_credentials().result().access_key_id == "A"


def test_region_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_REGION", "nowhere")
    with pytest.raises(AWSError, match="nowhere"):
        find_endpoint()


def test_without_a_region_s3_is_asked_where_it_began():
    assert find_endpoint().region == "us-east-1"


def test_endpoint_that_botocore_chose_is_kept(region, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    connection = find_endpoint()
    assert connection.endpoint == "https://s3-fips.us-west-2.amazonaws.com"
    assert connection.in_region("us-west-2") == connection


def test_missing_credentials_are_an_error(region):
    with pytest.raises(AWSError, match="no AWS credentials"):
        make_credentials()


def test_bucket_is_part_of_the_host_on_aws():
    assert AWS.address("data") == ("data.s3.us-west-2.amazonaws.com", "/")


@pytest.mark.parametrize("bucket", ["my.data", "Data"])
def test_bucket_that_fits_no_certificate_is_part_of_the_path(bucket):
    assert AWS.address(bucket) == ("s3.us-west-2.amazonaws.com", f"/{bucket}/")


def test_bucket_is_part_of_the_path_elsewhere():
    connection = Endpoint("http://host:9000/root/", "us-west-2")
    assert connection.address("data") == ("host:9000", "/root/data/")


def test_other_region_of_aws_has_another_host_and_elsewhere_the_same():
    assert AWS.in_region("eu-west-1").endpoint == "https://s3.eu-west-1.amazonaws.com"
    elsewhere = Endpoint("http://host:9000", "us-west-2")
    assert elsewhere.in_region("eu-west-1") == Endpoint("http://host:9000", "eu-west-1")


def test_characters_of_keys_are_escaped():
    assert escape_key("a b/+%é?#&") == "a%20b/%2B%25%C3%A9%3F%23%26"
