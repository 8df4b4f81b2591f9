"""The subcommand ``serve``: a local server for an API."""

import os
import socket
from collections.abc import Sequence
from errno import EADDRNOTAVAIL
from importlib.util import find_spec

from ..constants import HANDLER_SERVE_TARGET_KEY
from .arguments import PROGRAM
from .errors import ExitCode, UsageError, error_message
from .parser import CommandParser, parse_port

_EXAMPLES = f"""\
example:
  {PROGRAM} serve my_package.api:api --reload
  curl http://127.0.0.1:8000/items/abc

The server passes requests to the API as its integration on AWS does, one at a time, and limits
bodies as AWS does. It is for development: it has no TLS and no authorization. The OpenAPI document
is at /openapi.json, Swagger UI at /docs, and ReDoc at /redoc.
"""


def serve(args: Sequence[str]) -> ExitCode:
    """Serve an API until the process is interrupted.

    Args:
        args: the arguments after ``serve``.

    Raises:
        SystemExit: the arguments are invalid (status 2), or include ``--help`` (status 0).
        UsageError: uvicorn is not installed, there is no such API, or the port is in use.
    """
    options = make_parser().parse_args(args)
    if ":" not in options.target:
        options.target = ":".join(options.target.rpartition(".")[::2]).lstrip(":")
    if find_spec("uvicorn") is None:
        raise UsageError(
            "serve requires uvicorn: pip install 'aibs-informatics-aws-lambda-core[serve]'"
        )
    # Only this subcommand needs the server.
    import uvicorn

    from ..api import serve as local

    try:
        server = local.LocalServer(local.find_api(options.target))
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise UsageError(f"cannot serve {options.target}: {kind}{error_message(error)}") from error
    _check_port(options.host, options.port)
    settings = {"host": options.host, "port": options.port, "lifespan": "off"}
    if options.reload:
        os.environ[HANDLER_SERVE_TARGET_KEY] = options.target
        factory = f"{local.__name__}:{local.server_from_environment.__name__}"
        uvicorn.run(factory, factory=True, reload=True, **settings)
    else:
        uvicorn.run(server, **settings)
    return ExitCode.DONE


def _check_port(host: str, port: int) -> None:
    """Raise `UsageError` if the server cannot listen on a port."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        is_no_address = isinstance(error, socket.gaierror) or error.errno == EADDRNOTAVAIL
        remedy = "address with --host" if is_no_address else "port with --port"
        raise UsageError(
            f"cannot serve on {host} port {port}: {error.strerror or error}. "
            f"Choose another {remedy}"
        ) from error


def make_parser() -> CommandParser:
    """Return the parser."""
    parser = CommandParser(
        prog=f"{PROGRAM} serve",
        description="Serve an API locally, with the events of its integration on AWS.",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "target",
        metavar="MODULE:NAME",
        help="the name of an ApiResolverBuilder, of the function that its get_lambda_handler() "
        "returned, or of an ApiLambdaHandler class",
    )
    parser.add_argument(
        "--port", type=parse_port, default=8000, help="the port (default: %(default)s)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to bind to (default: %(default)s)"
    )
    parser.add_argument(
        "--reload",
        action="store_true",
        help="restart when a file in the current directory changes",
    )
    return parser
