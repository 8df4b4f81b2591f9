"""An interruption while ``handle-lambda-request`` starts."""

from __future__ import annotations

import pytest
from interruptions import interrupt_start

ENTRY = "aibs_informatics_aws_lambda.main"
COMMAND = "aibs_informatics_aws_lambda.common.cli"


@pytest.mark.parametrize("module", [COMMAND, f"{COMMAND}.run"])
def test_interruption_while_the_command_starts_ends_it_silently(module: str):
    ended = interrupt_start(ENTRY, module)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_interruption_that_is_ignored_does_not_end_the_start():
    ended = interrupt_start(ENTRY, COMMAND, "SIG_IGN")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("usage: handle-lambda-request ")
