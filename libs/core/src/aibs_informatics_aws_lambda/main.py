"""The router, which runs any handler by its name, and the command line.

``handle`` is a Lambda function for all handlers: its event names the handler and holds the
handler's own event. ``main`` is the console script ``handle-lambda-request``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .common.collector import paused_collector

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from .common.json_io import JSON


def handle(event: JSON, context: LambdaContext) -> JSON | None:
    """Run the handler that an event names on the event that it holds.

    Args:
        event: an object with ``handler``, a qualified name, and ``event``, any JSON value.
        context: the context of the invocation; the handler gets the same one.

    Returns:
        The handler's answer.

    Raises:
        ValueError: the event is no object, or does not name a handler.
        Exception: whatever the handler raises.
    """
    from .common.router import LambdaHandlerRequest

    if not isinstance(event, dict):
        raise ValueError(f"the router takes an object (a dict), not {type(event).__name__}")
    request = LambdaHandlerRequest.from_dict(event)
    return request.handler(request.event, context)


def handle_cli(args: Sequence[str] | None = None) -> None:
    """Run the command line with these arguments, by default those of the process.

    Raises:
        ValueError: arguments, payload or response location are unusable.
        ImportError: the handler cannot be imported.
        Exception: whatever the handler raises.
    """
    from .common.cli.errors import CommandError
    from .common.cli.run import run

    try:
        run(args)
    except CommandError as error:
        raise error.__cause__ or ValueError(str(error)) from None


def main() -> int:
    """Run the command line as a process and return its exit status."""
    with paused_collector():
        from .common.cli.arguments import PROGRAM
        from .common.cli.process import run_as_process
        from .common.cli.run import format_error, run

    if not sys.flags.safe_path:
        # As `python -m` does, so that a handler in the current folder is found; last, so that
        # nothing in it can stand in for what is installed.
        sys.path.append(str(Path.cwd()))
    return run_as_process(PROGRAM, run, format_error=format_error)


if __name__ == "__main__":
    sys.exit(main())
