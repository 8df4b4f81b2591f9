"""The examples in Markdown files: commands with their output, and modules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


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
