"""The entry point of the command: an interruption while it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

STARTED = """
import os, signal, sys

signal.signal(signal.SIGINT, {handler})


class Interruption:
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)


sys.meta_path.insert(0, Interruption)
from aibs_informatics_aws_lambda.data_sync_command import main
sys.argv[1:] = ["--version"]
sys.exit(main())
"""
PACKAGE = "aibs_informatics_aws_lambda.handlers.data_sync"


@pytest.mark.parametrize("module", [PACKAGE, f"{PACKAGE}.cli.main", "importlib.metadata"])
def test_interruption_while_the_command_starts_ends_it_silently(module: str):
    ended = _start("signal.default_int_handler", module)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_interruption_that_is_ignored_does_not_end_the_start():
    ended = _start("signal.SIG_IGN", PACKAGE)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("data-sync ")


def _start(handler: str, module: str) -> subprocess.CompletedProcess[str]:
    code = STARTED.format(handler=handler, module=module)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
