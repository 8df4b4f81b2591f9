"""Fixtures that run the command as a process."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = str(Path(sys.executable).with_name("data-sync"))


@pytest.fixture
def script() -> str:
    """The path of data-sync."""
    return SCRIPT


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start data-sync, its output in pipes; killed at the end of the test."""
    processes = []

    def start(*arguments: str, **options) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen([SCRIPT, *arguments], cwd=tmp_path, text=True, **pipes)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@dataclass(frozen=True)
class Disk:
    """The folder that the command runs in.

    Args:
        root: where it is.
    """

    root: Path

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files, by their paths in the folder."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def read(self, name: str = ".") -> dict[str, str]:
        """Return the content of all files below a folder, by their paths in it."""
        folder = self.root / name
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_text() for path in files}

    def age(self, name: str, days: float) -> None:
        """Make a file look as if it had been modified so many days ago."""
        then = time.time() - days * 86400
        os.utime(self.root / name, (then, then))


@pytest.fixture
def disk(tmp_path) -> Disk:
    """The folder that the command runs in."""
    return Disk(tmp_path)


@dataclass
class Shown:
    """Output of a command on a terminal.

    Args:
        text: all that was written.
        status: the exit status.
    """

    text: str
    status: int


@pytest.fixture
def run_on_terminal(tmp_path) -> Callable[..., Shown]:
    """Run data-sync on a terminal of its own, on which ``typed`` is typed."""

    def run(*arguments: str, typed: str = "", **environment: str) -> Shown:
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, 160))
        process = subprocess.Popen(
            [SCRIPT, *arguments],
            cwd=tmp_path,
            env={**os.environ, "TERM": "xterm-256color", **environment},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        # Linux says EIO when the last process has closed the terminal.
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 65536):
                shown += chunk
        os.close(ours)
        return Shown(shown.decode(), process.wait(timeout=180))

    return run
