"""Call the three routes as an HTTP API of API Gateway does."""

import json
import os
from pathlib import Path
from urllib.parse import parse_qsl

from aibs_informatics_aws_lambda.common import DefaultLambdaContext, get_client
from api import handler


def main(folder: Path) -> None:
    os.environ["TABLE"] = "runs"
    get_client("dynamodb").create_table(
        TableName="runs",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "run_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
    )
    call("PUT", "/runs/a1", {"samples": 3})
    call("PUT", "/runs/b2", {"samples": 0})
    call("GET", "/runs/a1")
    call("GET", "/runs/b2")
    call("GET", "/runs?at_least=2")


def call(method: str, target: str, body: dict | None = None) -> None:
    """Send a request, and print the status and the body of its response."""
    path, _, query = target.partition("?")
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "queryStringParameters": dict(parse_qsl(query)),
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "http": {"method": method, "path": path},
            "requestId": "example",
            "stage": "$default",
        },
        "body": json.dumps(body) if body else None,
        "isBase64Encoded": False,
    }
    response = handler(event, DefaultLambdaContext())
    document = json.loads(response["body"])
    shown = document.get("detail", document)
    print(method, target, response["statusCode"], json.dumps(shown))
