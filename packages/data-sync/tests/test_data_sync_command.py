"""The entry point of the command: an interruption while it starts."""

from __future__ import annotations

import pytest
from interruptions import interrupt_start

ENTRY = "aibs_informatics_aws_lambda.data_sync_command"
PACKAGE = "aibs_informatics_aws_lambda.handlers.data_sync"


@pytest.mark.parametrize("module", [PACKAGE, f"{PACKAGE}.cli.main", f"{PACKAGE}.cli.messages"])
def test_interruption_while_the_command_starts_ends_it_silently(module: str):
    ended = interrupt_start(ENTRY, module)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_interruption_that_is_ignored_does_not_end_the_start():
    ended = interrupt_start(ENTRY, PACKAGE, "SIG_IGN")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("usage: data-sync ")
