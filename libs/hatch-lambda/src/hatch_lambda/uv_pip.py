"""Run `uv pip`, and explain its errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from uv import find_uv_bin

from .errors import LambdaBuildError
from .process import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

# Text in an error of uv, and the advice for it.
_ADVICE = (
    (
        "Hash mismatch",
        "The package index served a file that does not match the hash in the constraints or in "
        "the index itself. Find out why before you use it.",
    ),
    (
        "wheel",
        "Dependencies are installed from wheels only, because building from source would target "
        "this machine. Choose another version, runtime or architecture, or set UV_FIND_LINKS to a "
        "folder of wheels.",
    ),
    (
        "was not found in",
        "If it is an unpublished sibling, add it to `envs.default.workspace.members` of the hatch "
        "workspace. To use another package index, set UV_INDEX or UV_FIND_LINKS; the "
        "configuration of pip is not used.",
    ),
    (
        "Failed to fetch",
        "Check the connection to the package index, which UV_DEFAULT_INDEX and UV_INDEX set; the "
        "configuration of pip is not used.",
    ),
)
_GENERAL_ADVICE = "Change the conflicting version ranges, or the options of the target."


def run_uv(command: str, arguments: Sequence[str], subject: str) -> str:
    """Run `uv pip` with wheels only and without configuration files.

    Args:
        command: `compile` or `install`.
        arguments: Further arguments.
        subject: The project whose dependencies these are, for error messages.

    Returns:
        The output.

    Raises:
        LambdaBuildError: uv failed; the message includes advice.
    """
    common = (
        *("--python", sys.executable, "--only-binary", ":all:"),
        *("--no-config", "--no-sources", "--no-progress", "--quiet", "--color", "never"),
    )
    result = run([find_uv_bin(), "pip", command, *common, *arguments])
    if result.returncode:
        message = (
            f"uv cannot {'resolve' if command == 'compile' else 'install'} the dependencies of "
            f"{subject}:\n\n{result.stderr.strip()}\n\n{advice(result.stderr)}"
        )
        raise LambdaBuildError(message)
    return result.stdout


def advice(output: str) -> str:
    """Return advice for an error message of uv."""
    return next((advice for text, advice in _ADVICE if text in output), _GENERAL_ADVICE)


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """Write an input file of uv and return its path."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
