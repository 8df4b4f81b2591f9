"""What the README shows is what happens."""

from __future__ import annotations

import doctest
import json
import os
import re
import sys
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common import constants, exceptions

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def folder(tmp_path, aws, monkeypatch):
    """A folder with the modules of the README, and the bucket that it speaks of."""
    for code in blocks("python"):
        # The example API, whose modules have no name in their first line, has tests of its own.
        if name := re.match(r"# (\w+\.py)\n", code):
            (tmp_path / name[1]).write_text(code)
    aws.make_bucket("my-bucket")
    aws.put("my-bucket", "request.json", '{"firstName": "Ada"}')
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for module in ("greet", "measured"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize("block", blocks("console"))
def test_commands_print_what_is_shown(run_command, block):
    lines = block.splitlines()
    script = "\n".join(line.removeprefix("$ ") for line in lines if line.startswith("$ "))

    result = run_command("bash", "-c", script)

    assert result.stdout.splitlines() == [line for line in lines if not line.startswith("$ ")]


@pytest.mark.parametrize("block", blocks("pycon"))
def test_expressions_have_the_value_that_is_shown(block, capsys):
    example = doctest.DocTestParser().get_doctest(block, {}, "README", None, None)
    runner = doctest.DocTestRunner(verbose=False)
    complaints = []
    with capsys.disabled():
        result = runner.run(example, out=complaints.append)

    assert result.attempted
    assert not result.failed, "".join(complaints)


def test_response_in_s3_is_that_of_the_handler(run_command, aws):
    commands = [
        block for block in blocks("console") if "response.json" in block and "s3:" in block
    ]
    for number, block in enumerate(commands):
        aws.put("my-bucket", "response.json", f"old {number}")
        script = "\n".join(re.findall(r"^\$ (.*)$", block, re.MULTILINE))
        assert run_command("bash", "-c", script).returncode == 0
        assert json.loads(aws.get("my-bucket", "response.json")) == {"text": "Hello, Ada"}
    assert len(commands) == 2


def test_router_takes_the_event_that_is_shown(lambda_context):
    from aibs_informatics_aws_lambda.main import handle

    (event,) = re.findall(r"Its event is `(\{.*?\})`\.", README)

    assert handle(json.loads(event), lambda_context) == {"text": "Hello, Ada"}


def test_metrics_are_those_that_are_shown(run_command):
    result = run_command(
        *("handle-lambda-request", "--handler", "measured.MeasuredGreet", "-e"),
        '{"firstName": "Ada"}',
        POWERTOOLS_METRICS_NAMESPACE="Tests",
    )

    blob = json.loads(result.stderr.splitlines()[-1])
    assert blob["Greetings"] == blob["GreetSuccess"] == [1]
    assert blob["GreetFailure"] == [0]
    assert blob["GreetDuration"][0] < 1000


def test_every_option_is_described(run_command):
    usage = run_command("handle-lambda-request", "--help").stdout
    options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", usage.partition("examples:")[0]))

    assert {"--payload-file", "-o", "--debug"} <= options
    assert {option for option in options if f"`{option}" not in README} == set()


def test_every_variable_is_described():
    names = {value for key, value in vars(constants).items() if key.endswith("_KEY")}

    assert {name for name in names if f"`{name}`" not in README} == set()


def test_every_error_is_described():
    errors = {name for name, value in vars(exceptions).items() if isinstance(value, type)}

    assert {name for name in errors if f"`{name}`" not in README} == set()
