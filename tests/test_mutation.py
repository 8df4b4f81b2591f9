"""The list of mutants that live; the mutation run itself is `hatch run mutate`."""

from __future__ import annotations

import pytest
from mutate import Survivor, compare, main, read_configuration
from tables import table

CONFIGURATION = read_configuration()

ONE = Survivor("sync/diff", "decide", "if a < b:", "if a <= b:", "It is the same.")
OTHER = Survivor("sync/diff", "decide", "if a < b:", "if a >= b:")


@table(
    "found, known, problems",
    {
        "nothing lives, and nothing is listed": ([], [], []),
        "what lives is listed": ([ONE], [ONE], []),
        "a reason makes no difference": ([ONE], [ONE.without_reason()], []),
        "what lives is not listed": ([ONE], [], ["lives, and is not listed"]),
        "what is listed does not live": ([], [ONE], ["is listed, and does not live"]),
        "another change is another mutant": (
            [ONE],
            [OTHER],
            ["lives, and is not listed", "is listed, and does not live"],
        ),
        "of two that look alike both are listed": (
            [ONE, ONE],
            [ONE],
            ["lives, and is not listed"],
        ),
    },
)
def test_difference_to_the_list(found, known, problems):
    assert [problem.partition(":")[0] for problem in compare(found, known)] == problems


def test_unknown_module_is_named(capsys):
    with pytest.raises(SystemExit):
        main(["sync/dif"])

    assert "sync/dif is not a module of" in capsys.readouterr().err


def test_problem_shows_the_change():
    [problem] = compare([ONE], [])
    assert "sync/diff: decide" in problem
    assert "- if a < b:" in problem
    assert "+ if a <= b:" in problem


@pytest.mark.parametrize("module", CONFIGURATION.modules)
def test_module_has_a_table_test(module):
    assert CONFIGURATION.path_of(module).is_file()
    assert CONFIGURATION.test_of(module).is_file()


@pytest.mark.parametrize("survivor", CONFIGURATION.survivors, ids=lambda found: found.module)
def test_survivor_is_a_change_of_what_the_module_has(survivor):
    source = " ".join(CONFIGURATION.path_of(survivor.module).read_text().split())
    assert survivor.before in source
    assert survivor.reason
