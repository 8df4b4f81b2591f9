from __future__ import annotations

import importlib
import os
import shutil
import sys

import pytest

WORK = '''
"""Handlers that the tests run by name."""

import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel


class CountRequest(PydanticBaseModel):
    count: int
    user_note: str | None = None


class CountResponse(PydanticBaseModel):
    count: int
    user_note: str | None = None


@dataclass(repr=False)
class Counter(LambdaHandler[CountRequest, CountResponse]):
    """Adds one.

    And more, which is no summary.
    """

    step: int = 1
    description = HandlerDescription(
        example={"count": 1},
        environment={"COUNT_LIMIT": "where counting ends"},
        iam_actions=("s3:GetObject",),
    )

    def handle(self, request):
        print("printed by the handler")
        self.log.info("counting")
        Path("ran.txt").touch()
        if request.count < 0:
            raise ArithmeticError("negative\\ncount")
        if request.count == 99:
            return None
        return CountResponse(count=request.count + self.step, user_note=request.user_note)


class WhoAmI(LambdaHandler[CountRequest, CountResponse]):
    """Answers with what its context says."""

    def handle(self, request):
        context = self.context
        note = f"{context.function_name} {context.memory_limit_in_mb} {context.aws_request_id}"
        return CountResponse(count=0, user_note=note)


def echo(event, context):
    return {"event": event, "function": context.function_name}


def unserialisable(event, context):
    Path("ran.txt").touch()
    return {"a": object()}


def partly(event, context):
    return {"batchItemFailures": [{"itemIdentifier": "1"}]}


def ends_the_process(event, context):
    sys.exit(0)


def removes_folder(event, context):
    shutil.rmtree(event["folder"])
    return {}


def slow(event, context):
    Path("ran.txt").touch()
    # In pieces: Python does not see a signal that comes just as a sleep begins until it ends.
    for _ in range(600):
        time.sleep(0.1)


def big(event, context):
    return {"fill": event["letter"] * event["size"]}


def measure(event, context):
    return {"keys": len(event), "size": sum(map(len, event.values()))}


def three(event, context, more):
    return {}


by_ten = Counter.get_handler(step=10)
not_a_handler = 5
'''


@pytest.fixture
def work(tmp_path):
    """A module of handlers in the test's folder; returns the folder."""
    (tmp_path / "work.py").write_text(WORK)
    return tmp_path


@pytest.fixture
def work_module(work, monkeypatch):
    """The module ``work``, imported; the test runs in its folder."""
    monkeypatch.syspath_prepend(work)
    monkeypatch.chdir(work)
    yield importlib.import_module("work")
    del sys.modules["work"]


@pytest.fixture(scope="session")
def script_server(start_script_server):
    """The server of the console script, with what most of its runs import."""
    package = "aibs_informatics_aws_lambda.common"
    modules = (f"{package}.cli.run", f"{package}.handler", f"{package}.s3", "boto3")
    return start_script_server("handle-lambda-request", *modules)


@pytest.fixture
def handle_lambda_request(work, run_script, script_server):
    """Run the console script in the folder of the module ``work``."""
    return lambda *arguments, **options: run_script(script_server, *arguments, **options)


@pytest.fixture
def response_of(handle_lambda_request):
    """Run a handler that succeeds with its answer on stdout; return the answer as text."""

    def run(handler, payload, *arguments, **options):
        given = ("--handler", handler, "--payload", payload, "-o", "-", *arguments)
        result = handle_lambda_request(*given, **options)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


@pytest.fixture
def without_root_powers():
    """What to put before a command so that file permissions hold for root too."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root may write anywhere, and setpriv of util-linux is missing")
    powers = "-dac_override,-dac_read_search"
    return [setpriv, "--bounding-set", powers, "--inh-caps", powers]
