"""The command as a process, and its verbs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from aibs_informatics_aws_lambda.common.cli.process import run_as_process
from aibs_informatics_aws_lambda.common.collector import paused_collector

from .arguments import PROGRAM, VERBS
from .messages import explains_itself, in_words


def main() -> int:
    """Run the command with the arguments of the process and return its exit status.

    Each failure is one line on stderr, after its traceback if ``--debug`` asks for it.
    """
    return run_as_process(
        PROGRAM, lambda: _run(sys.argv[1:]), in_words=in_words, explains_itself=explains_itself
    )


def _run(arguments: Sequence[str]) -> int:
    is_verb = bool(arguments) and arguments[0] in VERBS
    # A verb imports what it needs itself, and nothing of what the others need.
    with paused_collector():
        module = import_module(f"{__package__}.{arguments[0] if is_verb else 'sync'}")
    status: int = module.run(arguments[1:] if is_verb else arguments)
    return status
