from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from aibs_informatics_aws_lambda.common import aws
from aibs_informatics_aws_lambda.common.aws import forget_clients
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.s3.endpoint import (
    Address,
    Addresses,
    Endpoint,
    escape_key,
    find_endpoint,
    make_credentials,
)
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from tables import table

OREGON, IRELAND = "us-west-2", "eu-west-1"
AWS = Endpoint(f"https://s3.{OREGON}.amazonaws.com", OREGON)
OTHER = Endpoint("http://127.0.0.1:9000", OREGON, is_custom=True)


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    return "us-west-2"


def test_aws_is_found_without_any_setting_but_the_region(region):
    assert find_endpoint() == AWS


def test_partition_in_china_has_a_domain_of_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    assert find_endpoint().endpoint == "https://s3.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize("variable", ["AWS_REGION", "REGION", "AWS_DEFAULT_REGION"])
def test_region_of_a_variable_needs_no_botocore(monkeypatch: pytest.MonkeyPatch, variable):
    monkeypatch.setenv(variable, "us-west-2")
    monkeypatch.setattr(aws, "get_client", None)

    assert find_endpoint() == AWS


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_region_of_the_files_takes_precedence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable
):
    file = tmp_path / "file"
    file.write_text("[default]\nregion = eu-west-1\n")
    monkeypatch.setenv(variable, str(file))
    monkeypatch.setenv("AWS_REGION", "us-west-2")

    assert find_endpoint().region == "eu-west-1"


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_endpoint_is_that_of_the_environment(region, monkeypatch: pytest.MonkeyPatch, variable):
    monkeypatch.setenv(variable, "http://127.0.0.1:9000")
    connection = find_endpoint()
    assert connection == Endpoint("http://127.0.0.1:9000", "us-west-2", is_custom=True)
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


class Raw(BytesIO):
    """The body of a response."""

    def stream(self, **_) -> Iterator[bytes]:
        yield self.read()


