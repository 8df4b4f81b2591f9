from __future__ import annotations

from types import SimpleNamespace

from aibs_informatics_aws_lambda.handlers.data_sync.s3.endpoint import Address, Addresses, Endpoint
from tables import table

OREGON, IRELAND = "us-west-2", "eu-west-1"
AWS = Endpoint(f"https://s3.{OREGON}.amazonaws.com", OREGON)
OTHER = Endpoint("http://127.0.0.1:9000", OREGON, is_custom=True)
ACCESS_POINT = f"arn:aws:s3:{IRELAND}:123456789012:accesspoint:name"


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
            (IRELAND, f"name-123456789012.s3-accesspoint.{IRELAND}.amazonaws.com", "/"),
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
