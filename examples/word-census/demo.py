"""Count the words of a text."""

import os
from pathlib import Path

from aibs_informatics_aws_lambda.common import DefaultLambdaContext, get_client
from word_census import handler


def main(folder: Path) -> None:
    s3 = get_client("s3")
    location = {"LocationConstraint": os.environ["AWS_REGION"]}
    s3.create_bucket(Bucket="texts", CreateBucketConfiguration=location)
    s3.put_object(Bucket="texts", Key="poem.txt", Body=b"The quick brown\nfox sleeps\n")

    print(handler({"path": "s3://texts/poem.txt"}, DefaultLambdaContext()))
