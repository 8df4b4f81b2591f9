"""Examples in READMEs print the output that the READMEs show."""

from __future__ import annotations

import re
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# READMEs and the commands that they show with output. The tests of data-sync run its own.
READMES = {
    "README.md": ("handle-lambda-request", "data-sync"),
    "packages/data-sync/README.md": ("handle-lambda-request",),
}

_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# How long a sync took differs from run to run.
_DURATION = re.compile(r" in [\d.]+ s( \([\d.]+ \w+/s\))?")


@dataclass(frozen=True)
class Example:
    """A command of a README, and what it prints there."""

    command: str
    output: str


def examples_of(readme: Path, programs: tuple[str, ...]) -> list[Example]:
    """Return the runs of programs that a README shows with output, in order."""
    found = []
    for language, block in _BLOCK.findall(readme.read_text()):
        if language == "console":
            for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = step.replace("\\\n", " ").partition("\n")
                found.append(Example(command, output))
    return [example for example in found if example.command.startswith(programs)]


def modules_of(readme: Path) -> dict[str, str]:
    """Return the modules that a README shows, by the file name in their first line."""
    blocks = (
        text for language, text in _BLOCK.findall(readme.read_text()) if language == "python"
    )
    named = ((re.match(r"# (\w+\.py)\n", text), text) for text in blocks)
    return {match[1]: text for match, text in named if match}


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
