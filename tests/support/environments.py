"""Virtual environments for tests that need one of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from shared import made_once
from uv import find_uv_bin


def make_environment(folder: Path, *requirements: str, version: str = sys.executable) -> str:
    """Make a virtual environment, and return the path of its Python.

    Args:
        folder: where to make it.
        requirements: what to install, as pip takes them; modules are compiled.
        version: the version or path of its Python; this one by default.
    """
    python = str(folder / "bin" / "python")
    _run("venv", "--quiet", "--allow-existing", "--python", version, str(folder))
    install(python, *requirements)
    return python


def install(python: str, *arguments: str) -> None:
    """Install in the environment of a Python; arguments are those of pip."""
    # Without sources: `tool.uv` of a package would make its siblings editable.
    options = ("--quiet", "--compile-bytecode", "--no-sources", "--python", python)
    _run("pip", "install", *options, *arguments)


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
