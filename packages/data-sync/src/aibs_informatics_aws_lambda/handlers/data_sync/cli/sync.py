"""``data-sync SRC DST``: make the destination match the source."""

from collections.abc import Sequence

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode
from aibs_informatics_aws_lambda.common.collector import paused_collector

from .sync_arguments import make_parser as make_parser


def run(arguments: Sequence[str]) -> ExitCode:
    """Run a sync and print its counts.

    Raises:
        UsageError: the arguments are invalid. Nothing has been done.
        Exception: the sync failed.
    """
    with paused_collector():
        options = make_parser().parse_args(arguments)
        # Not for the help: models take most of the start-up time.
        from .sync_run import run_sync

    return run_sync(options)
