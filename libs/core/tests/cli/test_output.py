"""Text that is shown on terminals and in messages."""

from __future__ import annotations

import gc
import signal

import pytest
from aibs_informatics_aws_lambda.common.cli.output import escaped
from aibs_informatics_aws_lambda.common.cli.process import run_as_process
from tables import table


@table(
    "text, shown",
    {
        "letters of any language": ("é 猫", "é 猫"),
        "a line break makes no second line": ("a\nb\r", "a\\nb\\r"),
        "a tab has a width of its own": ("a\tb", "a\\tb"),
        "a control sequence": ("\x1b[31mred\x7f\x9b", "\\x1b[31mred\\x7f\\x9b"),
        "a byte that is not UTF-8": ("a\udcff", "a\\xff"),
        "a lone surrogate that is no byte": ("\ud800", "\\ud800"),
        "text that is written right to left": ("a\u202eb", "a\\u202eb"),
        "nothing": ("", ""),
    },
)
def test_characters_that_are_not_printable_are_escaped(text: str, shown: str):
    assert escaped(text) == shown


def test_error_of_a_command_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fail() -> int:
        raise FileNotFoundError("a\n\x1b[31mb: gone")

    # The process of the tests goes on.
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    assert run_as_process("program", fail, format_error=str) == 1
    assert capsys.readouterr().err.startswith("program: error: a\\n\\x1b[31mb: gone")
