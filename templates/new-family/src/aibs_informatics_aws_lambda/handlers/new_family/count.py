"""The handler that counts the words of a text in S3."""

from __future__ import annotations

from aibs_informatics_aws_lambda.common.aws import get_client, named_errors
from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.s3 import S3Path

from .model import NewFamilyRequest, NewFamilyResponse
from .words import count_words


class NewFamilyHandler(LambdaHandler[NewFamilyRequest, NewFamilyResponse]):
    """Count the words of a text in S3."""

    description = HandlerDescription(
        example={"path": "s3://bucket/poem.txt", "min_length": 4},
        iam_actions=("s3:GetObject",),
    )

    def handle(self, request: NewFamilyRequest) -> NewFamilyResponse:
        """Count the words of a text in S3.

        Raises:
            ResourceNotFoundError: the object or bucket does not exist.
            AWSError: the object cannot be read.
            ValidationError: the text is not UTF-8.
        """
        words = count_words(_read_text(request.path), request.min_length)
        self.log.info("%s has %d words", request.path, words)
        return NewFamilyResponse(words=words)


def _read_text(path: S3Path) -> str:
    with named_errors(f"read {path}", permission="s3:GetObject"):
        body: bytes = get_client("s3").get_object(Bucket=path.bucket, Key=path.key)["Body"].read()
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ValidationError(f"{path} is not UTF-8 text: {error.reason}") from None


handler = NewFamilyHandler.get_handler()
