from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.data_sync.sync.resumption import Resumption, latest
from hypothesis import given, strategies as st
from tables import table

AHEAD = Resumption("c", "g", frozenset({"d", "f"}))


@table(
    "resumption, target, done",
    {
        "nothing is done at first": (Resumption(), "a", False),
        "the last target is done": (Resumption("b"), "b", True),
        "a target before it is done": (Resumption("b"), "a", True),
        "the target of a single object is done": (Resumption(""), "", True),
        "a target beyond is not": (Resumption("b"), "b/a", False),
        "a target that was started and finished is done": (AHEAD, "e", True),
        "the last one that was started is done if it was finished": (AHEAD, "g", True),
        "a target that was not finished is not done": (AHEAD, "f", False),
        "a target that was not started is not done": (AHEAD, "h", False),
        "a target can be done where the first one is not": (
            Resumption(None, "b", frozenset("a")),
            "b",
            True,
        ),
    },
)
def test_what_is_done(resumption, target, done):
    assert resumption.has_done(target) is done


@table(
    "before, reached, unfinished, after",
    {
        "a call that starts nothing changes nothing": (AHEAD, None, {}, AHEAD),
        "a call that finishes everything": (Resumption(), "c", {}, Resumption("c")),
        "a call whose first entry is not finished": (
            Resumption(),
            "c",
            {"a": None},
            Resumption(None, "c", frozenset("a")),
        ),
        "a call that leaves out two": (
            Resumption("b"),
            "h",
            {"d": "c", "f": "e"},
            Resumption("c", "h", frozenset("df"), "b"),
        ),
        "a call that ends before the first unfinished entry of another": (
            AHEAD,
            "b",
            {},
            AHEAD._replace(compared="b"),
        ),
        "a call that ends among those of another": (
            AHEAD,
            "e",
            {},
            Resumption("e", "g", frozenset("f"), "c"),
        ),
        "a call that finishes those of another": (AHEAD, "g", {}, Resumption("g", compared="c")),
        "a call that ends before the point that it resumed from": (
            Resumption("m"),
            "c",
            {"b": "a"},
            Resumption("m", compared="a"),
        ),
        "a call that compares the first entry in vain": (
            Resumption("m"),
            "c",
            {"a": None},
            Resumption("m"),
        ),
        "a call that goes on with comparisons": (
            Resumption("m", compared="f"),
            "k",
            {"h": "g"},
            Resumption("m", compared="g"),
        ),
        "comparisons do not go back": (
            Resumption("m", compared="f"),
            "c",
            {"b": "a"},
            Resumption("m", compared="f"),
        ),
        "what a call has transferred was not compared once more": (
            Resumption("b"),
            "z",
            {},
            Resumption("z", compared="b"),
        ),
    },
)
def test_point_after_a_call(before, reached, unfinished, after):
    assert before.after(reached, unfinished, {}) == after


def test_comparison_that_was_too_early_is_not_the_last_one():
    assert Resumption("m").after("z", {}, {"d": "c"}) == Resumption("z", compared="c")
    assert Resumption("m").after("z", {"b": "a"}, {"d": "c"}) == Resumption("z", compared="a")


@table(
    "one, other, later",
    {
        "none is later": (None, None, None),
        "a target is later than none": ("", None, ""),
        "none is not later than a target": (None, "", ""),
        "the greater one is later": ("a", "b", "b"),
    },
)
def test_later_target(one, other, later):
    assert latest(one, other) == later


@given(st.lists(st.tuples(st.integers(0, 12), st.sets(st.integers(0, 11))), max_size=6))
def test_calls_that_are_cut_anywhere_know_what_is_done(calls):
    targets = [f"t{number:02}" for number in range(12)]
    resumption, done, counted = Resumption(), set[str](), list[str]()
    for count, open_numbers in calls:
        started = targets[:count]
        previous = dict(zip(started, [None, *started], strict=False))
        unfinished = {target: previous[target] for target in started if target not in done}
        unfinished = {t: p for t, p in unfinished.items() if targets.index(t) in open_numbers}
        counted += [t for t in started if t not in unfinished and not resumption.has_done(t)]
        done.update(target for target in started if target not in unfinished)
        further = resumption.after(started[-1] if started else None, unfinished, {})
        assert (further.through or "") >= (resumption.through or "")
        assert (further.compared or "") >= (resumption.compared or "")
        resumption = further
        assert {target for target in targets if resumption.has_done(target)} == done
    assert sorted(counted) == sorted(done)
