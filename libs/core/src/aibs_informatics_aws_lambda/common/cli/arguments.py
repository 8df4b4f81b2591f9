"""The arguments of the command line, and the environment variables that stand in for them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..constants import (
    AWS_LAMBDA_EVENT_PAYLOAD_KEY,
    AWS_LAMBDA_EVENT_RESPONSE_LOCATION_KEY,
    AWS_LAMBDA_FUNCTION_HANDLER_KEY,
    AWS_LAMBDA_FUNCTION_HANDLER_STANDARD_KEY,
    HANDLER_PARTIAL_OK_KEY,
)
from .errors import UsageError

PROGRAM = "handle-lambda-request"

_HANDLER_KEYS = (AWS_LAMBDA_FUNCTION_HANDLER_KEY, AWS_LAMBDA_FUNCTION_HANDLER_STANDARD_KEY)

_EXAMPLES = f"""\
examples:
  which handlers are installed, and what one of them takes:
    {PROGRAM} --list
    {PROGRAM} --describe get-json-from-file

  payload as JSON text, answer on stdout:
    {PROGRAM} --handler get-json-from-file --payload '{{"path": "data.json"}}' -o -

  payload from a file, from stdin, from S3; answer to a file, to S3:
    {PROGRAM} --handler NAME --payload-file request.json -o response.json
    cat request.json | {PROGRAM} --handler NAME --payload - -o response.json
    {PROGRAM} --handler NAME --payload s3://bucket/request.json -o s3://bucket/response.json

  everything from the environment, as in a container:
    export {AWS_LAMBDA_FUNCTION_HANDLER_KEY}=package.module.Handler
    export {AWS_LAMBDA_EVENT_PAYLOAD_KEY}=s3://bucket/request.json
    export {AWS_LAMBDA_EVENT_RESPONSE_LOCATION_KEY}=s3://bucket/response.json
    {PROGRAM}

  check a payload without running anything:
    {PROGRAM} --handler NAME --payload @request.json --validate-only

  an HTTP API on a port of this machine (serve --help says more):
    {PROGRAM} serve my_package.api:api --reload

exit status:
  0  done                     3  the payload cannot be read, or does not fit the handler
  1  the handler failed       4  the handler's answer reports items that failed
  2  wrong arguments

Logs go to stderr. An argument beats its variable; an empty variable counts as unset.
"""


@dataclass(frozen=True)
class Options:
    """What is to be done.

    Args:
        handler: qualified or installed name of the handler.
        payload: text that is or leads to the payload.
        payload_file: path or S3 URI of the payload; only one of the two is set.
        response_location: where the answer goes: a path, an S3 URI, ``-`` for stdout, or nowhere.
        list_handlers: list the installed handlers, and do nothing else.
        describe: the handler to describe, and do nothing else.
        validate_only: check the payload, and do nothing else.
        error_document: leave a failure as a document at the response location.
        partial_ok: end with 0 although the answer reports items that failed.
    """

    handler: str | None = None
    payload: str | None = None
    payload_file: str | None = None
    response_location: str | None = None
    list_handlers: bool = False
    describe: str | None = None
    validate_only: bool = False
    error_document: bool = False
    partial_ok: bool = False


def parse_arguments(args: Sequence[str] | None = None) -> Options:
    """Return what the arguments, by default those of the process, and the variables ask for.

    Raises:
        SystemExit: the arguments are not understood (status 2), or ask for help (status 0).
        UsageError: handler or payload is missing.
    """
    found = _parser().parse_args(args)
    payload_from_variable = None if found.payload_file else _variable(AWS_LAMBDA_EVENT_PAYLOAD_KEY)
    options = Options(
        handler=found.handler or _variable(*_HANDLER_KEYS),
        payload=found.payload if found.payload is not None else payload_from_variable,
        payload_file=found.payload_file,
        response_location=found.response_location
        or _variable(AWS_LAMBDA_EVENT_RESPONSE_LOCATION_KEY),
        list_handlers=found.list_handlers,
        describe=found.describe,
        validate_only=found.validate_only,
        error_document=found.error_document,
        partial_ok=found.partial_ok or _is_true(_variable(HANDLER_PARTIAL_OK_KEY)),
    )
    if not (options.list_handlers or options.describe):
        _check_complete(options)
    return options


def _check_complete(options: Options) -> None:
    if not options.handler:
        raise UsageError(
            f"no handler is named: give --handler NAME or set {AWS_LAMBDA_FUNCTION_HANDLER_KEY} "
            "(--list shows the installed handlers)"
        )
    if options.payload is None and options.payload_file is None:
        raise UsageError(
            f"no payload is given: give --payload, --payload-file or set "
            f"{AWS_LAMBDA_EVENT_PAYLOAD_KEY} (--describe {options.handler} shows an example)"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Run one Lambda handler on one payload: in a shell, or as a container job.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--handler-qualified-name",
        "--handler-name",
        "--handler",
        dest="handler",
        metavar="NAME",
        help="package.module.Class or package.module.function, or a name that --list shows "
        f"(variables: {', then '.join(_HANDLER_KEYS)})",
    )
    payload = parser.add_mutually_exclusive_group()
    payload.add_argument(
        "--payload",
        "--event",
        "-e",
        metavar="PAYLOAD",
        help="JSON object as text; or where it is: an S3 URI, a path, @PATH, or - for stdin "
        f"(variable: {AWS_LAMBDA_EVENT_PAYLOAD_KEY})",
    )
    payload.add_argument(
        "--payload-file",
        metavar="LOCATION",
        help="path or S3 URI of the JSON object, or - for stdin",
    )
    parser.add_argument(
        "--response-location",
        "-o",
        metavar="LOCATION",
        help="path or S3 URI for the answer, or - for stdout "
        f"(variable: {AWS_LAMBDA_EVENT_RESPONSE_LOCATION_KEY}; default: nowhere)",
    )
    parser.add_argument(
        "--list", dest="list_handlers", action="store_true", help="list the installed handlers"
    )
    parser.add_argument(
        "--describe",
        metavar="NAME",
        help="print a handler's request and response as JSON Schema, an example request, "
        "its environment variables and IAM actions",
    )
    parser.add_argument(
        "--validate-only", action="store_true", help="check the payload; do not run the handler"
    )
    parser.add_argument(
        "--error-document",
        action="store_true",
        help="leave a failure at the response location, as JSON with errorType and errorMessage",
    )
    parser.add_argument(
        "--partial-ok",
        action="store_true",
        help="end with 0 although the answer reports items that failed "
        f"(variable: {HANDLER_PARTIAL_OK_KEY})",
    )
    # Read from the arguments themselves where a failure is shown: it may be one of reading them.
    parser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    return parser


def _variable(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in ("1", "true", "yes", "on")
