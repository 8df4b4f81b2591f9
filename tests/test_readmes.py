"""Examples in READMEs print the output that the READMEs show."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import pytest
from markdown_examples import examples_of, modules_of
from workspace import find_projects

ROOT = Path(__file__).parents[1]
# READMEs and the commands that they show with output. The tests of data-sync run its own.
READMES = {
    "README.md": ("handle-lambda-request", "data-sync"),
    "packages/data-sync/README.md": ("handle-lambda-request",),
}

# The sections of the README of a package that others look for, in their order.
SECTIONS = (
    "Install",
    "Example",
    "Request and response",
    "Workflows",
    "Environment variables",
    "IAM actions",
    "Limits",
)
PACKAGES = sorted([*ROOT.glob("libs/*/README.md"), *ROOT.glob("packages/*/README.md")])

# How long a sync took differs from run to run.
_DURATION = re.compile(r" in [\d.]+ s( \([\d.]+ \w+/s\))?")


@pytest.mark.parametrize("name", READMES)
def test_examples_print_the_output_in_the_readme(name, run_command, tmp_path, aws):
    readme = ROOT / name
    for bucket in ("bucket", "my-bucket"):
        aws.make_bucket(bucket)
    (tmp_path / "results").mkdir()
    for word in ("first", "second"):
        (tmp_path / "results" / word).write_text(word)
    for module, text in modules_of(readme).items():
        (tmp_path / module).write_text(text)
    examples = examples_of(readme, READMES[name])
    assert examples

    for example in examples:
        run = run_command("bash", "-c", f"{sysconfig.get_path('scripts')}/{example.command}")

        assert run.returncode == 0, run.stderr
        assert _DURATION.sub("", run.stdout) == _DURATION.sub("", example.output)


@pytest.mark.parametrize("readme", PACKAGES, ids=lambda path: path.parent.name)
def test_sections_of_a_package_are_in_one_order(readme):
    titles = re.findall(r"^## (.+)$", readme.read_text(), re.MULTILINE)

    assert titles[0] == "Install"
    found = [title for title in titles if title in SECTIONS]
    assert found == [title for title in SECTIONS if title in found]
    if find_projects(ROOT)[readme.parent.name].handlers:
        assert set(SECTIONS) - {"Workflows"} <= set(found)


def test_the_readme_of_the_root_comes_to_a_first_handler_in_order():
    text = (ROOT / "README.md").read_text()
    marks = ("# ", "It is for", "![", "## Install", "## First sync", "## First handler")

    places = [text.index(mark) for mark in marks]

    assert places == sorted(places)
