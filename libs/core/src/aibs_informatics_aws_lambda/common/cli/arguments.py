"""The arguments of the command, and the environment variables that replace them."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from .. import constants as keys
from .errors import UsageError
from .parser import CommandParser

PROGRAM = "handle-lambda-request"

_HANDLER_KEYS = (
    keys.AWS_LAMBDA_FUNCTION_HANDLER_KEY,
    keys.AWS_LAMBDA_FUNCTION_HANDLER_STANDARD_KEY,
)

_EXAMPLES = f"""\
examples:
  list the installed handlers, and describe one of them:
    {PROGRAM} --list
    {PROGRAM} --describe get-json-from-file

  JSON text as the payload, the response to stdout:
    {PROGRAM} --handler get-json-from-file --payload '{{"path": "data.json"}}' -o -

  payload from a file, stdin or S3; response to a file or S3:
    {PROGRAM} --handler NAME --payload-file request.json -o response.json
    cat request.json | {PROGRAM} --handler NAME --payload - -o response.json
    {PROGRAM} --handler NAME --payload s3://bucket/request.json -o s3://bucket/response.json

  everything from the environment, as in a container:
    export {keys.AWS_LAMBDA_FUNCTION_HANDLER_KEY}=package.module.Handler
    export {keys.AWS_LAMBDA_EVENT_PAYLOAD_KEY}=s3://bucket/request.json
    export {keys.AWS_LAMBDA_EVENT_RESPONSE_LOCATION_KEY}=s3://bucket/response.json
    {PROGRAM}

  check a payload without running anything:
    {PROGRAM} --handler NAME --payload @request.json --validate-only

  check the imports of a project that used version 1.1.0, and a request before going back to it:
    {PROGRAM} --check-move my_project
    {PROGRAM} --handler NAME --payload s3://bucket/request.json --compat

  serve an HTTP API locally (see serve --help):
    {PROGRAM} serve my_package.api:api --reload

  serve the installed handlers to agents as tools (see mcp --help):
    {PROGRAM} mcp

  show a running state machine and its batches until it ends (see watch --help):
    {PROGRAM} watch EXECUTION_ARN

exit status:
  0  success
  1  the handler failed, or its response could not be written; --check-move found a problem
  2  invalid arguments
  3  the payload cannot be read, or is not a valid request of the handler; --compat found that
     version 1.1.0 treats it differently
  4  the response reports items that failed

