from __future__ import annotations

import importlib.util
import marshal
import os
import subprocess
import sys

import pytest
from hatch_lambda.bytecode import bytecode_path, find_interpreter
from hatch_lambda.errors import LambdaBuildError


def make_executable(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def make_python(path, version):
    tag = "cpython-" + "".join(version.split(".")[:2])
    return make_executable(path, f"echo {tag} {version} final")


def test_bytecode_is_used_without_checking_its_source(workspace, build, tmp_path):
    task = build(workspace.add("packages/app")).unpack(tmp_path / "task")
    (task / "app" / "__init__.py").write_text("raise SystemExit('compiled anew')\n")

    result = subprocess.run(
        [sys.executable, "-c", "import app; print(app.NAME)"],
        env={"PYTHONPATH": str(task)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout == "app\n"


def test_bytecode_is_unchecked_and_has_paths_in_the_task_root(workspace, build, tmp_path, runtime):
    task = build(workspace.add("packages/app")).unpack(tmp_path / "task")
    content = (
        task / bytecode_path("app/__init__.py", runtime.removeprefix("python"))
    ).read_bytes()

    assert content[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(content[4:8], "little") == 0b01
    assert marshal.loads(content[16:]).co_filename == "/var/task/app/__init__.py"


@pytest.mark.parametrize(("option", "kept"), [("", False), ("debug-ranges = true", True)])
def test_bytecode_has_line_numbers_and_column_numbers_on_request(
    workspace, build, tmp_path, runtime, option, kept
):
    files = {"app.py": "def fail():\n    return 1 + 1 / 0\n"}
    built = build(workspace.add("packages/app", files=files, options=option))
    task = built.unpack(tmp_path / "task")
    place = task / bytecode_path("app.py", runtime.removeprefix("python"))

    code = marshal.loads(place.read_bytes()[16:]).co_consts[0]

    lines, _, columns, _ = zip(*code.co_positions(), strict=True)
    assert 2 in lines
    assert any(columns) is kept
    assert built.facts["bytecode:debug-ranges"] == str(kept).lower()


def test_every_module_has_source_and_bytecode(workspace, wheelhouse, build, runtime):
    wheelhouse.add("helper")
    built = build(workspace.add("packages/app", dependencies=("helper",)))
    modules = [name for name in built.names if name.endswith(".py")]

    compiled = {name for name in built.names if name.endswith(".pyc")}

    assert modules == ["app/__init__.py", "helper/__init__.py"]
    assert compiled == {bytecode_path(name, runtime.removeprefix("python")) for name in modules}
    assert built.facts["bytecode"] == "unchecked-hash"
    assert built.facts["bytecode:interpreter"].startswith("CPython 3.")


def test_bytecode_can_be_disabled(workspace, build):
    built = build(workspace.add("packages/app", options="bytecode = false"))

    assert not [name for name in built.names if name.endswith(".pyc")]
    assert built.facts["bytecode"] == "none"
    assert "bytecode:fallback" not in built.facts


def test_an_invalid_module_is_kept_as_source_with_a_warning(workspace, wheelhouse, build, capsys):
    wheelhouse.add("helper", files={"helper/template.py": "def {{ name }}():\n"})
    built = build(workspace.add("packages/app", dependencies=("helper",)))

    assert "helper/template.py" in built.names
    assert not [name for name in built.names if "template.cpython" in name]
    assert ": helper/template.py" in capsys.readouterr().err


@pytest.mark.usefixtures("no_other_python")
def test_a_missing_interpreter_stops_the_build(workspace, refusal, other_runtime):
    message = refusal(workspace.add("packages/app"), f"{other_runtime}-arm64")

    version = other_runtime.removeprefix("python")
    assert f"`uv python install {version}`" in message
    assert "HATCH_LAMBDA_PYTHON" in message


@pytest.mark.usefixtures("no_other_python")
def test_auto_builds_without_bytecode_if_the_interpreter_is_missing(
    workspace, build, other_runtime
):
    app = workspace.add("packages/app", options='bytecode = "auto"')

    built = build(app, f"{other_runtime}-arm64")

    assert not [name for name in built.names if name.endswith(".pyc")]
    assert built.facts["bytecode"] == "none"
    assert "was not found" in built.facts["bytecode:fallback"]


def test_auto_compiles_if_the_interpreter_exists(workspace, build):
    built = build(workspace.add("packages/app", options='bytecode = "auto"'))

    assert built.facts["bytecode"] == "unchecked-hash"


def test_a_configured_interpreter_of_another_version_is_rejected(
    workspace, refusal, other_runtime, monkeypatch
):
    monkeypatch.setenv("HATCH_LAMBDA_PYTHON", sys.executable)

    message = refusal(workspace.add("packages/app"), f"{other_runtime}-arm64")

    assert f"`HATCH_LAMBDA_PYTHON` is {sys.executable!r}" in message


def test_the_running_interpreter_is_preferred():
    version = f"3.{sys.version_info.minor}"

    found = find_interpreter(version, None, {})

    assert found is not None
    assert found.path == sys.executable
    assert found.version == ".".join(map(str, sys.version_info[:3]))


def test_a_failing_shim_on_the_path_is_skipped(no_other_python, tmp_path):
    make_executable(tmp_path / "shims" / "python3.99", "echo not switched on >&2; exit 127")
    real = make_python(tmp_path / "real" / "python3.99", "3.99.4")
    environment = {"PATH": os.pathsep.join([str(tmp_path / "shims"), str(real.parent)])}

    found = find_interpreter("3.99", None, environment)

    assert found is not None
    assert (found.path, found.version) == (str(real), "3.99.4")


def test_the_newest_interpreter_of_pyenv_is_used(no_other_python, tmp_path):
    for version in ("3.99.2", "3.99.10", "3.98.11", "3.99-dev"):
        minor = version[:4]
        make_python(tmp_path / "versions" / version / "bin" / f"python{minor}", version)

    found = find_interpreter("3.99", None, {"PYENV_ROOT": str(tmp_path)})

    assert found is not None
    assert found.version == "3.99.10"


@pytest.mark.parametrize(
    "result",
    [
        "cpython-399 3.99.0 beta",
        "cpython-399t 3.99.1 final",
        "pypy399-pp80 3.99.1 final",
        "cpython-398 3.98.1 final",
        "",
    ],
)
def test_an_interpreter_with_incompatible_bytecode_is_rejected(tmp_path, result):
    odd = make_executable(tmp_path / "python", f"echo {result}")

    with pytest.raises(LambdaBuildError, match=r"released CPython 3\.99"):
        find_interpreter("3.99", str(odd), {})
