"""Three routes for sequencing runs, in a table of DynamoDB."""

import os
from typing import ClassVar

from aibs_informatics_aws_lambda.common import PydanticBaseModel, get_client
from aibs_informatics_aws_lambda.common.api import ApiLambdaHandler
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from pydantic import Field


class Run(PydanticBaseModel):
    run_id: str
    samples: int = Field(ge=1)


class RunKey(PydanticBaseModel):
    run_id: str


class RunFilter(PydanticBaseModel):
    at_least: int = 1


class RunList(PydanticBaseModel):
    runs: list[Run]


class PutRun(ApiLambdaHandler[Run, Run]):
    """Record a run."""

    @classmethod
    def route_rule(cls) -> str:
        return "/runs/<run_id>"

    @classmethod
    def route_method(cls) -> str:
        return "PUT"

    def handle(self, request):
        item = {"run_id": {"S": request.run_id}, "samples": {"N": str(request.samples)}}
        get_client("dynamodb").put_item(TableName=os.environ["TABLE"], Item=item)
        return request


class GetRun(ApiLambdaHandler[RunKey, Run]):
    """Return a run."""

    error_responses: ClassVar = {404: "There is no such run."}

    @classmethod
    def route_rule(cls) -> str:
        return "/runs/<run_id>"

    @classmethod
    def route_method(cls) -> str:
        return "GET"

    def handle(self, request):
        key = {"run_id": {"S": request.run_id}}
        found = get_client("dynamodb").get_item(TableName=os.environ["TABLE"], Key=key)
        if "Item" not in found:
            raise NotFoundError(f"There is no run {request.run_id}.")
        return to_run(found["Item"])


class ListRuns(ApiLambdaHandler[RunFilter, RunList]):
    """Return the runs with at least so many samples."""

    @classmethod
    def route_rule(cls) -> str:
        return "/runs"

    @classmethod
    def route_method(cls) -> str:
        return "GET"

    def handle(self, request):
        pages = (
            get_client("dynamodb")
            .get_paginator("scan")
            .paginate(
                TableName=os.environ["TABLE"],
                FilterExpression="samples >= :n",
                ExpressionAttributeValues={":n": {"N": str(request.at_least)}},
            )
        )
        return RunList(runs=[to_run(item) for page in pages for item in page["Items"]])


def to_run(item: dict) -> Run:
    return Run(run_id=item["run_id"]["S"], samples=int(item["samples"]["N"]))
