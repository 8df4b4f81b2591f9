"""One run of the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TextIO

from ..collector import paused_collector
from ..context import DefaultLambdaContext
from ..handler import LambdaHandler, LambdaHandlerType
from ..json_io import JSON, JSONObject
from ..lambda_function import handler_class_of
from .arguments import Options, parse_arguments
from .catalog import describe_handler, find_handler, list_handlers
from .errors import AnswerError, CommandError, ExitCode, PayloadError, error_message
from .output import UnreadError, print_to
from .payload import read_payload, read_payload_file
from .response import Location, check_location, write_answer


def run(args: Sequence[str] | None = None) -> ExitCode:
    """Do what the arguments, by default those of the process, and the variables ask for.

    Raises:
        CommandError: the run ended before or after the handler's own work.
        Exception: whatever the handler raises.
    """
    arguments = sys.argv[1:] if args is None else list(args)
    if arguments[:1] == ["serve"]:
        # Powertools' event handler and the server are for this subcommand alone.
        from .serve import serve

        return serve(arguments[1:])
    options = parse_arguments(arguments)
    stdout = sys.stdout
    # Handlers log and print to stdout; here, it belongs to the answer alone.
    with redirect_stdout(sys.stderr):
        if options.list_handlers:
            return _show(list_handlers(), stdout)
        if options.describe:
            return _show(json.dumps(describe_handler(options.describe), indent=2), stdout)
        return _run_handler(options, stdout)


def format_error(error: BaseException) -> str:
    """Return an error that a run has ended in, in one line."""
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
        raise AnswerError(f"cannot print: {error_message(error)}") from error
    return ExitCode.DONE


def _run_handler(options: Options, stdout: TextIO) -> ExitCode:
    location = (
        check_location(options.response_location, stdout) if options.response_location else None
    )
    try:
        with paused_collector():
            handler = find_handler(options.handler or "")
        event = _read(options)
        _validate(handler, event)
        if options.validate_only:
            return _show(f"The payload fits {options.handler}.", sys.stderr)
        answer = _invoke(handler, event)
        if location is not None:
            write_answer({} if answer is None else answer, location)
    except Exception as error:
        if options.error_document and location is not None:
            _leave_error_document(error, location)
        raise
    return _exit_code(handler, answer, options)


def _invoke(handler: LambdaHandlerType, event: JSONObject) -> JSON | None:
    try:
        return handler(event, DefaultLambdaContext())
    except SystemExit as error:
        # It would end this process with a status that says nothing about an answer.
        raise RuntimeError("the handler tried to end the process (SystemExit)") from error


def _read(options: Options) -> JSONObject:
    if options.payload_file is not None:
        return read_payload_file(options.payload_file)
    return read_payload(options.payload or "")


def _validate(handler: LambdaHandlerType, event: JSONObject) -> None:
    handler_cls = handler_class_of(handler)
    if handler_cls is None:
        return
    try:
        handler_cls.deserialize_request(event)
    except ValueError as error:
        raise PayloadError(
            f"the payload does not fit {handler_cls.__name__}: {error_message(error)}"
        ) from error


def _exit_code(handler: LambdaHandlerType, answer: JSON, options: Options) -> ExitCode:
    handler_cls = handler_class_of(handler) or LambdaHandler
    if handler_cls.partly_failed(answer) and not options.partial_ok:
        return ExitCode.PARTLY_FAILED
    return ExitCode.DONE


def _leave_error_document(error: Exception, location: Location) -> None:
    """Write what stands for an answer where there is none, in the form of Lambda's errors."""
    cause = error.__cause__ if isinstance(error, CommandError) and error.__cause__ else error
    try:
        write_answer(
            {"errorType": type(cause).__name__, "errorMessage": error_message(error)}, location
        )
    except AnswerError as failure:
        raise AnswerError(
            f"{error_message(error)}; no error document is left either: {error_message(failure)}"
        ) from error
