"""The example of the README does what the README says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_prints_what_the_readme_shows(run_command):
    blocks = re.findall(r"```(\w*)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    [code] = [text for language, text in blocks if language == "python"]
    [shown] = [text for language, text in blocks if not language]

    result = run_command(sys.executable, "-c", code)

    assert (result.stdout, result.stderr) == (shown, "")
