"""The HTTP request in an event of any integration.

API Gateway (REST and HTTP APIs), Lambda function URLs, Application Load Balancers and VPC Lattice
use different event formats:
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
https://docs.aws.amazon.com/lambda/latest/dg/services-vpc-lattice.html
"""

import base64
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote_plus

from aws_lambda_powertools.utilities.data_classes import ALBEvent, VPCLatticeEvent
from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent

Query: TypeAlias = dict[str, list[str]]


def headers_of(event: BaseProxyEvent) -> dict[str, str]:
    """Return the headers by lowercase name; of repeated headers, the last value."""
    found = {**(event.get("multiValueHeaders") or {}), **(event.get("headers") or {})}
    last = {name.lower(): _last(value) for name, value in found.items()}
    return {name: value for name, value in last.items() if isinstance(value, str)}


def query_of(event: BaseProxyEvent) -> Query:
    """Return the values of each query parameter, decoded."""
    raw = event.get("rawQueryString")
    if isinstance(event, VPCLatticeEvent):
        raw = event.raw_path.partition("?")[2]
    if raw:
        return parse_qs(raw, keep_blank_values=True)
    query = _listed(event.get("queryStringParameters")) | _listed(
        event.get("multiValueQueryStringParameters")
    )
    # Only load balancers pass on the query without decoding it.
    return _decoded(query) if isinstance(event, ALBEvent) else query


def body_of(event: BaseProxyEvent) -> str | None:
    """Return the text of the body.

    Raises:
        ValueError: the body is not valid base64 although the event says so, or not UTF-8 text.
    """
    body = event.get("body")
    if body is None:
        return None
    if not isinstance(body, str):
        raise ValueError("the body is not a string")
    return base64.b64decode(body, validate=True).decode() if event.is_base64_encoded else body


def caller_of(event: BaseProxyEvent) -> str | None:
    """Return the IAM identity that signed the request, if there is one."""
    request_context = event.get("requestContext") or {}
    identity = request_context.get("identity") or {}
    signer = (request_context.get("authorizer") or {}).get("iam") or {}
    return (
        identity.get("caller")
        or identity.get("user")
        or identity.get("principal")
        or signer.get("callerId")
        or signer.get("userId")
    )


def correlation_id_of(event: Any) -> str | None:
    """Return the request id of the integration."""
    request_context = event.get("requestContext") if isinstance(event, dict) else None
    return request_context.get("requestId") if isinstance(request_context, dict) else None


def _last(value: Any) -> Any:
    return value[-1] if isinstance(value, list) and value else value


def _listed(parameters: Any) -> Query:
    return {
        name: value if isinstance(value, list) else [value]
        for name, value in (parameters or {}).items()
    }


def _decoded(query: Query) -> Query:
    return {
        unquote_plus(name): [unquote_plus(value) for value in values]
        for name, values in query.items()
    }
