"""The entry point of the command, which dispatches to its verbs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from aibs_informatics_aws_lambda.common.cli.process import run_as_process
from aibs_informatics_aws_lambda.common.collector import paused_collector

from .arguments import PROGRAM, VERBS
from .messages import format_error, is_self_explanatory


def main() -> int:
    """Run the command with the arguments of the process and return its exit status.

    An error is one line on stderr, preceded by the traceback with ``--debug``.
    """
    return run_as_process(
        PROGRAM,
        lambda: _run(sys.argv[1:]),
        format_error=format_error,
        is_self_explanatory=is_self_explanatory,
    )


def _run(arguments: Sequence[str]) -> int:
    is_verb = bool(arguments) and arguments[0] in VERBS
    # Only the module of the verb is imported.
    with paused_collector():
        module = import_module(f"{__package__}.{arguments[0] if is_verb else 'sync'}")
    status: int = module.run(arguments[1:] if is_verb else arguments)
    return status
