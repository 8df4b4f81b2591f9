"""``data-sync plan SRC DST``: show what a sync would do."""

from collections.abc import Sequence

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode

from .sync import run as run_sync
from .sync_arguments import make_parser as make_parser


def run(arguments: Sequence[str]) -> ExitCode:
    """Show what a sync would do, as ``data-sync --dry-run`` does."""
    return run_sync(["--dry-run", *arguments])
