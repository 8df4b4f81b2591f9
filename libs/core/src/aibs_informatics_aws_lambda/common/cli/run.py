"""One run of the command ``handle-lambda-request``."""

import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from ..collector import paused_collector
from ..context import DefaultLambdaContext
from ..handler import LambdaHandler, LambdaHandlerType
from ..json_io import JSON, JSONObject
from ..lambda_function import exited, handler_class_of, rejected_by
from .arguments import Options, parse_arguments
from .catalog import describe_handler, find_handler, list_handlers
from .errors import (
    CommandError,
    ExitCode,
    PayloadError,
    ResponseError,
    UsageError,
    error_message,
)
from .output import UnreadError, print_to, reserved_stdout
from .payload import read_payload, read_payload_file
from .response import ResponseLocation, check_location, write_response


def run(args: Sequence[str] | None = None, *, is_process: bool = False) -> ExitCode:
    """Run the command with arguments, by default those of the process, and with variables.

    Args:
        args: the arguments.
        is_process: whether the process does nothing else.

    Raises:
        CommandError: the run failed before or after the handler ran.
        Exception: an error of the handler.
    """
    arguments = sys.argv[1:] if args is None else list(args)
    if arguments[:1] == ["serve"]:
        # Only this subcommand needs Powertools' event handler and the server.
        from .serve import serve

        return serve(arguments[1:])
    if arguments[:1] == ["mcp"]:
        # Only this subcommand needs the MCP SDK.
        from .mcp_server import serve_mcp

        return serve_mcp(arguments[1:])
    if arguments[:1] == ["watch"]:
        # Only this subcommand needs Step Functions.
        from .watch import watch

        return watch(arguments[1:])
    options = parse_arguments(arguments)
    # Handlers, and the programs that they run, log and print to stdout, which is reserved for the
    # response here.
    with reserved_stdout(restores=not is_process) as stdout:
        if options.list_handlers:
            return _show(list_handlers(), stdout)
        if options.check_move:
            # Only this option needs to parse source code.
            from .move_check import check_move

            report, is_clean = check_move(options.check_move)
            _show(report, stdout)
            return ExitCode.DONE if is_clean else ExitCode.FAILED
        if options.describe:
            return _show(json.dumps(describe_handler(options.describe), indent=2), stdout)
        return _run_handler(options, stdout)


def format_error(error: BaseException) -> str:
    """Return the one-line message of an error that a run ended with."""
    text = error_message(error)
    if isinstance(error, CommandError):
        return text
    return f"the handler failed: {type(error).__name__}: {text}"


def _show(text: str, stdout: TextIO) -> ExitCode:
    try:
        print_to(stdout, text)
    except UnreadError:
        raise
    except OSError as error:
        raise ResponseError(f"cannot print: {error_message(error)}") from error
    return ExitCode.DONE


def _run_handler(options: Options, stdout: TextIO) -> ExitCode:
    location = (
        check_location(options.response_location, stdout) if options.response_location else None
    )
    try:
        with paused_collector():
            handler = find_handler(options.handler or "")
        event = _read(options)
        if options.validate_only:
            return _show(_validate(handler, event, options), sys.stderr)
        if options.compat:
            return _compare(handler, event, options, stdout)
        response = _invoke(handler, event)
        if location is not None:
            write_response({} if response is None else response, location)
    except Exception as error:
        if options.error_document and location is not None:
            _write_error_document(error, location)
        raise
    return _exit_code(handler, response, options)


def _read(options: Options) -> JSONObject:
    if options.payload_file is not None:
        return read_payload_file(options.payload_file)
    return read_payload(options.payload or "")


def _compare(
    handler: LambdaHandlerType, event: JSONObject, options: Options, stdout: TextIO
) -> ExitCode:
    # Only this option needs the requests of another version.
    from .compatibility import VERSION, find_differences

    handler_cls = handler_class_of(handler)
    if handler_cls is None:
        raise UsageError(f"{options.handler} is a plain function without a request model")
    request = _deserialize(handler_cls, event)
    differences = find_differences(handler_cls, request, event)
    text = "\n".join(map(str, differences))
    _show(text or f"Version {VERSION} reads the request in the same way.", stdout)
    return ExitCode.INVALID_PAYLOAD if differences else ExitCode.DONE


def _validate(handler: LambdaHandlerType, event: JSONObject, options: Options) -> str:
    handler_cls = handler_class_of(handler)
    if handler_cls is None:
        return f"{options.handler} is a plain function without a request model: nothing to check."
    _deserialize(handler_cls, event)
    return f"The payload is a valid request of {options.handler}."


def _deserialize(handler_cls: type[LambdaHandler[Any, Any]], event: JSONObject) -> Any:
    try:
        return handler_cls.deserialize_request(event)
    except ValueError as error:
        raise _invalid_payload(handler_cls, error) from error


def _invoke(handler: LambdaHandlerType, event: JSONObject) -> JSON | None:
    try:
        return handler(event, DefaultLambdaContext())
    except SystemExit as error:
        # The process must exit with a status that shows whether there is a response.
        raise exited(error) from error
    except ValueError as error:
        handler_cls = handler_class_of(handler)
        if handler_cls is not None and rejected_by(error) is handler_cls:
            raise _invalid_payload(handler_cls, error) from error
        raise


def _invalid_payload(handler_cls: type, error: ValueError) -> PayloadError:
    return PayloadError(
        f"the payload is not a valid request of {handler_cls.__name__}: {error_message(error)}"
    )


def _exit_code(handler: LambdaHandlerType, response: JSON, options: Options) -> ExitCode:
    handler_cls = handler_class_of(handler) or LambdaHandler
    if handler_cls.partly_failed(response) and not options.partial_ok:
        return ExitCode.PARTLY_FAILED
    return ExitCode.DONE


def _write_error_document(error: Exception, location: ResponseLocation) -> None:
    """Write an error in place of a response, in the format of Lambda's errors."""
    cause = error.__cause__ if isinstance(error, CommandError) and error.__cause__ else error
    document = {"errorType": type(cause).__name__, "errorMessage": error_message(error)}
    try:
        write_response(document, location)
    except ResponseError as failure:
        raise ResponseError(
            f"{error_message(error)}; the error document cannot be written either: "
            f"{error_message(failure)}"
        ) from error
