#!/bin/sh
# Believed: the server of the official MCP SDK validates the arguments of a call against the input
# schema of the tool, and turns an exception of a tool into a result that the agent can read.
# So: mcp.server.lowlevel.Server passes any arguments on, and an exception becomes the protocol
# error Internal server error.
# Matters: a tool sees arguments of other types than its schema promises, and an agent cannot
# learn from a failure what to correct.
# Versions: mcp 2.3.0.
# Output:
#   the tool got: {'count': 'three'}
#   error of a tool: Internal server error
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site mcp==2.3.0
cat > check.py <<'END'
import logging
import anyio, mcp_types as types
from mcp.client import Client
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

logging.disable(logging.CRITICAL)
SCHEMA = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}

async def list_tools(context, params):
    return types.ListToolsResult(tools=[types.Tool(name="tool", input_schema=SCHEMA)])

async def call_tool(context, params):
    if params.arguments["count"] == 0:
        raise ValueError("count must not be 0")
    return types.CallToolResult(content=[types.TextContent(type="text", text=str(params.arguments))])

async def main():
    async with Client(Server("server", on_list_tools=list_tools, on_call_tool=call_tool)) as client:
        result = await client.call_tool("tool", {"count": "three"})
        try:
            await client.call_tool("tool", {"count": 0})
        except MCPError as error:
            return result, str(error)

result, error = anyio.run(main)
print("the tool got:", result.content[0].text)
print("error of a tool:", error)
assert result.content[0].text == "{'count': 'three'}" and error == "Internal server error"
END
PYTHONPATH=site python3 check.py
