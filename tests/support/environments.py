"""Virtual environments for tests that need one of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from shared import made_once
from uv import find_uv_bin


def make_environment(folder: Path, *requirements: str) -> str:
    """Make a virtual environment of this Python's version, and return the path of its Python.

    Args:
        folder: where to make it.
        requirements: what to install, as pip takes them; modules are compiled.
    """
    python = str(folder / "bin" / "python")
    _run("venv", "--quiet", "--python", sys.executable, str(folder))
    # Without sources: `tool.uv` of a package would make its siblings editable.
    options = ("--quiet", "--compile-bytecode", "--no-sources", "--python", python)
    _run("pip", "install", *options, *requirements)
    return python


def runtime_environment(shared_folder: Path) -> str:
    """Return a Python with the packages of Lambda's runtime, installed once in a run of tests."""
    folder = made_once(
        shared_folder / "runtime",
        lambda folder: make_environment(folder, "boto3", "awslambdaric>=3"),
    )
    return str(folder / "bin" / "python")


def _run(*arguments: str) -> None:
    result = subprocess.run(
        [find_uv_bin(), *arguments], capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise RuntimeError(f"uv {' '.join(arguments)} failed:\n{result.stderr}")
