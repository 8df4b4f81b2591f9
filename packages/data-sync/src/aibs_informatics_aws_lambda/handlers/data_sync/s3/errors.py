"""Errors of S3 requests: what failed, its cause, and a remedy."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.common.remedies import find_remedy

from .xml import find_text

if TYPE_CHECKING:
    from .requests import Request
    from .throughput import Minimum

_NOT_FOUND = frozenset({"NoSuchBucket", "NoSuchKey", "NotFound"})
# Prefixes of the names that awscrt has for connection errors.
_UNREACHABLE = ("AWS_IO_", "AWS_ERROR_HTTP_")
# The names that it has for file errors.
_FILE_ERRORS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "AWS_ERROR_NO_PERMISSION": errno.EACCES,
        # A file that is gone when its next part is read.
        "FileNotFoundError": errno.ENOENT,
        "AWS_ERROR_FILE_INVALID_PATH": errno.ENOENT,
        "AWS_ERROR_NO_SPACE": errno.ENOSPC,
        "AWS_ERROR_MAX_FDS_EXCEEDED": errno.EMFILE,
    }
)

# Its names for refusals of which the last response is not kept.
_REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AWS_ERROR_S3_REQUEST_TIME_TOO_SKEWED": "RequestTimeTooSkewed",
        "AWS_ERROR_S3_SLOW_DOWN": "SlowDown",
    }
)

# A file that ends before the content length of its upload.
_TOO_SHORT = "AWS_ERROR_S3_INCORRECT_CONTENT_LENGTH"

# What is refused for other reasons than the object that a request is about.
_GENERAL = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "IllegalLocationConstraintException",
        "InvalidAccessKeyId",
        "InvalidToken",
        "NoSuchBucket",
        "PermanentRedirect",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "SlowDown",
    }
)

_VERBS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ListObjectsV2": "list",
        "GetObject": "download",
        "PutObject": "upload",
        "CopyObject": "copy",
        "CreateMultipartUpload": "copy",
        "UploadPart": "upload",
        "UploadPartCopy": "copy",
        "CompleteMultipartUpload": "copy",
        "AbortMultipartUpload": "abort the copy to",
        "HeadBucket": "look up",
        "HeadObject": "read the metadata of",
        "GetObjectTagging": "read the tags of",
        "PutObjectTagging": "set the tags of",
        "DeleteObject": "delete",
        "DeleteObjects": "delete objects from",
    }
)

_BY_STATUS: Final[Mapping[int, str]] = MappingProxyType(
    {
        HTTPStatus.PRECONDITION_FAILED: "PreconditionFailed",
        HTTPStatus.NOT_IMPLEMENTED: "NotImplemented",
        HTTPStatus.TOO_MANY_REQUESTS: "SlowDown",
        HTTPStatus.SERVICE_UNAVAILABLE: "SlowDown",
    }
)


class ArchivedError(AWSError):
    """An object must be restored before it can be read."""


class ChangedError(AWSError):
    """An object is not the one that a request names in its condition."""


_UNSIGNED = (
    "The request was sent without credentials, and what it asks for is not public: leave out "
    "--no-sign-request (DATA_SYNC_NO_SIGN_REQUEST, no_sign_request)"
)


def translate_error(
    error: Exception, request: Request, host: str, *, is_signed: bool = True
) -> Exception:
    """Return an error that names the operation, its cause and a remedy.

    Args:
        error: the error that awscrt has raised.
        request: the request.
        host: the host that it was sent to.
        is_signed: whether it was sent with credentials.
    """
    file = request.local_name
    name = _name_of(error)
    if isinstance(error, OSError) and error.errno is not None:
        return OSError(error.errno, error.strerror, file)
    number = _FILE_ERRORS.get(name) if file else None
    if number is not None:
        return OSError(number, os.strerror(number), file)
    if request.send_file and name == _TOO_SHORT:
        return OSError(
            f"{file} has fewer than the {request.size} bytes that it was listed with: it shrank "
            "during the sync, or its file system reports no true sizes, as /proc and /sys do. "
            "Sync again, or exclude it"
        )
    status = getattr(error, "status_code", None)
    reason, message = _reason(error, status)
    code = _REFUSALS.get(reason, reason)
    verb = _VERBS.get(request.operation, request.operation)
    text = f"cannot {verb} {request.subject}: {code}"
    if message and message != code:
        text += f": {message.rstrip('.')}"
    if is_signed or status != HTTPStatus.FORBIDDEN:
        remedy = _remedy(code, message, status, request, host)
    else:
        remedy = _UNSIGNED
    if remedy:
        text += f". {remedy}"
    is_missing = code in _NOT_FOUND or status == HTTPStatus.NOT_FOUND
    if code == "InvalidObjectState":
        return ArchivedError(text)
    if status == HTTPStatus.PRECONDITION_FAILED:
        return ChangedError(text)
    translated = ResourceNotFoundError(text) if is_missing else AWSError(text)
    translated.is_forbidden = status == HTTPStatus.FORBIDDEN
    is_service = status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    translated.is_general = is_service or code in _GENERAL
    return translated


def too_slow_error(request: Request, throughput: float, minimum: Minimum) -> AWSError:
    """Return the error about a request that was below the minimum throughput.

    Args:
        request: the request.
        throughput: the bytes per second that it had at most.
        minimum: the minimum, and for how long it was below it.
    """
    verb = _VERBS.get(request.operation, request.operation)
    return AWSError(
        f"cannot {verb} {request.subject}: at most {throughput:,.0f} bytes per second for "
        f"{minimum.seconds:,.0f} seconds, and the minimum is {minimum.bytes_per_second:,.0f}. "
        "Check the network, proxies and the service, and sync again"
    )


def error_code(error: Exception) -> str:
    """Return the code of an error that awscrt has raised."""
    return _reason(error, getattr(error, "status_code", None))[0]


def _remedy(code: str, message: str, status: int | None, request: Request, host: str) -> str:
    if code == "InvalidArgument" and message.startswith("Part number"):
        return (
            f"The file, of {request.size} bytes, takes more parts than the service accepts: set "
            "larger ones (--part-size, part_size), or raise its limit (max_upload_part_num of "
            "Swift)"
        )
    if code.startswith("AWS_IO_TLS_"):
        return (
            f"Check the certificate of {host}: if a CA of your own has signed it, set "
            "AWS_CA_BUNDLE to the file with the certificate of that CA"
        )
    if status is None and code.startswith(_UNREACHABLE):
        return f"Check the network, the region and AWS_ENDPOINT_URL: the host is {host}"
    if status and code == _phrase(status):
        code = _BY_STATUS.get(status, code)
    return find_remedy(code, message, request.permission)


def _reason(error: Exception, status: int | None) -> tuple[str, str]:
    body = (getattr(error, "body", None) or b"").decode(errors="replace")
    if status and not find_text(body, "Code"):
        return _phrase(status), ""
    code = find_text(body, "Code") or _name_of(error)
    message = find_text(body, "Message")
    return code, str(getattr(error, "message", error)) if message is None else message


def _name_of(error: Exception) -> str:
    """Return the name that awscrt has for an error; some have it only in their text."""
    found = re.search(r"\((AWS_\w+)\)", str(error))
    return found[1] if found else getattr(error, "name", type(error).__name__)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP status {status}"
