import pytest
from aibs_informatics_aws_lambda.handlers.ecr.report import format_size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1 << 30, "1.0 GiB"),
        (52_000 << 20, "50.8 GiB"),
        (1 << 50, "1048576.0 GiB"),
    ],
)
def test_format_size(size, text):
    assert format_size(size) == text