Logs are written to stderr. An argument takes precedence over its variable; an empty variable
counts as unset.
"""


class Options(NamedTuple):
    """The options of one run.

    Args:
        handler: the qualified name of the handler, or the name of an installed one.
        payload: JSON text, or the location of the payload.
        payload_file: the location of the payload; excludes ``payload``.
        response_location: the location of the response, ``-`` for stdout.
        list_handlers: list the installed handlers instead of running one.
        describe: the name of a handler to describe instead of running one.
        validate_only: validate the payload instead of running the handler.
        compat: compare the payload with requests of version 1.1.0 instead of running the handler.
        check_move: names of modules whose imports to check instead of running a handler.
        error_document: write an error document to the response location if the run fails.
        partial_ok: exit with 0 if the response reports items that failed.
    """

    handler: str | None = None
    payload: str | None = None
    payload_file: str | None = None
    response_location: str | None = None
    list_handlers: bool = False
    describe: str | None = None
    validate_only: bool = False
    compat: bool = False
    check_move: tuple[str, ...] = ()
    error_document: bool = False
    partial_ok: bool = False


def parse_arguments(args: Sequence[str] | None = None) -> Options:
    """Return the options in arguments, by default those of the process, and in variables.

    Raises:
        SystemExit: the arguments are invalid (status 2), or include ``--help`` (status 0).
        UsageError: the handler or the payload is missing.
    """
    found = make_parser().parse_args(args)
    payload_from_variable = (
        None if found.payload_file else _variable(keys.AWS_LAMBDA_EVENT_PAYLOAD_KEY)
    )
    options = Options(
        handler=found.handler or _variable(*_HANDLER_KEYS),
        payload=found.payload if found.payload is not None else payload_from_variable,
        payload_file=found.payload_file,
        response_location=found.response_location
        or _variable(keys.AWS_LAMBDA_EVENT_RESPONSE_LOCATION_KEY),
        list_handlers=found.list_handlers,
        describe=found.describe,
        validate_only=found.validate_only,
        compat=found.compat,
        check_move=tuple(found.check_move or ()),
        error_document=found.error_document,
        partial_ok=found.partial_ok or _is_true(_variable(keys.HANDLER_PARTIAL_OK_KEY)),
    )
    if not (options.list_handlers or options.describe or options.check_move):
        _check_complete(options)
    return options


def _check_complete(options: Options) -> None:
    if not options.handler:
        raise UsageError(
            f"no handler: pass --handler NAME or set {keys.AWS_LAMBDA_FUNCTION_HANDLER_KEY} "
            "(--list shows the installed handlers)"
        )
    if options.payload is None and options.payload_file is None:
        raise UsageError(
            "no payload: pass --payload or --payload-file, or set "
            f"{keys.AWS_LAMBDA_EVENT_PAYLOAD_KEY} (--describe {options.handler} shows an example)"
        )


def make_parser() -> CommandParser:
    """Return the parser."""
    parser = CommandParser(
        prog=PROGRAM,
        description="Run a Lambda handler with a payload, from a shell or as a container job.",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "--handler-qualified-name",
        "--handler-name",
        "--handler",
        dest="handler",
        metavar="NAME",
        help="package.module.Class, package.module.function or package.module:function, or "
        f"the name of an installed handler (variables: {', then '.join(_HANDLER_KEYS)})",
    )
    payload = parser.add_mutually_exclusive_group()
    payload.add_argument(
        "--payload",
        "--event",
        "-e",
        metavar="PAYLOAD",
        help="a JSON object as text, or its location: an S3 URI, a path, @PATH, or - for stdin "
        f"(variable: {keys.AWS_LAMBDA_EVENT_PAYLOAD_KEY})",
    )
    payload.add_argument(
        "--payload-file",
        metavar="LOCATION",
        help="the path or S3 URI of a JSON object, or - for stdin",
    )
    parser.add_argument(
        "--response-location",
        "-o",
        metavar="LOCATION",
        help="write the response to this path or S3 URI, or to stdout if it is - "
        f"(variable: {keys.AWS_LAMBDA_EVENT_RESPONSE_LOCATION_KEY}; "
        "default: discard the response)",
    )
    parser.add_argument(
        "--list",
        dest="list_handlers",
        action="store_true",
        help="list the installed handlers and exit",
    )
    parser.add_argument(
        "--describe",
        metavar="NAME",
        help="print the JSON Schema of the request and response of a handler, an example request, "
        "environment variables and IAM actions, and exit",
    )
    parser.add_argument(
        "--validate-only",
        action="store_true",
        help="validate the payload without running the handler",
    )
    parser.add_argument(
        "--compat",
        action="store_true",
        help="list the fields of the payload that version 1.1.0 ignores, refuses or reads "
        "differently, without running the handler",
    )
    parser.add_argument(
        "--check-move",
        nargs="+",
        metavar="MODULE",
        help="import these modules or packages of a project, list the names that they use and "
        "that are missing or have moved since version 1.1.0, and exit",
    )
    parser.add_argument(
        "--error-document",
        action="store_true",
        help="on failure, write a JSON object with errorType and errorMessage to the response "
        "location",
    )
    parser.add_argument(
        "--partial-ok",
        action="store_true",
        help="exit with 0 if the response reports items that failed "
        f"(variable: {keys.HANDLER_PARTIAL_OK_KEY})",
    )
    # `process` looks for it in the arguments of the process: parsing them may be what fails.
    parser.add_argument("--debug", action="store_true", help="print the traceback of a failure")
    parser.add_version("aibs-informatics-aws-lambda-core")
    return parser


def _variable(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in ("1", "true", "yes", "on")
