"""The container image: its build step, and its entry point."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import time
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

import pytest
from hatch_lambda.constraints import read_pins
from packaging.utils import canonicalize_name
from runtime_api import RuntimeApi
from shared import made_once
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

# A mock of the emulator that prints its arguments.
EMULATOR = '#!/bin/sh\nprintf "[%s]" "$@"\n'


@pytest.fixture(autouse=True)
def image(monkeypatch, tmp_path):
    """A folder with handlers, and the programs of the image on the PATH."""
    (tmp_path / "work.py").write_text(HANDLERS)
    monkeypatch.setenv("PATH", f"{sysconfig.get_path('scripts')}:/usr/bin:/bin")
    monkeypatch.delenv("AWS_EXECUTION_ENV", raising=False)


@pytest.fixture
def run(run_command):
    """Run the entry point with arguments and environment variables, as the container does."""

    def start(*arguments, **environment):
        return run_command(str(CONTAINER / "entrypoint.sh"), *arguments, **environment)

    return start


@pytest.fixture
def started(tmp_path):
    """Start the entry point in the background."""

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


def test_a_batch_job_can_be_configured_by_environment_variables(run, tmp_path):
    result = run(
        AWS_LAMBDA_FUNCTION_HANDLER="work.Echo",
        AWS_LAMBDA_EVENT_PAYLOAD='{"text": "from Batch"}',
        AWS_LAMBDA_EVENT_RESPONSE_LOCATION="response.json",
        AWS_EXECUTION_ENV="AWS_ECS_FARGATE",
    )

    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "response.json").read_text()) == {"text": "from Batch"}


@pytest.mark.parametrize("text", ["two  blanks", 'it\'s "quoted"', "$HOME `id` *", "line\nbreak"])
def test_arguments_are_passed_unchanged(run, text):
    result = run("--handler", "work.Echo", "--payload", json.dumps({"text": text}), "-o", "-")

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"text": text}


@pytest.mark.parametrize(
    ("payload", "status"), [('{"text": "fail"}', 1), ("{}", 3), ('{"text": "fine"}', 0)]
)
def test_the_exit_status_is_that_of_the_command_line(run, payload, status):
    assert run("--handler", "work.Echo", "--payload", payload).returncode == status


def test_a_stopped_job_receives_the_signal(started, tmp_path):
    with started("--handler", "work.Echo", "--payload", '{"text": "wait"}') as process:
        _wait_for((tmp_path / "started").exists)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=300)

    assert process.returncode == 128 + signal.SIGTERM
    assert errors.splitlines()[-1] == "handle-lambda-request: error: stopped"


def _wait_for(condition):
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


# With AWS base images, with other images, and in the spelling of older entry points.
@pytest.mark.parametrize("execution_env", ["AWS_Lambda_Image", "", "AWS_LAMBDA_Image"])
def test_a_function_on_lambda_handles_events(started, execution_env):
    with (
        RuntimeApi() as api,
        started(
            "work.handler", AWS_LAMBDA_RUNTIME_API=api.address, AWS_EXECUTION_ENV=execution_env
        ),
    ):
        valid, invalid = api.invoke({"text": "hello"}), api.invoke({})

    assert (valid.kind, valid.body) == ("response", {"text": "hello"})
    assert (invalid.kind, invalid.body["errorType"]) == ("error", "ValidationError")


def test_the_handler_can_be_set_by_an_environment_variable(started):
    with (
        RuntimeApi() as api,
        started(AWS_LAMBDA_RUNTIME_API=api.address, AWS_LAMBDA_FUNCTION_HANDLER="work.handler"),
    ):
        assert api.invoke({"text": "hello"}).body == {"text": "hello"}


def test_a_function_receives_the_signal_at_shutdown(started):
    with (
        RuntimeApi() as api,
        started("work.handler", AWS_LAMBDA_RUNTIME_API=api.address) as process,
    ):
        api.invoke({"text": "hello"})
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=300) == -signal.SIGTERM


def test_the_emulator_is_used_without_a_runtime_api(run, tmp_path):
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


def test_a_missing_emulator_is_an_error(run):
    result = run("work.handler", AWS_EXECUTION_ENV="AWS_Lambda_Image")

    assert result.returncode == 2
    assert "AWS_LAMBDA_RUNTIME_API is not set" in result.stderr
    assert "aws-lambda-rie" in result.stderr


def test_a_missing_handler_is_an_error(run):
    result = run(AWS_LAMBDA_RUNTIME_API="127.0.0.1:1")

    assert result.returncode == 2
    assert "no handler" in result.stderr


@pytest.fixture
def environment(shared_folder):
    """The virtual environment that the build step of the image creates, once in a run."""
    path = f"{Path(find_uv_bin()).parent}:{os.environ['PATH']}"
    return made_once(
        shared_folder / "image",
        lambda folder: subprocess.run(
            [str(CONTAINER / "install.sh"), "notifications", str(folder)],
            check=True,
            env={**os.environ, "PATH": path},
        ),
    )


def test_the_build_step_installs_only_the_package_and_its_dependencies(environment, run):
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


def test_the_build_step_installs_pinned_versions(environment):
    files = [ROOT / "packages" / "notifications" / "constraints.txt", CONTAINER / "runtime.txt"]
    pins = {}
    for file in files:
        pins |= read_pins(file.read_text())
    (site_packages,) = (environment / "lib").glob("python*/site-packages")
    installed = [
        (canonicalize_name(one.name), one.version)
        for one in distributions(path=[str(site_packages)])
        if not one.name.startswith("aibs-informatics-")
    ]

    assert {"awslambdaric", "pydantic"} <= {name for name, _ in installed}
    for name, version in installed:
        assert any(pin.hashes and version in pin.requirement.specifier for pin in pins[name]), name


def test_a_hash_mismatch_stops_the_build_step(tmp_path, run_command):
    for folder in ("container", "libs", "packages"):
        ignored = shutil.ignore_patterns(".*", "__pycache__", "dist", "tests")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    runtime = tmp_path / "container" / "runtime.txt"
    runtime.write_text(re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", runtime.read_text()))

    result = run_command(
        str(tmp_path / "container" / "install.sh"),
        "notifications",
        str(tmp_path / "environment"),
        PATH=f"{Path(find_uv_bin()).parent}:{os.environ['PATH']}",
    )

    assert result.returncode != 0
    assert "Hash mismatch" in result.stderr


@pytest.mark.parametrize("name", ["build.txt", "runtime.txt", "uv.txt"])
def test_every_tool_of_the_image_is_pinned_with_hashes(name):
    pins = read_pins((CONTAINER / name).read_text())

    assert pins
    assert all(pin.hashes for versions in pins.values() for pin in versions)
    assert (
        "--require-hashes -r /sources/container/uv.txt" in (CONTAINER / "Dockerfile").read_text()
    )


def test_a_function_of_the_image_starts(environment, started):
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


def test_an_error_for_an_unknown_package_lists_the_packages(run_command, tmp_path):
    result = run_command(str(CONTAINER / "install.sh"), "no-such", str(tmp_path / "x"))

    assert result.returncode == 2
    assert "unknown package no-such" in result.stderr
    assert "data-sync" in result.stderr
    assert not (tmp_path / "x").exists()


def test_the_dockerfile_copies_existing_files_and_starts_the_entry_point_without_a_shell():
    text = (CONTAINER / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?:--chmod=\S+ )?((?!--from)\S+) \S+$", text, re.MULTILINE)

    assert copied
    assert [path for path in copied if not (ROOT / path).exists()] == []
    # A shell would not pass arguments and signals on.
    assert re.search(r'^ENTRYPOINT \["/opt/entrypoint.sh"\]$', text, re.MULTILINE)


def test_the_job_definition_is_valid(aws):
    definition = json.loads((CONTAINER / "job-definition.json").read_text())

    batch = aws.client("batch")
    registered = batch.register_job_definition(**definition)

    assert registered["jobDefinitionName"] == "data-sync"
    container = definition["containerProperties"]
    used = re.findall(r"Ref::(\w+)", " ".join(container["command"]))
    assert set(used) == set(definition["parameters"])
