"""The router, which runs any handler by its name, and the command ``handle-lambda-request``.

``handle`` is a Lambda function for all handlers: its event contains the name of the handler and
the handler's own event. ``main`` is the entry point of the command.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .common.collector import collect_rarely, paused_collector

# Part of the public names of this module; defined elsewhere.
from .common.constants import (
    AWS_LAMBDA_EVENT_PAYLOAD_KEY as AWS_LAMBDA_EVENT_PAYLOAD_KEY,
    AWS_LAMBDA_EVENT_RESPONSE_LOCATION_KEY as AWS_LAMBDA_EVENT_RESPONSE_LOCATION_KEY,
    AWS_LAMBDA_FUNCTION_HANDLER_KEY as AWS_LAMBDA_FUNCTION_HANDLER_KEY,
    AWS_LAMBDA_FUNCTION_HANDLER_STANDARD_KEY as AWS_LAMBDA_FUNCTION_HANDLER_STANDARD_KEY,
)
from .common.interruption import exit_if_interrupted

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from .common.json_io import JSON


def handle(event: JSON, context: LambdaContext) -> JSON | None:
    """Run a handler by its name.

    Args:
        event: an object with ``handler``, a qualified name, and ``event``, any JSON value.
        context: the context of the invocation, which is passed to the handler.

    Returns:
        The handler's response.

    Raises:
        ValueError: the event is not an object, or ``handler`` is not the name of a handler.
        Exception: an error of the handler.
    """
    from .common.lambda_function import check_lambda_response, handler_class_of
    from .common.router import LambdaHandlerRequest

    if not isinstance(event, dict):
        raise ValueError(f"the router expects a JSON object (a dict), got {type(event).__name__}")
    request = LambdaHandlerRequest.from_dict(event)
    response = request.handler(request.event, context)
    if handler_class_of(request.handler) is None:
        check_lambda_response(response)
    return response


def handle_cli(args: Sequence[str] | None = None) -> None:
    """Run the command with arguments, by default those of the process.

    Raises:
        ValueError: the arguments, the payload or the response location are invalid.
        ImportError: the handler cannot be imported.
        Exception: an error of the handler.
    """
    from .common.cli.errors import CommandError
    from .common.cli.run import run

    try:
        run(args)
    except CommandError as error:
        raise error.__cause__ or ValueError(str(error)) from None


def main() -> int:
    """Run the command as a process and return the exit status."""
    exit_if_interrupted()
    collect_rarely()
    with paused_collector():
        from .common.cli.arguments import PROGRAM
        from .common.cli.process import run_as_process
        from .common.cli.run import format_error, run

    if not sys.flags.safe_path:
        # As `python -m` does, to find handlers in the current directory. It is added last, so that
        # its modules cannot replace installed ones.
        sys.path.append(str(Path.cwd()))
    return run_as_process(PROGRAM, lambda: run(is_process=True), format_error=format_error)


if __name__ == "__main__":
    sys.exit(main())
