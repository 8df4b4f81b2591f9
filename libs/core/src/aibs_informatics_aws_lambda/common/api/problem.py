"""Errors as HTTP answers: problem details (RFC 9457), or the form of the system it replaces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import ServiceError, UnauthorizedError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)

from ..json_io import JSON, JSONObject

PROBLEM_CONTENT_TYPE: Final = "application/problem+json"


class InvalidRequestError(ServiceError):
    """The parameters of a request do not fit its model (422).

    Args:
        errors: what is wrong, as objects with ``loc``, ``msg`` and ``type``.
    """

    def __init__(self, errors: list[JSONObject]) -> None:
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, "The request does not fit its model.")
        self.errors = errors


class MethodNotAllowedError(ServiceError):
    """The path has a route, but not for this method (405).

    Args:
        allowed: the methods that it has routes for.
    """

    def __init__(self, allowed: set[str]) -> None:
        self.allow = ", ".join(sorted(allowed))
        super().__init__(HTTPStatus.METHOD_NOT_ALLOWED, f"The path allows {self.allow}.")


class EventRefusedError(UnauthorizedError):
    """The API's own check refused an event (401); the reason is the error's cause."""

    def __init__(self) -> None:
        super().__init__("The request was refused.")


def as_told(error: Exception) -> Exception:
    """Return an error of powertools' own validation in the form of this module's errors."""
    if isinstance(error, RequestUnsupportedContentType):
        return ServiceError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body has another type.")
    if isinstance(error, RequestValidationError):
        told = ("loc", "msg", "type")
        return InvalidRequestError([{key: one[key] for key in told} for one in error.errors()])
    return error


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error: 500, unless it was raised to say another."""
    return int(error.status_code) if isinstance(error, ServiceError) else 500


def problem_answer(error: Exception, request_id: str) -> Response[str]:
    """Return the answer that tells an error as problem details.

    Nothing of an error that was not raised to be told is in it.
    """
    status = status_of(error)
    problem: JSONObject = {"type": "about:blank", "title": title_of(status), "status": status}
    if isinstance(error, ServiceError):
        problem |= _told_by(error)
    headers = {"Allow": error.allow} if isinstance(error, MethodNotAllowedError) else {}
    return _answer(status, PROBLEM_CONTENT_TYPE, problem | {"request": request_id}, headers)


def legacy_answer(error: Exception, request_id: str) -> Response[str]:
    """Return the answer that the system which this one replaces gives for an error."""
    if isinstance(error, EventRefusedError):
        text = f"Failed to validate event: {error.__cause__ or error.msg}"
        return Response(status_code=401, content_type="text/plain", body=text)
    told = {"request": request_id, "error": [_json_or_text(value) for value in error.args]}
    return _answer(400, "application/json", told)


def _told_by(error: ServiceError) -> JSONObject:
    if isinstance(error, InvalidRequestError):
        return {"detail": error.msg, "errors": error.errors}
    return {"detail": error.msg} if isinstance(error.msg, str) else {"message": error.msg}


def title_of(status: int) -> str:
    """Return the name of an HTTP status."""
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


def _answer(
    status: int, content_type: str, body: JSONObject, headers: Mapping[str, str] | None = None
) -> Response[str]:
    return Response(
        status_code=status,
        content_type=content_type,
        body=json.dumps(body, default=str),
        headers=dict(headers or {}),
    )
