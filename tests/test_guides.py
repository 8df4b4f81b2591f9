"""The commands of the guides print what the guides show, and all snippets can be read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import time
import tomllib
from pathlib import Path

import hcl2
import pytest
from cfnlint.decode import decode_str
from command_pages import commands
from markdown_examples import blocks_of, documents_of, modules_of, sessions_of

ROOT = Path(__file__).parents[1]
GUIDES = sorted([ROOT / "docs" / "quick-start.md", *(ROOT / "docs" / "guides").glob("*.md")])
GUIDES_WITH_SESSIONS = [path for path in GUIDES if sessions_of(path)]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "libs/*/*.md", "packages/*/*.md")
    for path in ROOT.glob(pattern)
)
# Blocks without a language show folders and output; queries of logs have tests of their own.
TEXT = {"", "text", "pycon", "sh-session", "mermaid", "diff", "sql"}

_OLD = time.time() - 40 * 24 * 3600
_DURATION = re.compile(r" in [\d.]+ s( \([\d.]+ \w+/s\))?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@pytest.fixture
def world(aws, tmp_path, monkeypatch) -> Path:
    """A folder and a bucket with the files that the guides speak of."""
    aws.make_bucket("my-bucket")
    aws.put("my-bucket", "poem.txt", "The quick brown fox sleeps")
    aws.client("sns").create_topic(Name="alerts")
    (tmp_path / "results").mkdir()
    for number in (1, 2, 3):
        (tmp_path / "results" / f"run-{number}.json").write_text("x" * 400)
        (tmp_path / "scratch" / f"run-{number}").mkdir(parents=True)
        (tmp_path / "scratch" / f"run-{number}" / "data.bin").write_bytes(bytes(1000 * number))
    for number in (1, 2):
        os.utime(tmp_path / "scratch" / f"run-{number}" / "data.bin", (_OLD, _OLD))
    scripts = sysconfig.get_path("scripts")
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.mark.parametrize("guide", GUIDES_WITH_SESSIONS, ids=lambda path: path.stem)
def test_commands_print_what_the_guide_shows(guide, world, run_command):
    if guide.stem == "quick-start":
        # It continues the first sync of the home page.
        for path in (world / "results").iterdir():
            path.unlink()
        for word in ("first", "second"):
            (world / "results" / word).write_text(word)
    for name, text in (modules_of(guide) | documents_of(guide)).items():
        (world / name).write_text(text)

    for session in sessions_of(guide):
        run = run_command("bash", "-c", session.command)

        assert run.returncode == 0 or "error:" in session.output, run.stderr
        printed = run.stdout.replace(str(world), "/home/ann")
        assert _without_times(printed) == _without_times(session.output)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_tests_of_the_guides_pass(guide, world, run_command):
    modules = modules_of(guide)
    for name, text in modules.items():
        (world / name).write_text(text)

    for name in modules:
        if name.startswith("test_"):
            run = run_command(sys.executable, "-m", "pytest", "-q", name)

            assert run.returncode == 0, run.stdout


def _without_times(text: str) -> str:
    return _DATE.sub("date", _DURATION.sub("", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_snippet_can_be_read(page):
    for language, text in blocks_of(page):
        match language:
            case "python" | "py":
                compile(text, str(page), "exec")
            case "json":
                # An included document is one of the repository; an excerpt leaves items out.
                assert text.startswith("--8<--") or json.loads(re.sub(r",\s+\.\.\.", "", text))
            case "yaml":
                assert not decode_str(text)[1]
            case "toml":
                assert tomllib.loads(text)
            case "terraform":
                assert hcl2.loads(text)
            case "sh" | "console":
                assert_is_valid_script(language, text)
            case _:
                assert language in TEXT


OPTIONS = {
    name: {option for action in parser._actions for option in action.option_strings}
    for parsers in commands().values()
    for name, parser in parsers.items()
}
OPTIONS["data-sync"] |= OPTIONS["data-sync cp"]


def assert_is_valid_script(language: str, text: str) -> None:
    """Check the syntax of a script, and that the options of our commands exist."""
    if language == "console":
        lines = re.findall(r"^\$ ((?:.*\\\n)*.*)$", text, re.MULTILINE)
        text = "\n".join(lines)
        if text.count("'") % 2:
            return  # A quoted document goes on below: tests run these.
    syntax = subprocess.run(
        ["bash", "-n"], input=text, text=True, capture_output=True, check=False
    )
    assert syntax.returncode == 0, syntax.stderr
    for command in re.split(r"[\n;|]|&&", re.sub(r"'[^']*'|\\\n", "", text)):
        words = command.split()
        if words and words[0] in commands():
            verb = " ".join(words[:2])
            allowed = OPTIONS.get(verb, OPTIONS[words[0]])
            used = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert used <= allowed, command
