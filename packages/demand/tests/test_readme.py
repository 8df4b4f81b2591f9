"""The example of the README gives what the README says."""

from __future__ import annotations

import json
import re
import sysconfig
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
PROGRAM = "handle-lambda-request"
FS_OF_README = "fs-0123456789abcdef0"


def holds(whole, part) -> bool:
    """Return whether a document has all that an excerpt of it shows."""
    if isinstance(part, dict):
        return all(key in whole and holds(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return whole == part


def test_the_example_gives_the_response_in_the_readme(usual, run_command, tmp_path):
    blocks = re.findall(r"```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    request, shown, _ = (text for language, text in blocks if language == "json")
    [commands] = [text for language, text in blocks if text.startswith("$ export ENV_BASE")]
    (tmp_path / "request.json").write_text(request)
    script = commands.replace("$ ", "").replace(
        PROGRAM, str(Path(sysconfig.get_path("scripts"), PROGRAM))
    )

    # The access points of the tests carry the tag of another environment.
    run = run_command("bash", "-ec", script.replace("=dev", "=dev-golden"))

    assert run.returncode == 0, run.stderr
    text = (tmp_path / "response.json").read_text()
    response = json.loads(text.replace(usual, FS_OF_README).replace("dev-golden", "dev"))
    assert holds(response, json.loads(shown))
