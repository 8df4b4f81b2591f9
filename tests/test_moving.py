"""Every command of the migration guide works, and its tables are those of the product."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.cli.move_check import MOVED
from aibs_informatics_aws_lambda.common.description import describe
from environments import install, make_environment
from markdown_examples import examples_of, modules_of
from old_version import REQUIREMENT, shared_wheels
from uv import find_uv_bin
from workspace import find_projects

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "moving.md"
TEXT = GUIDE.read_text()
PROGRAMS = ("cat", "handle-lambda-request")
STATUSES = {"--check-move": 1, "--compat": 3}


def section(number: int) -> str:
    """The text of a numbered section of the guide."""
    return TEXT.partition(f"\n## {number}. ")[2].partition("\n## ")[0]


def rows_of(text: str) -> list[list[str]]:
    """The rows of the first table in a text, as the texts of their cells."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_examples_print_the_output_in_the_guide(run_command, tmp_path):
    for name, source in modules_of(GUIDE).items():
        (tmp_path / name).write_text(source)
    examples = examples_of(GUIDE, PROGRAMS)
    (request,) = [example for example in examples if example.command == "cat request.json"]
    (tmp_path / "request.json").write_text(request.output)
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"

    for example in examples:
        run = run_command("bash", "-c", example.command, PATH=path)

        expected = [status for option, status in STATUSES.items() if option in example.command]
        assert (run.stdout, run.returncode) == (example.output, *(expected or [0])), run.stderr
    assert len(examples) == 3


def test_permissions_in_the_guide_are_those_of_the_handlers():
    described = {
        handler.name: set(describe(handler.load()).get("iam_actions") or ())
        for handler in entry_points(group="aibs_informatics_aws_lambda.handlers")
    }
    rows = rows_of(section(5))

    assert len(rows) == 13
    for function, before, after in rows:
        actions = re.findall(r"`([\w-]+:\w+)`", before if after == "the same" else after)
        assert set(actions) <= described[function.strip("`")]
        assert actions or after == "none"


def test_the_table_of_import_paths_is_that_of_the_check():
    table = TEXT.partition("\n## Import paths\n")[2].partition("\n## ")[0]

    listed = {
        library: set(re.findall(r"`((?:common|storage|handlers)\.[\w.]+)`", now))
        for before, now in rows_of(table)
        for library in re.findall(r"`([\w.]+)`", before)
    }

    assert listed.keys() == MOVED.keys()
    for library, homes in MOVED.items():
        assert set(homes) <= listed[library], library


def test_variables_in_the_guide_are_read():
    names = re.findall(r"^\| `([A-Z_]+)` ", section(3), re.MULTILINE)
    sources = [
        path.read_text()
        for folder in ("libs", "packages")
        for path in ROOT.glob(f"{folder}/*/src/**/*.py")
    ]

    assert len(names) == 5
    for name in names:
        assert any(f'"{name}"' in source for source in sources) or name.startswith("POWERTOOLS")


BLOCKS = [
    (number, block)
    for number in range(1, 8)
    for block in re.findall(r"^```sh\n(.*?)^```$", section(number), re.MULTILINE | re.DOTALL)
]


def test_the_guide_has_shell_commands():
    assert [number for number, _ in BLOCKS] == [1, 2, 2, 2, 7, 7]


@pytest.mark.heavy
@pytest.mark.parametrize(("number", "block"), BLOCKS)
def test_shell_commands_work(number, block, shared_folder, tmp_path):
    wheels = shared_wheels(shared_folder, find_projects(ROOT).values())
    python = make_environment(tmp_path / "environment", REQUIREMENT, "pip")
    if number == 7:
        install(python, "--upgrade", "--find-links", str(wheels), "aibs-informatics-aws-lambda")
    (tmp_path / "dist").symlink_to(wheels)
    (tmp_path / "my_project").mkdir()
    (tmp_path / "my_project" / "__init__.py").write_text(
        "from aibs_informatics_aws_lambda.common.handler import LambdaHandler\n"
    )
    programs = f"{Path(python).parent}:{Path(find_uv_bin()).parent}:{os.environ['PATH']}"

    run = subprocess.run(
        ["bash", "-ec", block],
        cwd=tmp_path,
        env={**os.environ, "PATH": programs, "VIRTUAL_ENV": str(tmp_path / "environment")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr.strip()
    # Whatever is installed now can be imported.
    module = "aibs_informatics_aws_lambda.handlers.data_sync.operations"
    subprocess.run([python, "-c", f"import {module}"], cwd=tmp_path, check=True)
