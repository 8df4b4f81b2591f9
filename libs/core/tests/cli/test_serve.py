from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.main import handle_cli

EXAMPLE = Path(__file__).parent.parent / "example_api"
COMMAND = (sys.executable, "-m", "aibs_informatics_aws_lambda.main", "serve")

API = """
from aibs_informatics_aws_lambda.common.api.resolver import ApiResolverBuilder
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

app = APIGatewayRestResolver()

@app.get("/greeting")
def greet():
    return {{"greeting": "{greeting}"}}

api = ApiResolverBuilder(app)
"""


def get(url):
    with urllib.request.urlopen(url, timeout=120) as response:
        return json.load(response)


def test_help_says_how_to_serve(run_command):
    result = run_command(*COMMAND, "--help")
    assert result.returncode == 0
    assert "MODULE:NAME" in result.stdout
    assert "curl http://127.0.0.1:8000/" in result.stdout
    overview = run_command(*COMMAND[:-1], "--help")
    assert "handle-lambda-request serve my_package.api:api" in overview.stdout


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_module:api", "cannot serve no_such_module:api: ModuleNotFoundError"),
        ("shelf", "cannot serve shelf: 'shelf' is not of the form MODULE:NAME, such as api:api"),
        ("shelf.items.SHELF", "shelf.items:SHELF is not an API: expected an ApiResolverBuilder"),
        ("shelf.items:SHELF", "shelf.items:SHELF is not an API: expected an ApiResolverBuilder"),
    ],
)
def test_what_cannot_be_served_is_a_usage_error_of_one_line(target, message, run_command):
    result = run_command(*COMMAND, target, folder=EXAMPLE)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_port_in_use_is_a_usage_error_of_one_line(run_command):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        result = run_command(*COMMAND, "shelf.app:api", "--port", port, folder=EXAMPLE)
    assert result.returncode == 2
    assert f"cannot serve on 127.0.0.1 port {port}: Address already in use" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["192.0.2.1", "host.invalid"])
def test_an_address_of_another_machine_is_a_usage_error(host, run_command):
    result = run_command(*COMMAND, "shelf.app:api", "--host", host, folder=EXAMPLE)

    assert result.returncode == 2
    assert result.stderr.endswith(". Choose another address with --host\n")


def test_a_missing_server_is_said_with_how_to_install_it(run_command, tmp_path):
    # A module that cannot be found: what an installation without the extra looks like.
    code = "import sys; sys.modules['uvicorn'] = None; sys.argv[1:] = ['serve', 'shelf.app:api']; "
    code += "from aibs_informatics_aws_lambda.main import main; sys.exit(main())"
    result = run_command(sys.executable, "-c", code, folder=EXAMPLE)
    assert result.returncode == 2
    assert "pip install 'aibs-informatics-aws-lambda-core[serve]'" in result.stderr


def test_handle_cli_raises_what_makes_a_target_unusable():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        handle_cli(["serve", "no_such_module:api"])


@pytest.fixture
def greeter_url(tmp_path):
    """A module that is served, and served anew when it changes."""
    (tmp_path / "greeter.py").write_text(API.format(greeting="hello"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    arguments = ("greeter:api", "--port", port, "--reload")
    with (tmp_path / "log.txt").open("wb") as log:
        process = subprocess.Popen([*COMMAND, *arguments], cwd=tmp_path, stdout=log, stderr=log)
    with process:
        yield f"http://127.0.0.1:{port}/greeting"
        # Killed, it would leave the server behind that it has started.
        process.terminate()


def wait_for(url, expected, change=lambda: None):
    """Return what an API answers in the end, which should be ``expected``.

    The change is made again from time to time: one before the watch of the files has begun has no
    effect.
    """
    found, end, again = None, time.monotonic() + 120, 0.0
    while found != expected and time.monotonic() < end:
        if time.monotonic() >= again:
            change()
            again = time.monotonic() + 5
        time.sleep(0.1)
        with contextlib.suppress(OSError):
            found = get(url)
    return found


def test_a_change_is_served_after_a_reload(greeter_url, tmp_path):
    hello, good_evening = {"greeting": "hello"}, {"greeting": "good evening"}
    assert wait_for(greeter_url, hello) == hello

    def change():
        (tmp_path / "greeter.py").write_text(API.format(greeting="good evening"))

    assert wait_for(greeter_url, good_evening, change) == good_evening


def test_the_rest_of_the_command_line_loads_no_server(modules_loaded_by):
    loaded = modules_loaded_by("aibs_informatics_aws_lambda.common.cli.run")
    assert not loaded & {"uvicorn", "aibs_informatics_aws_lambda.common.api.serve"}