VPC = "https://bucket.vpce-1a2b3c4d-5e6f.s3.us-west-2.vpce.amazonaws.com"
REGIONAL = {"AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "regional"}
FIPS, DUAL_STACK = {"AWS_USE_FIPS_ENDPOINT": "true"}, {"AWS_USE_DUALSTACK_ENDPOINT": "true"}


@table(
    "region_name, bucket, settings",
    {
        "a region": ("us-west-2", "data", {}),
        "the first region": ("us-east-1", "data", REGIONAL),
        "a bucket with dots": ("us-west-2", "my.data", {}),
        "a region of China": ("cn-north-1", "data", {}),
        "a region of the government": ("us-gov-west-1", "data", {}),
        "a region without the domain of AWS": ("us-iso-east-1", "data", {}),
        "FIPS": ("us-west-2", "data", FIPS),
        "dual-stack": ("us-west-2", "data", DUAL_STACK),
        "dual-stack in China": ("cn-north-1", "data", DUAL_STACK),
        "FIPS and dual-stack": ("us-gov-west-1", "data", {**FIPS, **DUAL_STACK}),
        "an endpoint of a VPC": ("us-west-2", "data", {"AWS_ENDPOINT_URL_S3": VPC}),
        "a public endpoint that is configured": (
            "us-west-2",
            "data",
            {"AWS_ENDPOINT_URL": "https://s3.us-west-2.amazonaws.com"},
        ),
        "another service": ("us-west-2", "data", {"AWS_ENDPOINT_URL": "http://host:9000/root"}),
        "an endpoint of a VPC, found by botocore": (
            "us-west-2",
            "data",
            {"AWS_ENDPOINT_URL_S3": VPC, "AWS_PROFILE": "default"},
        ),
        "an endpoint that is to be ignored": (
            "us-west-2",
            "data",
            {"AWS_ENDPOINT_URL": VPC, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        ),
    },
)
def test_host_is_that_of_botocore(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, region_name, bucket, settings
):
    (tmp_path / "config").write_text("[default]\n")
    if "AWS_PROFILE" in settings:
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in {"AWS_DEFAULT_REGION": region_name, **settings}.items():
        monkeypatch.setenv(name, value)
    forget_clients()
    client = boto3.session.Session().client("s3", config=Config(signature_version=UNSIGNED))
    urls: list[str] = []

    def note(request, **_):
        urls.append(request.url)
        return AWSResponse(request.url, 200, {}, Raw(b""))

    client.meta.events.register("before-send.s3", note)
    client.get_object(Bucket=bucket, Key="key")
    host, path = find_endpoint().address(bucket)
    assert [f"{host}{path}key"] == [url.partition("://")[2] for url in urls]


@table(
    "endpoint, moved",
    {
        "FIPS": ("https://s3-fips.us-west-2.amazonaws.com", "s3-fips.eu-west-1.amazonaws.com"),
        "dual-stack": (
            "https://s3.dualstack.us-west-2.amazonaws.com",
            "s3.dualstack.eu-west-1.amazonaws.com",
        ),
        "an endpoint without a region": (
            "https://s3.amazonaws.com",
            "s3.eu-west-1.amazonaws.com",
        ),
        "an endpoint of a VPC": (VPC, VPC.removeprefix("https://")),
    },
)
def test_other_region_keeps_the_kind_of_endpoint(endpoint, moved):
    found = Endpoint(endpoint, "us-west-2").in_region("eu-west-1")
    assert (found.endpoint, found.region) == (f"https://{moved}", "eu-west-1")


@pytest.mark.parametrize(
    "endpoint", ["https://s3.us-west-2.amazonaws.com", "https://storage.example.org"]
)
def test_endpoint_that_is_configured_is_kept_in_other_regions(endpoint):
    configured = Endpoint(endpoint, "us-west-2", is_custom=True)
    assert configured.in_region("eu-west-1").endpoint == endpoint
    assert configured.address("data")[1] == "/data/"


@table(
    "host, is_aws",
    {
        "AWS": ("s3.us-west-2.amazonaws.com", True),
        "AWS in China": ("s3.cn-north-1.amazonaws.com.cn", True),
        "an endpoint of a VPC": (VPC.removeprefix("https://"), True),
        "another service": ("s3.example.org", False),
        "a host that only looks like AWS": ("s3.amazonaws.com.example.org", False),
        "this machine": ("localhost:9000", False),
    },
)
def test_endpoint_of_aws(host, is_aws):
    assert Endpoint(f"https://{host}", "us-west-2").is_aws is is_aws


ACCESS_POINT = "arn:aws:s3:eu-west-1:123456789012:accesspoint:data-ap"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_fips_endpoint": True},
        {"use_dualstack_endpoint": True},
        {"endpoint_url": "https://accesspoint.vpce-1.s3.eu-west-1.vpce.amazonaws.com"},
    ],
)
def test_access_points_have_the_hosts_of_botocore(settings):
    url = settings.pop("endpoint_url", None)
    client = boto3.session.Session().client(
        "s3",
        region_name="us-west-2",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(**settings),
    )
    sent: list[str] = []

    def answer(request, **_):
        sent.append(request.url)
        return AWSResponse(request.url, 200, {}, Raw(b""))

    client.meta.events.register("before-send.s3", answer)
    client.head_object(Bucket=ACCESS_POINT, Key="a/b")
    endpoint = Endpoint(client.meta.endpoint_url, "us-west-2", is_custom=url is not None)
    host, path = endpoint.in_region("eu-west-1").address(ACCESS_POINT)
    assert [f"https://{host}{path}a/b"] == sent


def names_region(region: str):
    return SimpleNamespace(headers=[("X-Amz-Bucket-Region", region)])


@table(
    "endpoint, bucket, address",
    {
        "a bucket of AWS": (AWS, "bucket", (OREGON, f"bucket.s3.{OREGON}.amazonaws.com", "/")),
        "a bucket of another service": (OTHER, "bucket", (OREGON, "127.0.0.1:9000", "/bucket/")),
        "an access point, in its region": (
            AWS,
            ACCESS_POINT,
            (IRELAND, f"data-ap-123456789012.s3-accesspoint.{IRELAND}.amazonaws.com", "/"),
        ),
    },
)
def test_address_of_a_bucket(endpoint, bucket, address):
    assert Addresses(endpoint)[bucket] == Address(*address)


def test_bucket_is_found_in_the_region_that_an_error_names():
    addresses = Addresses(AWS)
    assert addresses["bucket"].region == OREGON
    assert addresses.note_region("bucket", OREGON, names_region(IRELAND))
    assert addresses["bucket"].host == f"bucket.s3.{IRELAND}.amazonaws.com"
    assert addresses["other"].region == OREGON


@table(
    "error",
    {
        "an error without headers": (SimpleNamespace(),),
        "an error without a region": (SimpleNamespace(headers=[("Server", "AmazonS3")]),),
        "the region that was used": (names_region(OREGON),),
    },
)
def test_error_that_names_no_other_region(error):
    assert not Addresses(AWS).note_region("bucket", OREGON, error)
