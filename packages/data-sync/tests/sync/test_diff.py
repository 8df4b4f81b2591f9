from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import (
    DiffOptions,
    Pair,
    Step,
    decide,
    merge,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.resumption import Resumption
from tables import table

DEFAULT = DiffOptions()
FORCE = DiffOptions(force=True)
SIZE_ONLY = DiffOptions(size_only=True)
VERIFY = DiffOptions(verify=True)
DONE = DiffOptions(resumption=Resumption("a"))
NOT_DONE = DiffOptions(resumption=Resumption("Z"))
COMPARED = DiffOptions(resumption=Resumption("a", compared="a"))


def file(size: int = 1, modified: float = 100.0, kind="file") -> Entry:
    return Entry("a", size, modified, None, kind)


def an_object(etag: str = "e", size: int = 1, modified: float = 100.0) -> Entry:
    return Entry("a", size, modified, etag.replace(etag[0], etag[0] * 32, 1))


@table(
    "source, destination, options, action, reason",
    {
        "what is missing is transferred": (file(), None, DEFAULT, "transfer", "missing"),
        "a link at the target is no file": (
            file(),
            file(kind="symlink"),
            DEFAULT,
            "transfer",
            "missing",
        ),
        "a folder at the target is no file": (
            file(),
            file(kind="folder"),
            DEFAULT,
            "transfer",
            "missing",
        ),
        "what is missing is transferred by size alone": (
            file(),
            None,
            SIZE_ONLY,
            "transfer",
            "missing",
        ),
        "what is missing is missing to a verification": (
            file(),
            None,
            VERIFY,
            "transfer",
            "missing",
        ),
        "what was done and is gone is transferred again": (
            file(),
            None,
            DONE,
            "transfer",
            "missing",
        ),
        "force does not know what is missing if nothing was listed": (
            an_object(),
            None,
            FORCE._replace(is_listed=False),
            "transfer",
            "forced",
        ),
        "force knows what is missing from a listing": (
            an_object(),
            None,
            FORCE,
            "transfer",
            "missing",
        ),
        "what is there is transferred by force": (
            an_object(),
            an_object(),
            FORCE,
            "transfer",
            "forced",
        ),
        "force says so before the size does": (file(1), file(2), FORCE, "transfer", "forced"),
        "force does not transfer twice what an earlier call has done": (
            file(),
            file(modified=102),
            FORCE._replace(resumption=Resumption("a")),
            "keep",
            "",
        ),
        "force transfers what an earlier call has not come to": (
            file(),
            file(modified=101),
            FORCE._replace(resumption=Resumption("Z")),
            "transfer",
            "forced",
        ),
        "a larger source is transferred": (file(2), file(1), DEFAULT, "transfer", "size"),
        "a smaller source is transferred": (file(1), file(2), DEFAULT, "transfer", "size"),
        "another size is transferred by size alone": (
            file(2),
            file(1),
            SIZE_ONLY,
            "transfer",
            "size",
        ),
        "another size differs to a verification": (file(2), file(1), VERIFY, "transfer", "size"),
        "another size of what was done is transferred": (
            file(2),
            file(1),
            DONE,
            "transfer",
            "size",
        ),
        "a newer source is transferred": (
            file(modified=101),
            file(modified=100),
            DEFAULT,
            "transfer",
            "newer",
        ),
        "a newer source is transferred by size alone as well": (
            file(modified=101),
            file(modified=100),
            SIZE_ONLY,
            "transfer",
            "newer",
        ),
        "a newer object is transferred whatever its ETag": (
            an_object(modified=101),
            an_object(),
            DEFAULT,
            "transfer",
            "newer",
        ),
        "a newer source is compared by a verification": (
            file(modified=101),
            file(modified=100),
            VERIFY,
            "compare",
            "checksum",
        ),
        "a source that is newer by less than a second is not newer": (
            file(modified=100.9),
            file(modified=100.1),
            SIZE_ONLY,
            "keep",
            "",
        ),
        "a source that is newer across a second is newer": (
            file(modified=101.0),
            file(modified=100.9),
            SIZE_ONLY,
            "transfer",
            "newer",
        ),
        "a source from before 1970 may be older": (
            file(modified=-100.0),
            file(modified=-50.0),
            SIZE_ONLY,
            "keep",
            "",
        ),
        "an empty file is in sync": (file(0), file(0), DEFAULT, "keep", ""),
        "an empty file is in sync with an empty object": (
            file(0),
            an_object(size=0),
            DEFAULT,
            "keep",
            "",
        ),
        "an empty object is in sync whatever its ETag": (
            an_object("e", 0),
            an_object("f", 0),
            DEFAULT,
            "keep",
            "",
        ),
        "an empty file is equal to a verification": (file(0), file(0), VERIFY, "keep", ""),
        "a newer empty file is transferred": (
            file(0, 101),
            file(0, 100),
            DEFAULT,
            "transfer",
            "newer",
        ),
        "one size is in sync by size alone": (file(), file(), SIZE_ONLY, "keep", ""),
        "one size is in sync by size alone whatever the ETags": (
            an_object("e"),
            an_object("f"),
            SIZE_ONLY,
            "keep",
            "",
        ),
        "a verification compares what size alone would keep": (
            file(),
            file(),
            DiffOptions(size_only=True, verify=True),
            "compare",
            "checksum",
        ),
        "objects of one ETag are in sync": (an_object(), an_object(), DEFAULT, "keep", ""),
        "objects of one ETag are equal to a verification": (
            an_object(),
            an_object(),
            VERIFY,
            "keep",
            "",
        ),
        "objects of two ETags are compared": (
            an_object("e"),
            an_object("f"),
            DEFAULT,
            "compare",
            "checksum",
        ),
        "objects of two ETags are compared by a verification": (
            an_object("e"),
            an_object("f"),
            VERIFY,
            "compare",
            "checksum",
        ),
        "objects of two ETags are compared though they were done": (
            an_object("e"),
            an_object("f", modified=101),
            DONE,
            "compare",
            "checksum",
        ),
        "an object whose ETag is no digest is in sync by size and time": (
            an_object("e-N"),
            file(),
            DEFAULT,
            "keep",
            "",
        ),
        "a file is in sync with an object whose ETag is no digest by size and time": (
            file(),
            an_object("0x8D"),
            DEFAULT,
            "keep",
            "",
        ),
        "a verification compares an object whose ETag is no digest": (
            an_object("e-N"),
            file(),
            VERIFY,
            "compare",
            "checksum",
        ),
        "files of one size are compared": (file(), file(), DEFAULT, "compare", "checksum"),
        "a file is compared with an object": (
            file(),
            an_object(),
            DEFAULT,
            "compare",
            "checksum",
        ),
        "an object is compared with a file": (
            an_object(),
            file(),
            DEFAULT,
            "compare",
            "checksum",
        ),
        "what was done and is younger than the source is not read again": (
            file(),
            file(modified=102),
            DONE,
            "keep",
            "",
        ),
        "what was done and is a second younger may have changed since, where times are rounded": (
            file(),
            file(modified=101),
            DONE,
            "compare",
            "checksum",
        ),
        "what was done and is younger by less than clocks differ is compared": (
            file(),
            file(modified=1000),
            DONE._replace(clock_skew=900),
            "compare",
            "checksum",
        ),
        "what was done and is younger by more than clocks differ is not": (
            file(),
            file(modified=1001),
            DONE._replace(clock_skew=900),
            "keep",
            "",
        ),
        "what was compared once more is not read again": (file(), file(), COMPARED, "keep", ""),
        "what was compared once more and is older now is transferred": (
            file(modified=101),
            file(modified=100),
            COMPARED,
            "transfer",
            "newer",
        ),
        "what an earlier call has verified is not read again": (
            file(modified=200),
            file(modified=100),
            DONE._replace(verify=True),
            "keep",
            "",
        ),
        "what was done is not copied again for an ETag that the copy does not share": (
            an_object("e-2"),
            an_object("f", modified=200),
            DONE,
            "keep",
            "",
        ),
        "what was done within the same second is compared": (
            file(modified=100.1),
            file(modified=100.9),
            DONE,
            "compare",
            "checksum",
        ),
        "what was done and is older than the source is transferred": (
            file(modified=101),
            file(modified=100),
            DONE,
            "transfer",
            "newer",
        ),
        "what an earlier call has not come to is compared": (
            file(),
            file(modified=101),
            NOT_DONE,
            "compare",
            "checksum",
        ),
        "a younger file is compared where nothing was done before": (
            file(),
            file(modified=101),
            DEFAULT,
            "compare",
            "checksum",
        ),
    },
)
def test_decision(source, destination, options, action, reason):
    step = decide("a", source, destination, options)
    assert (step.action, step.reason) == (action, reason)
    assert (step.target, step.entry) == ("a", source)


UPDATE = DiffOptions(existing="update")
IGNORE = DiffOptions(existing="ignore", force=True)
IMMUTABLE = DiffOptions(existing="immutable")
MOVE = DiffOptions(existing="ignore", moves=True)


@table(
    "source, destination, options, action",
    {
        "update keeps what is newer": (file(size=1), file(size=2, modified=200.0), UPDATE, "keep"),
        "update replaces what is as old": (file(size=1), file(size=2), UPDATE, "transfer"),
        "update replaces what is older": (file(modified=300.0), file(), UPDATE, "transfer"),
        "ignore keeps everything": (file(size=1), file(size=2), IGNORE, "keep"),
        "ignore transfers what is missing": (file(), None, IGNORE, "transfer"),
        "a move compares what it may not replace": (file(), file(), MOVE, "compare"),
        "a move compares what it may not replace even if the size differs": (
            file(size=1),
            file(size=2),
            MOVE,
            "compare",
        ),
        "a move compares what is newer": (
            file(),
            file(modified=200.0),
            UPDATE._replace(moves=True),
            "compare",
        ),
        "a move keeps equal ETags": (an_object("e"), an_object("e"), MOVE, "keep"),
        "immutable compares": (file(modified=300.0), file(), IMMUTABLE, "compare"),
        "immutable keeps equal ETags": (an_object("e"), an_object("e"), IMMUTABLE, "keep"),
        "immutable reads objects of two ETags": (
            an_object("e"),
            an_object("f"),
            IMMUTABLE,
            "compare",
        ),
        "a newer file with the same content is no difference without times": (
            file(modified=300.0),
            file(),
            DiffOptions(ignore_times=True),
            "compare",
        ),
    },
)
def test_existing_files_may_stay(source, destination, options, action):
    assert decide("a", source, destination, options).action == action


def test_immutable_file_of_another_size_is_an_error():
    with pytest.raises(FileExistsError, match="'a' exists at the destination with another size"):
        decide("a", file(size=1), file(size=2), IMMUTABLE)


@table(
    "source, destination, options, etag",
    {
        "a comparison knows the ETag of the object at the target": (
            file(),
            an_object("e"),
            DEFAULT,
            "e",
        ),
        "a comparison with a file knows none": (an_object("e"), file(), DEFAULT, None),
        "a transfer over another object knows its ETag": (
            an_object("e"),
            an_object("f"),
            DEFAULT,
            "f",
        ),
        "an object in sync has the ETag of the one at the target": (
            an_object("e"),
            an_object("e"),
            DEFAULT,
            "e",
        ),
        "a transfer to nothing knows none": (an_object("e"), None, DEFAULT, None),
        "a forced transfer knows the ETag": (
            an_object("e"),
            an_object("f"),
            DiffOptions(force=True),
            "f",
        ),
    },
)
def test_etag_of_the_target(source, destination, options, etag):
    assert decide("a", source, destination, options).target_etag == (etag and etag * 32)


def test_target_may_differ_from_the_path_of_the_entry():
    entry = Entry("a//b", 1, 100.0)
    assert decide("a/b", entry, None, DEFAULT) == Step("transfer", "missing", "a/b", entry)


def test_rules_are_off_by_default():
    assert DiffOptions(False, False, False, None, 1) == DEFAULT


def entries(names: str) -> list[Entry]:
    return [Entry(name, 1, 100.0, "e") for name in names]


@table(
    "source, destination, actions",
    {
        "nothing and nothing is nothing": ("", "", ""),
        "all is missing in an empty destination": ("ab", "", "a:transfer b:transfer"),
        "all is extraneous to an empty source": ("", "ab", "a:extraneous b:extraneous"),
        "what both have is kept": ("ab", "ab", "a:keep b:keep"),
        "an extraneous entry comes first": ("b", "ab", "a:extraneous b:keep"),
        "an extraneous entry comes in between": ("ac", "abc", "a:keep b:extraneous c:keep"),
        "an extraneous entry comes last": ("a", "ab", "a:keep b:extraneous"),
        "several extraneous entries come in a row": (
            "ad",
            "abcde",
            "a:keep b:extraneous c:extraneous d:keep e:extraneous",
        ),
        "a missing entry comes first": ("ab", "b", "a:transfer b:keep"),
        "a missing entry comes in between": ("abc", "ac", "a:keep b:transfer c:keep"),
        "a missing entry comes last": ("ab", "a", "a:keep b:transfer"),
        "sides that share nothing alternate": (
            "ac",
            "bd",
            "a:transfer b:extraneous c:transfer d:extraneous",
        ),
        "order is that of the text, capitals first": ("Ba", "a", "B:transfer a:keep"),
    },
)
def test_both_sides_are_walked_at_once(source, destination, actions):
    pairs = [Pair(entry.relative, entry) for entry in entries(source)]
    steps = merge(pairs, entries(destination), DEFAULT)
    assert " ".join(f"{step.target}:{step.action}" for step in steps) == actions


def test_step_of_an_extraneous_entry_is_that_of_the_destination():
    [extraneous] = entries("a")
    assert list(merge([], [extraneous], DEFAULT)) == [Step("extraneous", "", "a", extraneous)]


def test_entries_that_are_not_selected_are_excluded_where_they_are_at_the_destination():
    source = [Pair(name, Entry(name, 9, 1.0)) for name in "abd"]
    options = DiffOptions(allows=lambda entry: entry.relative == "d")

    steps = merge(source, entries("bcd"), options)

    assert [(step.action, step.target) for step in steps] == [
        ("excluded", "b"),
        ("extraneous", "c"),
        ("transfer", "d"),
    ]


def test_merge_decides_by_the_rules():
    pairs = [Pair(entry.relative, entry) for entry in entries("a")]
    [step] = merge(pairs, entries("a"), FORCE)
    assert step.reason == "forced"


def test_merge_reads_no_further_than_it_has_to():
    def source():
        yield Pair("a", *entries("a"))
        raise AssertionError("read further")

    assert next(merge(source(), iter(entries("b")), DEFAULT)).target == "a"


@table(
    "target, action, reason",
    {
        "an entry file is done again, as data may have come later": (
            "z/.zarray",
            "transfer",
            "forced",
        ),
        "a file that was done is not forced again": ("z/0.0", "keep", ""),
    },
)
def test_entry_files_in_a_continued_sync(target, action, reason):
    options = DiffOptions(
        force=True,
        resumption=Resumption("zz"),
        is_entry_file=lambda target: target.endswith(".zarray"),
    )
    step = decide(target, file(), file(modified=200.0), options)
    assert (step.action, step.reason) == (action, reason)


@table(
    "source, destination, options, action",
    {
        "size is enough where asked for": (
            file(),
            file(),
            DiffOptions(existing="immutable", size_only=True),
            "keep",
        ),
        "an empty file is the same": (file(size=0), file(size=0), IMMUTABLE, "keep"),
        "an ETag is enough": (an_object("e"), an_object("e"), IMMUTABLE, "keep"),
        "another ETag is compared": (an_object("e"), an_object("f"), IMMUTABLE, "compare"),
        "a file without an ETag is compared": (file(), file(), IMMUTABLE, "compare"),
    },
)
def test_immutable_file_of_the_same_size(source, destination, options, action):
    assert decide("a", source, destination, options).action == action
