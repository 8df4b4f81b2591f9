"""The subcommand ``serve``: an API on a port of this machine."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from importlib.util import find_spec

from .arguments import PROGRAM
from .errors import ExitCode, UsageError, error_message

_EXAMPLES = f"""\
example:
  {PROGRAM} serve my_package.api:api --reload
  curl http://127.0.0.1:8000/items/abc

The server answers as the API does behind its front door on AWS, one request at a time. It is for
development: it has no TLS, no authorization and no limits. /openapi.json is the API's document.
"""


def serve(args: Sequence[str]) -> ExitCode:
    """Serve an API until the process is interrupted.

    Args:
        args: those after ``serve``.

    Raises:
        SystemExit: the arguments are not understood (status 2), or ask for help (status 0).
        UsageError: uvicorn is not installed, or there is no such API.
    """
    options = _parser().parse_args(args)
    if find_spec("uvicorn") is None:
        raise UsageError(
            "serve needs uvicorn: pip install 'aibs-informatics-aws-lambda-core[serve]'"
        )
    # The server, and what it needs, are there for this subcommand alone.
    import uvicorn

    from ..api import serve as local

    try:
        server = local.LocalServer(local.find_api(options.target))
    except Exception as error:
        raise UsageError(
            f"cannot serve {options.target}: {type(error).__name__}: {error_message(error)}"
        ) from error
    settings = {"host": options.host, "port": options.port, "lifespan": "off"}
    if options.reload:
        os.environ[local.TARGET_KEY] = options.target
        factory = f"{local.__name__}:{local.server_from_environment.__name__}"
        uvicorn.run(factory, factory=True, reload=True, **settings)
    else:
        uvicorn.run(server, **settings)
    return ExitCode.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} serve",
        description="Serve an API from this machine, as it answers on AWS.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "target",
        metavar="MODULE:NAME",
        help="an ApiResolverBuilder, what its get_lambda_handler() returned, "
        "or an ApiLambdaHandler class",
    )
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument(
        "--reload", action="store_true", help="start anew when a file below this folder changes"
    )
    return parser
