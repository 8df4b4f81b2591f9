from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError
from aibs_informatics_aws_lambda.handlers.new_family.count import handler


def test_words_of_an_object_are_counted(aws, lambda_context):
    path = aws.put(aws.make_bucket(), "poem.txt", "The quick brown fox sleeps")

    assert handler({"path": path}, lambda_context) == {"words": 5}
    assert handler({"path": path, "minLength": 4}, lambda_context) == {"words": 3}


def test_a_missing_object_is_an_error_that_names_it(aws, lambda_context):
    path = f"s3://{aws.make_bucket()}/no-such.txt"

    with pytest.raises(ResourceNotFoundError, match=path):
        handler({"path": path}, lambda_context)


def test_an_object_that_is_not_text_is_an_error_that_names_it(aws, lambda_context):
    path = aws.put(aws.make_bucket(), "image.png", b"\x89PNG")

    with pytest.raises(ValidationError, match=f"{path} is not UTF-8 text"):
        handler({"path": path}, lambda_context)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "path"),
        ({"path": "poem.txt"}, "path"),
        ({"path": "s3://bucket/poem.txt", "min_length": 0}, "min_length"),
    ],
)
def test_an_error_names_the_invalid_field(event, field, lambda_context):
    with pytest.raises(ValidationError, match=field):
        handler(event, lambda_context)
