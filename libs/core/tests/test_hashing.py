from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.hashing import sha256_hexdigest

IMAGE = "123456789012.dkr.ecr.us-west-2.amazonaws.com/tools/align:1.0"


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        (
            ["align", IMAGE, ["run"]],
            "5053f3cd97af3d5afdb2d08fef97246e926b3690ab1e64a9829dc56871448aaa",
        ),
        (
            ["align", IMAGE, ["run"], "exec-0001", {}, [], []],
            "84a3cdc1f17ee5b248a29ac2813fe1152943295eb83899b6774f75edc5c01bf5",
        ),
        (
            "s3://bucket/raw/a.fastq",
            "9d4ae859e6a6da4a9f1f14f6c4fd1cf1c334f7fed86efdf781fa3a193232381d",
        ),
        (
            {"b": 1, "a": [1, None, True, "é"]},
            "6211d6c57131d5e20032b5b88f562db6c77be61f49107d4cb5646309fa7d0749",
        ),
    ],
)
def test_the_digest_of_a_value_depends_on_nothing_but_the_value(value, digest):
    assert sha256_hexdigest(value) == digest


def test_without_content_each_digest_differs():
    assert sha256_hexdigest() != sha256_hexdigest()
