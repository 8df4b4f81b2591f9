"""The container: what its image is made of, and what starts in it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sysconfig
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from runtime_api import RuntimeApi
from uv import find_uv_bin

ROOT = Path(__file__).parents[1]
CONTAINER = ROOT / "container"

HANDLERS = """
import time
from pathlib import Path

from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel


class Text(PydanticBaseModel):
    text: str


class Echo(LambdaHandler[Text, Text]):
    def handle(self, request):
        if request.text == "fail":
            raise ArithmeticError("as asked")
        if request.text == "wait":
            Path("started").touch()
            # In pieces: a signal that comes just as a sleep begins is not seen until it ends.
            for _ in range(600):
                time.sleep(0.1)
        return request


handler = Echo.get_handler()
"""

# Prints its arguments, in place of the emulator.
EMULATOR = '#!/bin/sh\nprintf "[%s]" "$@"\n'


@pytest.fixture(autouse=True)
def image(monkeypatch, tmp_path):
    """A folder of handlers, and the programs of the image on the PATH."""
    (tmp_path / "work.py").write_text(HANDLERS)
    monkeypatch.setenv("PATH", f"{sysconfig.get_path('scripts')}:/usr/bin:/bin")
    monkeypatch.delenv("AWS_EXECUTION_ENV", raising=False)


@pytest.fixture
def run(run_command):
    """Run the entry script with arguments and variables, as the container does."""

    def start(*arguments, **environment):
        return run_command(str(CONTAINER / "entrypoint.sh"), *arguments, **environment)

    return start


@pytest.fixture
def started(tmp_path):
    """Start the entry script and let it run."""

    @contextmanager
    def start(*arguments, **environment):
        process = subprocess.Popen(
            [str(CONTAINER / "entrypoint.sh"), *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    return start


def test_batch_job_is_told_everything_by_its_environment(run, tmp_path):
    result = run(
        AWS_LAMBDA_FUNCTION_HANDLER="work.Echo",
        AWS_LAMBDA_EVENT_PAYLOAD='{"text": "from Batch"}',
        AWS_LAMBDA_EVENT_RESPONSE_LOCATION="response.json",
        AWS_EXECUTION_ENV="AWS_ECS_FARGATE",
    )

    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "response.json").read_text()) == {"text": "from Batch"}


@pytest.mark.parametrize("text", ["two  blanks", 'it\'s "quoted"', "$HOME `id` *", "line\nbreak"])
def test_arguments_arrive_as_they_were_given(run, text):
    result = run("--handler", "work.Echo", "--payload", json.dumps({"text": text}), "-o", "-")

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"text": text}


@pytest.mark.parametrize(
    ("payload", "status"), [('{"text": "fail"}', 1), ("{}", 3), ('{"text": "fine"}', 0)]
)
def test_exit_status_is_that_of_the_command_line(run, payload, status):
    assert run("--handler", "work.Echo", "--payload", payload).returncode == status


def test_job_that_is_stopped_gets_the_signal_and_says_so(started, tmp_path):
    with started("--handler", "work.Echo", "--payload", '{"text": "wait"}') as process:
        _wait_for((tmp_path / "started").exists)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 128 + signal.SIGTERM
    assert errors.splitlines()[-1] == "handle-lambda-request: error: stopped"


def _wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


# With AWS's base images, with others, and in the spelling of older entry scripts.
@pytest.mark.parametrize("execution_env", ["AWS_Lambda_Image", "", "AWS_LAMBDA_Image"])
def test_function_on_lambda_answers_events(started, execution_env):
    with (
        RuntimeApi() as api,
        started(
            "work.handler", AWS_LAMBDA_RUNTIME_API=api.address, AWS_EXECUTION_ENV=execution_env
        ),
    ):
        answered, refused = api.invoke({"text": "hello"}), api.invoke({})

    assert (answered.kind, answered.body) == ("response", {"text": "hello"})
    assert (refused.kind, refused.body["errorType"]) == ("error", "ValidationError")


def test_function_without_a_command_is_named_by_its_environment(started):
    with (
        RuntimeApi() as api,
        started(AWS_LAMBDA_RUNTIME_API=api.address, AWS_LAMBDA_FUNCTION_HANDLER="work.handler"),
    ):
        assert api.invoke({"text": "hello"}).body == {"text": "hello"}


def test_function_that_is_shut_down_ends_by_the_signal(started):
    with (
        RuntimeApi() as api,
        started("work.handler", AWS_LAMBDA_RUNTIME_API=api.address) as process,
    ):
        api.invoke({"text": "hello"})
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=30) == -signal.SIGTERM


def test_emulator_stands_in_for_a_missing_runtime_api(run, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "aws-lambda-rie").write_text(EMULATOR)
    (programs / "aws-lambda-rie").chmod(0o755)

    result = run(
        "work.handler",
        AWS_EXECUTION_ENV="AWS_Lambda_Image",
        AWS_LAMBDA_RUNTIME_API="",
        PATH=f"{programs}:{os.environ['PATH']}",
    )

    assert (result.returncode, result.stdout) == (0, "[python][-m][awslambdaric][work.handler]")


def test_missing_emulator_is_an_error_that_says_what_to_do(run):
    result = run("work.handler", AWS_EXECUTION_ENV="AWS_Lambda_Image")

    assert result.returncode == 2
    assert "AWS_LAMBDA_RUNTIME_API is empty" in result.stderr
    assert "aws-lambda-rie" in result.stderr


def test_function_without_any_handler_is_an_error(run):
    result = run(AWS_LAMBDA_RUNTIME_API="127.0.0.1:1")

    assert result.returncode == 2
    assert "no handler" in result.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """What the image's only build step makes, of one package."""
    folder = tmp_path_factory.mktemp("image") / "package"
    subprocess.run(
        [str(CONTAINER / "install.sh"), "notifications", str(folder)],
        check=True,
        env={**os.environ, "PATH": f"{Path(find_uv_bin()).parent}:{os.environ['PATH']}"},
    )
    return folder


