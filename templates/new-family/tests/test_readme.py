from __future__ import annotations

import re
import sysconfig
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()
PROGRAM = "handle-lambda-request"


def test_the_example_works_as_shown(aws, run_command):
    aws.put(aws.make_bucket("bucket"), "poem.txt", "The quick brown fox sleeps")
    ((command, output),) = re.findall(rf"^\$ ({PROGRAM}.*?[^\\]\n)(.*?)^```", README, re.M | re.S)
    program = str(Path(sysconfig.get_path("scripts"), PROGRAM))

    result = run_command("bash", "-c", command.replace(PROGRAM, program))

    assert result.returncode == 0, result.stderr
    assert result.stdout == output
