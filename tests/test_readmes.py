"""The examples in the READMEs give what the READMEs say."""

from __future__ import annotations

import re
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READMES = [ROOT / "README.md", ROOT / "packages" / "data-sync" / "README.md"]

_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROGRAM = "handle-lambda-request"


@dataclass(frozen=True)
class Example:
    """A command of a README, and what it prints there."""

    command: str
    output: str


def examples_of(readme: Path) -> list[Example]:
    """Return the runs of the command line that a README shows, in order."""
    found = []
    for language, block in _BLOCK.findall(readme.read_text()):
        if language == "console":
            for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = step.replace("\\\n", " ").partition("\n")
                found.append(Example(command, output))
    return [example for example in found if example.command.startswith(_PROGRAM)]


def modules_of(readme: Path) -> dict[str, str]:
    """Return the modules that a README shows, by the file name in their first line."""
    blocks = (
        text for language, text in _BLOCK.findall(readme.read_text()) if language == "python"
    )
    named = ((re.match(r"# (\w+\.py)\n", text), text) for text in blocks)
    return {match[1]: text for match, text in named if match}


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_give_what_the_readme_says(readme, run_command, tmp_path, aws):
    aws.make_bucket("bucket")
    for name, text in modules_of(readme).items():
        (tmp_path / name).write_text(text)
    examples = examples_of(readme)
    assert examples

    for example in examples:
        program = Path(sysconfig.get_path("scripts"), _PROGRAM)
        run = run_command("bash", "-c", example.command.replace(_PROGRAM, str(program), 1))

        assert run.returncode == 0, run.stderr
        assert run.stdout == example.output
