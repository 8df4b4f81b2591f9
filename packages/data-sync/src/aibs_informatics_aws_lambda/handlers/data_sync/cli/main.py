"""The entry point of the command, which dispatches to its verbs."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

_DISTRIBUTION = "aibs-informatics-aws-lambda-data-sync"


def main() -> int:
    """Run the command with the arguments of the process and return its exit status.

    An error is one line on stderr, preceded by the traceback with ``--debug``.
    """
    if sys.argv[1:] == ["--version"]:
        return _print_version()
    if "_ARGCOMPLETE" in os.environ:
        from .completion import complete

        complete()
    # The search for plugins of pydantic reads the metadata of each installed distribution.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from aibs_informatics_aws_lambda.common.collector import collect_rarely

    collect_rarely()
    # Most of the start-up time: not for the version.
    from aibs_informatics_aws_lambda.common.cli.process import run_as_process

    from .arguments import PROGRAM
    from .messages import format_error, is_self_explanatory

    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    # Until the signals are handled, an interruption ends the process: nothing is to be undone.
    run = _find_verb(sys.argv[1:])
    return run_as_process(
        PROGRAM,
        run,
        format_error=lambda error: format_error(error, verb),
        is_self_explanatory=is_self_explanatory,
        stop_hint=_stop_hint(sys.argv[1:]),
    )


def _find_verb(arguments: Sequence[str]) -> Callable[[], int]:
    """Return what runs the verb with its arguments."""
    from aibs_informatics_aws_lambda.common.collector import paused_collector

    from .arguments import MODULES

    verb = arguments[0] if arguments and arguments[0] in MODULES else None
    # Only the module of the verb is imported.
    with paused_collector():
        module = import_module(f"{__package__}.{MODULES[verb or 'sync']}")
    return partial(module.run, arguments[1:] if verb else arguments)


def _stop_hint(arguments: Sequence[str]) -> str:
    """Return what a user can do after an interruption: what a sync has transferred stays."""
    from .arguments import MODULES

    module = MODULES.get(arguments[0], "sync") if arguments else ""
    return ": run the same command again to continue" if module == "sync" else ""


def _print_version() -> int:
    from importlib.metadata import version

    from aibs_informatics_aws_lambda.common.cli.output import printing

    try:
        if sys.stdout is None:
            raise OSError("stdout is closed")
        with printing(sys.stdout):
            sys.stdout.write(f"data-sync {version(_DISTRIBUTION)}\n")
    except OSError as error:
        if sys.stderr is not None:
            sys.stderr.write(f"data-sync: error: cannot print: {error.strerror or error}\n")
        return 1
    return 0
