"""``data-sync plan SRC DST``: show what a sync would do."""

from collections.abc import Sequence

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode

from . import sync_arguments
from .arguments import Parser
from .sync import run as run_sync


def run(arguments: Sequence[str]) -> ExitCode:
    """Show what a sync would do, as ``data-sync --dry-run`` does."""
    return run_sync(["--dry-run", *arguments], "plan")


def make_parser() -> Parser:
    """Return the parser."""
    return sync_arguments.make_parser("plan")
