"""Run a process and capture its output."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def run(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command and wait for it.

    Args:
        command: Program and arguments.
        folder: Working directory; default: the current one.
        environment: Environment variables; default: those of this process.
        stdin: Standard input.

    Returns:
        Exit status and output. A failure does not raise; the caller checks the exit status.
    """
    return subprocess.run(  # noqa: S603 - a fixed argument list, no shell
        command,
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
    )
