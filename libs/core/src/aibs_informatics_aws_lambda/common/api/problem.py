"""Errors as HTTP responses: problem details (RFC 9457), or legacy error responses."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import ServiceError, UnauthorizedError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)

from ..json_io import JSON, JSONObject

# By name: the utility imports boto3, and few APIs need it.
_IDEMPOTENCY = "aws_lambda_powertools.utilities.idempotency."
_IDEMPOTENCY_ERRORS = {
    "IdempotencyAlreadyInProgressError": (
        HTTPStatus.CONFLICT,
        "The same request is being handled.",
    ),
    "IdempotencyKeyError": (
        HTTPStatus.BAD_REQUEST,
        "The request lacks the fields that identify it.",
    ),
    "IdempotencyValidationError": (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "A different request was handled with the same identifying fields.",
    ),
}

PROBLEM_CONTENT_TYPE = "application/problem+json"


class InvalidRequestError(ServiceError):
    """The parameters of a request do not fit its model (422).

    Args:
        errors: the errors of the fields, as objects with ``loc``, ``msg`` and ``type``.
    """

    def __init__(self, errors: list[JSONObject]) -> None:
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, "The request does not fit its model.")
        self.errors = errors


class MethodNotAllowedError(ServiceError):
    """The path does not support the method (405).

    Args:
        allowed: the methods that the path supports.
    """

    def __init__(self, allowed: set[str]) -> None:
        self.allow = ", ".join(sorted(allowed))
        super().__init__(HTTPStatus.METHOD_NOT_ALLOWED, f"The path allows {self.allow}.")


class EventRejectedError(UnauthorizedError):
    """``validate_event`` rejected the event (401); the reason is the error's cause."""

    def __init__(self) -> None:
        super().__init__("The request was rejected.")


def normalize_error(error: Exception) -> Exception:
    """Return an error of Powertools' validation or idempotency as a `ServiceError`; or `error`."""
    if isinstance(error, RequestUnsupportedContentType):
        text = "The content type of the body is not supported."
        return ServiceError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
    if isinstance(error, RequestValidationError):
        keys = ("loc", "msg", "type")
        return InvalidRequestError([{key: one[key] for key in keys} for one in error.errors()])
    if type(error).__module__.startswith(_IDEMPOTENCY):
        status, text = _IDEMPOTENCY_ERRORS.get(type(error).__name__, (None, ""))
        return ServiceError(status, text) if status else error
    return error


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error: that of a `ServiceError`, 500 of any other."""
    return int(error.status_code) if isinstance(error, ServiceError) else 500


def problem_response(error: Exception, request_id: str) -> Response[str]:
    """Return the response for an error, as problem details.

    It contains details of `ServiceError`s only.
    """
    status = status_of(error)
    problem: JSONObject = {"type": "about:blank", "title": title_of(status), "status": status}
    if isinstance(error, ServiceError):
        problem |= _details_of(error)
    headers = {"Allow": error.allow} if isinstance(error, MethodNotAllowedError) else {}
    return _json_response(status, PROBLEM_CONTENT_TYPE, problem | {"request": request_id}, headers)


def legacy_response(error: Exception, request_id: str) -> Response[str]:
    """Return the response for an error in the legacy form: 400 with the error's arguments."""
    if isinstance(error, EventRejectedError):
        text = f"Failed to validate event: {error.__cause__ or error.msg}"
        return Response(status_code=401, content_type="text/plain", body=text)
    body = {"request": request_id, "error": [_json_or_text(value) for value in error.args]}
    return _json_response(400, "application/json", body)


def _details_of(error: ServiceError) -> JSONObject:
    if isinstance(error, InvalidRequestError):
        return {"detail": error.msg, "errors": error.errors}
    return {"detail": error.msg} if isinstance(error.msg, str) else {"message": error.msg}


def title_of(status: int) -> str:
    """Return the reason phrase of an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _json_or_text(value: Any) -> JSON:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return str(value)
    return value


def _json_response(
    status: int, content_type: str, body: JSONObject, headers: Mapping[str, str] | None = None
) -> Response[str]:
    return Response(
        status_code=status,
        content_type=content_type,
        body=json.dumps(body, default=str),
        headers=dict(headers or {}),
    )