def test_build_step_installs_the_package_alone_and_for_good(environment, run):
    listed = run("--list", PATH=f"{environment / 'bin'}:/usr/bin:/bin")

    assert listed.returncode == 0, listed.stderr
    assert "notification-router" in listed.stdout
    (site_packages,) = (environment / "lib").glob("python*/site-packages")
    found = {path.name.partition("-")[0] for path in site_packages.glob("aibs_*.dist-info")}
    assert found == {
        "aibs_informatics_aws_lambda_core",
        "aibs_informatics_aws_lambda_notifications",
    }
    assert not [path for path in site_packages.glob("*.pth") if str(ROOT) in path.read_text()]


def test_function_of_the_image_starts(environment, started):
    handler = "aibs_informatics_aws_lambda.handlers.notifications.notification_router_handler"
    with (
        RuntimeApi() as api,
        started(
            handler,
            AWS_LAMBDA_RUNTIME_API=api.address,
            AWS_LAMBDA_FUNCTION_NAME="function",
            PATH=f"{environment / 'bin'}:/usr/bin:/bin",
        ),
    ):
        assert api.invoke({}).body["errorType"] == "ValidationError"


def test_unknown_package_is_refused_with_those_that_there_are(run_command, tmp_path):
    result = run_command(str(CONTAINER / "install.sh"), "no-such", str(tmp_path / "x"))

    assert result.returncode == 2
    assert "there is no package no-such" in result.stderr
    assert "data-sync" in result.stderr
    assert not (tmp_path / "x").exists()


def test_image_copies_files_that_there_are_and_starts_the_entry_script_itself():
    text = (CONTAINER / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?:--chmod=\S+ )?((?!--from)\S+) \S+$", text, re.MULTILINE)

    assert copied
    assert [path for path in copied if not (ROOT / path).exists()] == []
    # The form without a shell in between, which would keep arguments and signals for itself.
    assert re.search(r'^ENTRYPOINT \["/opt/entrypoint.sh"\]$', text, re.MULTILINE)


def test_batch_takes_the_job_definition(aws):
    definition = json.loads((CONTAINER / "job-definition.json").read_text())

    batch = aws.client("batch")
    registered = batch.register_job_definition(**definition)

    assert registered["jobDefinitionName"] == "data-sync"
    container = definition["containerProperties"]
    used = re.findall(r"Ref::(\w+)", " ".join(container["command"]))
    assert set(used) == set(definition["parameters"])
