"""The entry point of the ``replicate-image`` command."""

import sys

from aibs_informatics_aws_lambda.common.collector import collect_rarely, paused_collector
from aibs_informatics_aws_lambda.common.interruption import exit_if_interrupted


def main() -> int:
    """Run the command with the arguments of the process and return the exit status.

    A failure is printed to stderr as one line, after the traceback with ``--debug``.
    """
    exit_if_interrupted()
    collect_rarely()
    with paused_collector():
        from aibs_informatics_aws_lambda.common.cli.process import run_as_process

        from .command import PROGRAM, format_error, is_self_explanatory, run
    return run_as_process(
        PROGRAM,
        run,
        format_error=format_error,
        is_self_explanatory=is_self_explanatory,
        stop_hint="; run the same command to resume",
    )


if __name__ == "__main__":
    sys.exit(main())
