"""Running other programs."""

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
    """Run a command to its end and keep what it printed.

    Args:
        command: Program and arguments.
        folder: Where it runs; here if not given.
        environment: All its environment variables; ours if not given.
        stdin: What it reads.

    Returns:
        Exit code and output; a failure is for the caller to judge.
    """
    return subprocess.run(  # noqa: S603 - an argument list of our own making, no shell
        command,
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
    )
