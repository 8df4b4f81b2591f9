from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import Pair, Step
from aibs_informatics_aws_lambda.handlers.data_sync.sync.key_paths import (
    FileFolderConflicts,
    NonCanonicalKeys,
    as_local_pairs,
    local_path_of,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.routes import Root
from tables import table

SOURCE = "s3://bucket/src/"


def entry(relative: str, size: int = 1, kind="file") -> Entry:
    return Entry(relative, size, 0.0, "etag", kind)


def transfer(relative: str) -> Step:
    return Step("transfer", "missing", relative, entry(relative))


def extraneous(relative: str, kind="file") -> Step:
    return Step("extraneous", "", relative, entry(relative, kind=kind))


@table(
    "key, path",
    {
        "a key is its own path": ("a/b", "a/b"),
        "two slashes are one": ("a//b", "a/b"),
        "a slash at the start is dropped": ("/a", "a"),
        "a part that is a dot is dropped": ("./a/./b", "a/b"),
        "two dots are part of a name": ("a/..b/c..", "a/..b/c.."),
        "three dots are a name": ("...", "..."),
        "a name of 255 bytes is short enough": ("x" * 255, "x" * 255),
        "a name of 255 bytes in fewer characters is short enough": (
            "x" + "é" * 127,
            "x" + "é" * 127,
        ),
        "a byte that is not UTF-8 is one byte": ("\udcff" * 255, "\udcff" * 255),
        "a path of short names may be long": ("x" * 200 + "/" + "y" * 200,) * 2,
        "parts of a long path are dropped as well": (
            "x" * 200 + "//" + "y" * 200,
            "x" * 200 + "/" + "y" * 200,
        ),
    },
)
def test_key_becomes_a_path(key, path):
    assert local_path_of(key, SOURCE) == path


@table(
    "key, message",
    {
        "the source itself is not a file": ("", "ends in a slash and is not empty"),
        "a key that ends in a slash is not a file": ("a/", "ends in a slash and is not empty"),
        "two dots at the start lead out": ("../a", "leave the destination through"),
        "two dots in the middle are refused": ("a/../b", "leave the destination through"),
        "two dots at the end are refused": ("a/..", "leave the destination through"),
        "a null character is refused": ("a\0b", "contains a null character"),
        "a dot is the folder itself": (".", "would be the folder that contains it"),
        "a dot at the end is the folder above": ("a/.", "would be the folder that contains it"),
        "a name of 256 bytes is too long": ("x" * 256, "more than 255 bytes"),
        "a name of 256 bytes in 128 characters is too long": ("é" * 128, "more than 255 bytes"),
        "a name of 256 bytes in 64 characters is too long": (
            "\U0001f600" * 64,
            "more than 255 bytes",
        ),
        "a long folder name is too long": ("a/" + "x" * 256 + "/b", "more than 255 bytes"),
    },
)
def test_key_that_cannot_be_a_local_file(key, message):
    with pytest.raises(ValueError, match=message):
        local_path_of(key, SOURCE)


def test_message_names_the_object():
    with pytest.raises(ValueError, match="'s3://bucket/src/a/'"):
        local_path_of("a/", SOURCE)


@table(
    "entries, pairs, others",
    {
        "keys that are paths are pairs, in order": (
            [entry("a"), entry("b/c")],
            ["a", "b/c"],
            [],
        ),
        "empty objects that stand for folders are left out": (
            [entry("", size=0), entry("a/", size=0), entry("a/b")],
            ["a/b"],
            [],
        ),
        "an empty object with a name is a file": ([entry("a", size=0)], ["a"], []),
        "keys that become other paths come apart": (
            [entry("a//b"), entry("c")],
            ["c"],
            ["a/b"],
        ),
    },
)
def test_objects_become_pairs(entries, pairs, others):
    non_canonical = NonCanonicalKeys()
    found = list(as_local_pairs(entries, SOURCE, non_canonical))
    assert [pair.target for pair in found] == pairs
    assert all(pair.target == pair.entry.relative for pair in found)
    assert [pair.target for pair in non_canonical] == others


def test_pair_of_a_non_canonical_key_keeps_its_entry():
    non_canonical = NonCanonicalKeys()
    list(as_local_pairs([entry("a//b")], SOURCE, non_canonical))
    assert list(non_canonical) == [Pair("a/b", entry("a//b"))]
    assert "a/b" in non_canonical
    assert "a//b" not in non_canonical


def test_key_that_cannot_be_a_file_is_refused_by_its_uri():
    with pytest.raises(ValueError, match=r"'s3://bucket/src/\.\./a'"):
        list(as_local_pairs([entry("../a")], SOURCE, NonCanonicalKeys()))


def test_keys_that_cannot_be_files_are_left_out_where_failures_are_collected():
    failed: list[str] = []
    found = as_local_pairs(
        [entry("../a"), entry("b"), entry("../c"), entry("d")],
        Root("bucket", "src/"),
        NonCanonicalKeys(),
        lambda name, error: failed.append(f"{name}: {error}"),
    )
    assert [pair.target for pair in found] == ["b", "d"]
    assert [line.partition(": ")[0] for line in failed] == [
        "s3://bucket/src/../a",
        "s3://bucket/src/../c",
    ]


def test_two_keys_cannot_become_one_path():
    non_canonical = NonCanonicalKeys()
    non_canonical.add(Pair("a/b", entry("a//b")))
    with pytest.raises(ValueError, match=r"'a//b' and 'a/\./b' cannot both be local files"):
        non_canonical.add(Pair("a/b", entry("a/./b")))


@table(
    "step, conflicts",
    {
        "the same path is a conflict": (transfer("a/b"), True),
        "a path below is a conflict": (transfer("a/b/c/d"), True),
        "a path above is a conflict": (transfer("a"), True),
        "a path beside is none": (transfer("a/c"), False),
        "a name that only begins the same is none": (transfer("a/bc"), False),
        "a shorter name is none": (transfer("a/"), False),
        "the entry itself is none": (Step("transfer", "missing", "a/b", entry("a//b")), False),
    },
)
def test_conflicts_with_a_non_canonical_key(step, conflicts):
    non_canonical = NonCanonicalKeys()
    non_canonical.add(Pair("a/b", entry("a//b")))
    if not conflicts:
        non_canonical.check(step)
        return
    with pytest.raises(ValueError, match=f"'a//b' and {step.entry.relative!r} cannot both be"):
        non_canonical.check(step)


def test_conflict_with_a_non_canonical_key_at_the_top():
    non_canonical = NonCanonicalKeys()
    non_canonical.add(Pair("a", entry("./a")))
    with pytest.raises(ValueError, match=r"'\./a' and 'a/b/c' cannot both be local files"):
        non_canonical.check(transfer("a/b/c"))


def test_non_canonical_keys_are_true_where_there_are_some():
    non_canonical = NonCanonicalKeys()
    assert not non_canonical
    non_canonical.add(Pair("a/b", entry("a//b")))
    assert non_canonical


def test_no_non_canonical_key_conflicts_with_nothing():
    NonCanonicalKeys().check(transfer("a"))


BOTH = "cannot both be local files"


@table(
    "steps, message",
    {
        "files beside each other are no conflict": ([transfer("a"), transfer("b")], None),
        "a name that only begins the same is no conflict": ([transfer("a"), transfer("ab")], None),
        "a file below a folder is no conflict": (
            [extraneous("a/", "folder"), transfer("a/b")],
            None,
        ),
        "a file is not a folder as well": ([transfer("a"), transfer("a/b")], f"'a/b' {BOTH}"),
        "a file is no folder far below": ([transfer("a"), transfer("a/b/c")], BOTH),
        "names that sort in between do not hide a conflict": (
            [transfer("a"), transfer("a-b"), transfer("a.b"), transfer("a/c")],
            f"'a' and 'a/c' {BOTH}",
        ),
        "what is past does not hide a conflict": (
            [transfer("a"), transfer("b"), transfer("b/c")],
            f"'b' and 'b/c' {BOTH}",
        ),
        "a file at the destination is in the way of a folder": (
            [extraneous("a"), transfer("a/b")],
            "dst/a is a file, and 'a/b' needs a folder",
        ),
        "a link at the destination is in the way of a folder": (
            [extraneous("a", "symlink"), transfer("a/b")],
            "dst/a is a symlink, and 'a/b' needs a folder",
        ),
        "a folder at the destination is in the way of a file": (
            [transfer("a"), extraneous("a/", "folder")],
            "dst/a is a folder, and a file does not replace a folder",
        ),
        "a file below a folder at the destination is in the way of a file": (
            [transfer("a"), extraneous("a/b")],
            "dst/a is a folder, and a file does not replace a folder",
        ),
    },
)
def test_files_that_would_have_to_be_folders(steps, message):
    conflicts = FileFolderConflicts("dst/")
    for step in steps[:-1]:
        conflicts.check(step)
    if message is None:
        conflicts.check(steps[-1])
        return
    with pytest.raises(ValueError, match=message):
        conflicts.check(steps[-1])
