"""The examples in Markdown files: commands with their output, modules, and documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^ *```([\w-]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NAMED_DOCUMENT = re.compile(r"`([\w-]+\.json)`[^`\n]*:\n\n```json\n(.*?)^```$", re.M | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A command of a README, and what it prints there."""

    command: str
    output: str


def examples_of(readme: Path, programs: tuple[str, ...]) -> list[Example]:
    """Return the runs of programs that a README shows with output, in order."""
    found = [
        example
        for language, block in _BLOCK.findall(readme.read_text())
        if language == "console"
        for example in _steps(block)
    ]
    return [example for example in found if example.command.startswith(programs)]


def sessions_of(readme: Path) -> list[Example]:
    """Return the blocks of commands of a file, each as one script with all that it prints."""
    return [
        Example("\n".join(step.command for step in steps), "".join(step.output for step in steps))
        for language, block in _BLOCK.findall(readme.read_text())
        if language == "console"
        for steps in [list(_steps(block))]
    ]


def _steps(block: str) -> Iterator[Example]:
    """Yield the commands of a block, whose further lines are indented or end the quotes."""
    for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = step.replace("\\\n", " ").partition("\n")
        while command.count("'") % 2 and output:
            line, _, output = output.partition("\n")
            command += f"\n{line}"
        yield Example(command, output)


def blocks_of(readme: Path) -> list[tuple[str, str]]:
    """Return the language and the text of all blocks of a file."""
    return _ANY_BLOCK.findall(readme.read_text())


def modules_of(readme: Path) -> dict[str, str]:
    """Return the modules that a README shows, by the file name in their first line."""
    blocks = (
        text for language, text in _BLOCK.findall(readme.read_text()) if language == "python"
    )
    named = ((re.match(r"# (\w+\.py)\n", text), text) for text in blocks)
    return {match[1]: text for match, text in named if match}


def documents_of(readme: Path) -> dict[str, str]:
    """Return the JSON documents that a README shows, by the file name in the line above them."""
    return dict(_NAMED_DOCUMENT.findall(readme.read_text()))
