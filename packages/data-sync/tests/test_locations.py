"""Locations, and buckets of kinds that are not supported."""

from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.locations import Root, find_root, resolve
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import ObjectVersion, copy_whole
from tables import table

POINT = "arn:aws:s3:us-west-2:123456789012:accesspoint"


@table(
    "uri, reason",
    {
        "directory bucket": ("s3://data--usw2-az1--x-s3/a", "directory buckets .S3 Express One"),
        "Outposts": ("s3://ap-o0123-abc--op-s3/a", "S3 on Outposts is not supported"),
        "multi-Region": ("s3://mfzwi23gnjvgw.mrap/a", "multi-Region access points .*SigV4A"),
    },
)
def test_bucket_that_is_not_supported_is_named_with_the_reason(uri, reason):
    for find in (find_root, resolve):
        with pytest.raises(ValueError, match=f"cannot be used: {reason}"):
            find(S3Path(uri))


def test_access_points_are_buckets():
    assert find_root(S3Path(f"s3://{POINT}/data-ap/a/b")) == Root(f"{POINT}:data-ap", "a/b")
    assert find_root(S3Path("s3://ap-x-s3alias/a")) == Root("ap-x-s3alias", "a")


def test_object_at_an_access_point_is_named_as_the_source_of_a_copy():
    source = ObjectVersion(f"{POINT}:ap", "a b", "e")
    header = copy_whole(source, "bucket", "c").headers["x-amz-copy-source"]
    escaped = POINT.replace(":", "%3A")
    assert header == f"{escaped}/ap/object/a%20b"
