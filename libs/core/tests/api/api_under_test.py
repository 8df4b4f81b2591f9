"""An API under test, and requests for it."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

from aibs_informatics_aws_lambda.common.api.handler import ApiLambdaHandler
from aibs_informatics_aws_lambda.common.api.resolver import ApiResolverBuilder
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aws_lambda_powertools.event_handler import (
    ALBResolver,
    APIGatewayHttpResolver,
    APIGatewayRestResolver,
    LambdaFunctionUrlResolver,
    VPCLatticeResolver,
    VPCLatticeV2Resolver,
)

EVENTS = Path(__file__).parent.parent / "events"

RESOLVERS = {
    "rest_api": APIGatewayRestResolver,
    "http_api": APIGatewayHttpResolver,
    "function_url": LambdaFunctionUrlResolver,
    "alb": ALBResolver,
    "vpc_lattice": VPCLatticeResolver,
    "vpc_lattice_v2": VPCLatticeV2Resolver,
}


class Anything(PydanticBaseModel):
    item_id: str | None = None
    how_many: int = 1
    extra: Any = None
    tags: list[str] | None = None
    size: dict[str, int] | None = None


def make_handler(rule, method, handle=lambda self, request: request, **attributes):
    """Return a handler class that answers one route, by default with the request itself."""
    members = {
        "route_rule": classmethod(lambda cls: rule),
        "route_method": classmethod(lambda cls: method),
        "handle": handle,
        **attributes,
    }
    bases = (ApiLambdaHandler[Anything, Anything],)
    return types.new_class("Answer", bases, exec_body=lambda space: space.update(members))


class Api:
    """An API of some handlers, called with REST API requests."""

    def __init__(self, *handlers, builder=None):
        self.builder = ApiResolverBuilder() if builder is None else builder
        for handler_cls in handlers:
            handler_cls.add_to_router(
                self.builder.app, logger=self.builder.logger, metrics=self.builder.metrics
            )
        self.function = self.builder.get_lambda_handler()

    def call(self, method, path, context, **event):
        """Return status and content of the answer."""
        answer = self.function(rest_event(method, path, **event), context)
        content_type = answer["multiValueHeaders"]["Content-Type"][0]
        is_json = content_type.endswith("json")
        return answer["statusCode"], json.loads(answer["body"]) if is_json else answer["body"]


def rest_event(method, path, query=None, body=None, headers=None, **others):
    return {
        "path": path,
        "httpMethod": method,
        "headers": headers or {},
        "multiValueQueryStringParameters": query,
        "queryStringParameters": None,
        "requestContext": {"requestId": "gateway-id", "stage": "prod", "path": path},
        "body": body,
        "isBase64Encoded": False,
        **others,
    }


def load(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


def printed(text):
    """Return the metrics, as (dimensions, values), and the log lines in what was printed."""
    documents = [json.loads(line) for line in text.splitlines()]
    metrics = []
    for blob in documents:
        if "_aws" in blob:
            (meta,) = blob["_aws"]["CloudWatchMetrics"]
            dimensions = {name: blob[name] for name in meta["Dimensions"][0]}
            names = [metric["Name"] for metric in meta["Metrics"]]
            metrics.append((dimensions, {name: blob[name] for name in names}))
    return metrics, [line for line in documents if "level" in line]
