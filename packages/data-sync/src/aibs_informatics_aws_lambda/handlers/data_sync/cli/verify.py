"""``data-sync verify SRC DST``: compare the contents of two locations."""

from collections.abc import Sequence

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode

from .sync import run as run_sync
from .sync_arguments import make_parser as make_parser


def run(arguments: Sequence[str]) -> ExitCode:
    """Compare the contents of two locations, as ``data-sync --verify`` does."""
    return run_sync(["--verify", *arguments])
