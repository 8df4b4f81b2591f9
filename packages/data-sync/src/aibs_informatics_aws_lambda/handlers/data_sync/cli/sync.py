"""``data-sync SRC DST``: make the destination match the source."""

from collections.abc import Sequence
from contextlib import ExitStack

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode
from aibs_informatics_aws_lambda.common.collector import paused_collector

from .arguments import PROGRAM
from .begun_listings import begin_listings
from .connection import checked_endpoints, set_variables
from .messages import configure_logging
from .sync_arguments import make_parser as make_parser


def run(arguments: Sequence[str], verb: str = "sync") -> ExitCode:
    """Run a sync and print its counts.

    Args:
        arguments: the arguments after the verb.
        verb: the verb whose help is shown.

    Raises:
        UsageError: the arguments are invalid. Nothing has been done.
        Exception: the sync failed.
    """
    with ExitStack() as stack:
        with paused_collector():
            options = make_parser(verb).parse_args(arguments)
            configure_logging(PROGRAM, verbose=options.verbose, form=options.log_format)
            set_variables(options)
            begun = begin_listings(options, stack)
            with checked_endpoints(options):
                # Models and the engine take most of the start-up time, about as long as responses
                # from a distance.
                from .sync_request import make_request
                from .sync_run import run_sync

                request = make_request(options)
        return run_sync(request, options, begun)
