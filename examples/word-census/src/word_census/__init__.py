"""Count the words of texts in S3."""

from aibs_informatics_aws_lambda.common import (
    HandlerDescription,
    LambdaHandler,
    PydanticBaseModel,
    S3Path,
    get_client,
)


class CensusRequest(PydanticBaseModel):
    path: S3Path


class CensusResponse(PydanticBaseModel):
    words: int


class WordCensus(LambdaHandler[CensusRequest, CensusResponse]):
    """Count the words of a text in S3."""

    description = HandlerDescription(
        example={"path": "s3://bucket/poem.txt"},
        iam_actions=("s3:GetObject",),
        effect="none",
        limits=("The text is read in chunks: its size does not matter.",),
        cost="S3: one GET request.",
    )

    def handle(self, request):
        s3 = get_client("s3")
        body = s3.get_object(Bucket=request.path.bucket, Key=request.path.key)["Body"]
        return CensusResponse(words=sum(len(line.split()) for line in body.iter_lines()))


handler = WordCensus.get_handler()
