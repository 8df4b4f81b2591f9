"""``data-sync verify SRC DST``: compare the contents of two locations."""

from collections.abc import Sequence

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode

from . import sync_arguments
from .arguments import Parser
from .sync import run as run_sync


def run(arguments: Sequence[str]) -> ExitCode:
    """Compare the contents of two locations, as ``data-sync --verify`` does."""
    return run_sync(["--verify", *arguments], "verify")


def make_parser() -> Parser:
    """Return the parser."""
    return sync_arguments.make_parser("verify")
