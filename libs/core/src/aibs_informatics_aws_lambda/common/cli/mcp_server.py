"""The subcommand ``mcp``: serve handlers as tools by the Model Context Protocol.

https://modelcontextprotocol.io/specification
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..context import DefaultLambdaContext
from .arguments import PROGRAM
from .errors import ExitCode, UsageError
from .output import reserved_stdout
from .parser import CommandParser, number_between, parse_port
from .tools import Limits, Tool, find_tools

if TYPE_CHECKING:
    import mcp_types as types
    from mcp.server.lowlevel import Server

_DISTRIBUTION = "aibs-informatics-aws-lambda-core"
_EXAMPLES = f"""\
examples:
  serve all installed handlers to an agent that starts this command; nothing is changed:
    {PROGRAM} mcp

  serve two handlers, of which one may change something:
    {PROGRAM} mcp --tool list-data-paths --tool data-sync --run data-sync

  serve by HTTP on this machine, at http://127.0.0.1:8000/mcp:
    {PROGRAM} mcp --http --port 8000

Without --run, handlers that read are run, handlers with a field dry_run make a dry run, and of all
others the request is only validated. Whoever can connect to the port can call the tools, with the
credentials of this process.
"""

# Clients show progress to people.
_SECONDS_BETWEEN_REPORTS = 0.5


def serve_mcp(args: Sequence[str]) -> ExitCode:
    """Serve handlers until the client disconnects or the process is interrupted.

    Args:
        args: the arguments after ``mcp``.

    Raises:
        SystemExit: the arguments are invalid (status 2), or include ``--help`` (status 0).
        UsageError: the SDK is not installed, or there is no such handler.
    """
    options = make_parser().parse_args(args)
    if find_spec("mcp") is None:
        raise UsageError(f"mcp requires the MCP SDK: pip install '{_DISTRIBUTION}[mcp]'")
    limits = Limits(options.max_request_bytes, options.max_response_bytes)
    # Modules of handlers, and programs that they run, may print when they are imported.
    with reserved_stdout():
        tools = find_tools(options.tool, options.run, limits)
    server = make_server(tools)
    if options.http:
        _serve_http(server, options.port, limits)
    else:
        _serve_stdio(server)
    return ExitCode.DONE


def make_server(tools: Mapping[str, Tool]) -> Server[Any]:
    """Return an MCP server for some tools."""
    # Only this subcommand needs the SDK.
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.shared.exceptions import MCPError

    async def list_tools(_: Any, __: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in tools.values()])

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = tools.get(params.name)
        if tool is None:
            raise MCPError(code=types.INVALID_PARAMS, message=f"there is no tool {params.name}")
        return await _call(tool, params.arguments or {}, context.session)

    return Server(
        PROGRAM,
        version=version(_DISTRIBUTION),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


class ToolContext(DefaultLambdaContext):
    """The context of a tool's call. Handlers report their progress to its ``progress``."""

    def __init__(self, progress: ToolProgress) -> None:
        super().__init__()
        self.progress = progress


class ToolProgress:
    """Sends the progress of a handler to the client, and stops a handler whose call is cancelled.

    Args:
        session: the session of the call.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._files = self._size = self._total = 0
        self._reported = 0.0

    def plan(self, files: int, size: int) -> None:  # noqa: ARG002 - bytes are reported
        """Add bytes to the total."""
        self._total += size
        self._report()

    def advance(self, files: int, size: int) -> None:
        """Add files and bytes that are done."""
        self._files += files
        self._size += size
        self._report()

    def _report(self) -> None:
        from anyio import from_thread

        from_thread.check_cancelled()
        now = time.monotonic()
        if now - self._reported >= _SECONDS_BETWEEN_REPORTS or self._size == self._total:
            self._reported = now
            message = f"{self._files} files done"
            from_thread.run(self._session.report_progress, self._size, self._total, message)


async def _call(tool: Tool, arguments: Mapping[str, Any], session: Any) -> types.CallToolResult:
    import mcp_types as types
    from anyio import to_thread

    context = ToolContext(ToolProgress(session))
    try:
        # In a thread, so that the server keeps responding. It is waited for if the call is
        # cancelled: a handler ends cleanly or not at all.
        document = await to_thread.run_sync(partial(tool.call, arguments, context))
    except Exception as error:
        document, is_error = tool.failure(error), True
    else:
        is_error = False
    text = types.TextContent(type="text", text=json.dumps(document, ensure_ascii=False))
    return types.CallToolResult(content=[text], structured_content=document, is_error=is_error)


def _described(tool: Tool) -> types.Tool:
    import mcp_types as types

    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=types.ToolAnnotations(**tool.hints),
    )


def _serve_stdio(server: Server[Any]) -> None:
    import anyio
    from mcp.server.stdio import stdio_server

    async def run() -> None:
        # It sends what handlers print to stderr: stdout is for the protocol.
        async with stdio_server() as (read_stream, write_stream):
            await server.run(read_stream, write_stream, server.create_initialization_options())

    anyio.run(run)


def _serve_http(server: Server[Any], port: int, limits: Limits) -> None:
    import uvicorn

    # For the loopback address, the SDK checks the headers Host and Origin. Around the arguments,
    # a request has some hundred bytes of its own.
    app = server.streamable_http_app(
        host="127.0.0.1", max_request_body_size=2 * limits.request + 65_536
    )
    uvicorn.run(app, host="127.0.0.1", port=port)


def make_parser() -> CommandParser:
    """Return the parser."""
    parser = CommandParser(
        prog=f"{PROGRAM} mcp",
        description="Serve handlers to agents as tools, by the Model Context Protocol (MCP).",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "--tool",
        action="append",
        default=[],
        metavar="NAME",
        help="a handler to serve, by the name of an installed one or by its qualified name; "
        "repeatable (default: all installed handlers)",
    )
    parser.add_argument(
        "--run",
        action="append",
        default=[],
        metavar="NAME",
        help="a served handler that may change something; repeatable (default: none)",
    )
    parser.add_argument(
        "--http",
        action="store_true",
        help="serve by streamable HTTP on 127.0.0.1 (default: by stdin and stdout)",
    )
    parser.add_argument(
        "--port", type=parse_port, default=8000, help="the port of --http (default: %(default)s)"
    )
    for kind in ("request", "response"):
        parser.add_argument(
            f"--max-{kind}-bytes",
            type=number_between(int, 1, 2**31, "a size in bytes"),
            default=getattr(Limits, kind),
            metavar="BYTES",
            help=f"reject a larger {kind} (default: %(default)s)",
        )
    parser.add_argument("--debug", action="store_true", help="print the traceback of a failure")
    return parser
