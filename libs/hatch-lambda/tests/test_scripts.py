from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatch_lambda.scripts import make_portable

SCRIPTS = {
    "helper/__init__.py": "def main(): print('from an entry point')\n",
    "helper-1.0.data/scripts/generated": "#!python\nprint('from a script')\n",
    "helper-1.0.data/scripts/native": "\x7fELF, or so\n",
    "helper-1.0.dist-info/entry_points.txt": "[console_scripts]\nhelper = helper:main\n",
}


def test_scripts_of_dependencies_run_with_the_python_of_the_runtime(
    workspace, wheelhouse, build, tmp_path
):
    wheelhouse.add("helper", files=SCRIPTS)
    built = build(workspace.add("packages/app", dependencies=("helper",)))
    task = built.unpack(tmp_path / "task")
    python = tmp_path / "python"
    python.mkdir()
    (python / "python3").symlink_to(sys.executable)
    environment = {"PATH": f"{python}:{os.environ['PATH']}", "PYTHONPATH": str(task)}

    with zipfile.ZipFile(built.archive) as archive:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in archive.infolist()}
    for name, output in (("helper", "from an entry point"), ("generated", "from a script")):
        script = task / "bin" / name
        assert modes[f"bin/{name}"] == 0o755
        script.chmod(0o755)
        result = subprocess.run([script], env=environment, capture_output=True, text=True)
        assert result.stdout == f"{output}\n", result.stderr
    assert built.read("bin/native") == "\x7fELF, or so\n"


def test_entry_point_scripts_of_the_workspace_are_left_out(workspace, build):
    app = workspace.add("packages/app")
    with (app / "pyproject.toml").open("a") as file:
        file.write('[project.scripts]\napp = "app:NAME"\n')

    built = build(app)

    assert "bin/app" not in built.names
    assert [item["path"] for item in built.dropped if item["rule"] == "entry-point-scripts"] == [
        "bin/app"
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"#!{sys.executable}\nx\n", "#!/usr/bin/env python3\nx\n"),
        (f"#!{Path(sys.executable).parent}/python3\nx\n", "#!/usr/bin/env python3\nx\n"),
        (
            f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''\nx\n",
            "#!/usr/bin/env python3\nx\n",
        ),
        ("#!/bin/sh\nx\n", "#!/bin/sh\nx\n"),
        ("#!/usr/bin/perl\nx\n", "#!/usr/bin/perl\nx\n"),
        ("\x7fELF", "\x7fELF"),
    ],
)
def test_only_the_interpreter_of_this_machine_is_replaced(tmp_path, content, expected):
    script = tmp_path / "bin" / "tool"
    script.parent.mkdir()
    script.write_text(content)

    make_portable(tmp_path)

    assert script.read_text() == expected
