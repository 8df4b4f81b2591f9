"""The server is tested with the client of the official SDK."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress

import anyio
import pytest
from aibs_informatics_aws_lambda.common.cli.mcp_server import ToolContext, make_server
from aibs_informatics_aws_lambda.common.cli.tools import Limits, Mode, Tool
from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

COMMAND = (sys.executable, "-m", "aibs_informatics_aws_lambda.main", "mcp")

HANDLERS = """
from aibs_informatics_aws_lambda.common import LambdaHandler, PydanticBaseModel
from aibs_informatics_aws_lambda.common.description import HandlerDescription

import os

print("imported")
os.system("echo imported by a program")

class Request(PydanticBaseModel):
    text: str

class Response(PydanticBaseModel):
    length: int

class Measure(LambdaHandler[Request, Response]):
    '''Measure a text.'''

    description = HandlerDescription(effect="none")

    def handle(self, request):
        print("measuring")
        os.system("echo measured by a program")
        self.log.info("measuring")
        return Response(length=len(request.text))

class Erase(LambdaHandler[Request, Response]):
    '''Erase a text.'''

    def handle(self, request):
        raise OSError("the disk is gone")
"""


class Request(PydanticBaseModel):
    number: int


class Response(PydanticBaseModel):
    number: int


class Wait(LambdaHandler[Request, Response]):
    """Wait until the call is cancelled."""

    description = HandlerDescription(effect="none")
    started = threading.Event()
    ended = threading.Event()

    def handle(self, request: Request) -> Response:
        try:
            while True:
                self.context.progress.plan(1, 100)
                self.context.progress.advance(0, 10)
                self.started.set()
                threading.Event().wait(0.01)
        finally:
            self.ended.set()


def call(server, name, arguments, **options):
    """Call a tool and return the result."""

    async def run():
        async with Client(server, **options) as client:
            return await client.call_tool(name, arguments)

    return anyio.run(run)


@pytest.fixture
def stdio(tmp_path):
    """Parameters of a server that is a separate process."""
    (tmp_path / "texts.py").write_text(HANDLERS)

    def parameters(*arguments):
        return StdioServerParameters(
            command=COMMAND[0], args=[*COMMAND[1:], *arguments], cwd=tmp_path
        )

    return parameters


def test_agent_lists_and_calls_tools_by_stdio(stdio):
    async def run():
        server = stdio("--tool", "texts.Measure", "--tool", "texts.Erase", "--run", "texts.Erase")
        async with Client(server) as client:
            found = await client.list_tools()
            calls = [
                await client.call_tool("texts.Measure", {"text": "abc"}),
                await client.call_tool("texts.Measure", {"text": 1}),
                await client.call_tool("texts.Erase", {"text": "abc"}),
            ]
            with pytest.raises(MCPError, match="there is no tool get-json-from-file"):
                await client.call_tool("get-json-from-file", {"path": "/etc/hostname"})
            return found.tools, calls

    (measure, erase), (done, rejected, failed) = anyio.run(run)

    assert (measure.name, measure.description) == ("texts.Measure", "Measure a text.")
    assert measure.input_schema["required"] == ["text"]
    assert measure.output_schema["properties"]["length"]["type"] == "integer"
    assert (measure.annotations.read_only_hint, measure.annotations.destructive_hint) == (
        True,
        False,
    )
    assert (erase.annotations.read_only_hint, erase.annotations.destructive_hint) == (False, True)
    assert (done.is_error, done.structured_content) == (False, {"length": 3})
    assert json.loads(done.content[0].text) == {"length": 3}
    assert (rejected.is_error, rejected.structured_content["request_rejected"]) == (True, True)
    assert rejected.structured_content["errorType"] == "ValidationError"
    assert "text" in rejected.structured_content["errorMessage"]
    assert failed.is_error
    assert failed.structured_content == {
        "errorType": "OSError",
        "errorMessage": "the disk is gone",
        "request_rejected": False,
    }


def test_stdout_is_for_the_protocol_also_while_handlers_are_imported(stdio, run_command):
    server = stdio("--tool", "texts.Measure")

    result = run_command(server.command, *server.args)

    assert (result.returncode, result.stdout) == (0, "")
    assert "imported by a program" in result.stderr


@pytest.fixture
def http_port(stdio, tmp_path):
    """The port of a server that listens."""
    parameters = stdio("--tool", "texts.Measure", "--http", "--port")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [parameters.command, *parameters.args, str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        while process.poll() is None:
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def test_agent_calls_tools_by_http_on_this_machine_only(http_port):
    url = f"http://127.0.0.1:{http_port}/mcp"

    assert call(url, "texts.Measure", {"text": "abcd"}).structured_content == {"length": 4}

    headers = {"Content-Type": "application/json", "Host": "example.org"}
    from_elsewhere = urllib.request.Request(url, b"{}", headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(from_elsewhere)
    caught.value.close()
    assert caught.value.code == 421
    # Another address of this machine.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", http_port))


def test_cancelled_call_stops_the_handler_at_its_next_progress():
    tool = Tool("wait", Wait, Wait.get_handler(), Mode.READ, Limits())
    reports = []

    async def note(done, total, message):
        reports.append((done, total, message))

    async def run():
        async with Client(make_server({"wait": tool})) as client:
            with anyio.move_on_after(30) as scope:

                async def watch():
                    await anyio.to_thread.run_sync(Wait.started.wait)
                    scope.cancel()

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(watch)
                    await client.call_tool("wait", {"number": 1}, progress_callback=note)
            await anyio.to_thread.run_sync(Wait.ended.wait, 30)

    anyio.run(run)

    assert Wait.ended.is_set()


def test_context_of_a_call_has_no_timeout():
    assert ToolContext(None).get_remaining_time_in_millis() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tool", "no-such-handler"), "cannot use the handler no-such-handler"),
        (
            ("--tool", "aibs_informatics_aws_lambda.main.handle"),
            "main.handle is a plain function without models: it cannot be a tool",
        ),
        (("--tool", "a", "--run", "b"), "--run b: not a served handler; add --tool b"),
    ],
)
def test_invalid_tool_is_a_usage_error(run_command, arguments, message):
    result = run_command(*COMMAND, *arguments)

    assert result.returncode == 2
    assert message in result.stderr


def test_missing_sdk_is_a_usage_error_with_how_to_install_it(run_command):
    code = "import sys; sys.modules['mcp'] = None; sys.argv[1:] = ['mcp']; "
    code += "from aibs_informatics_aws_lambda.main import main; sys.exit(main())"

    result = run_command(sys.executable, "-c", code)

    assert result.returncode == 2
    assert "pip install 'aibs-informatics-aws-lambda-core[mcp]'" in result.stderr


def test_help_says_what_changes_nothing(run_command):
    result = run_command(*COMMAND, "--help")

    assert result.returncode == 0
    assert "handlers that read are run" in " ".join(result.stdout.split())


def test_sdk_is_imported_by_no_handler(modules_loaded_by):
    loaded = modules_loaded_by("aibs_informatics_aws_lambda.common.handler")

    assert not {"mcp", "mcp_types", "anyio"} & loaded
