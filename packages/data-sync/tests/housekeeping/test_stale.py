from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry, Listing
from aibs_informatics_aws_lambda.handlers.data_sync.housekeeping.stale import (
    StalePolicy,
    find_stale,
)
from tables import table

NOW = 100.0


def tree(text: str) -> list[Entry]:
    """Files as ``path=modified``, or ``path=modified/size``."""
    entries = []
    for item in text.split():
        path, _, facts = item.partition("=")
        modified, _, size = facts.partition("/")
        entries.append(Entry(path, int(size or 1), float(modified)))
    return sorted(entries)


def stale(text: str, policy: StalePolicy) -> str:
    listing = Listing(None, tree(text), exists=True)
    return " ".join(node.relative or "." for node in find_stale(listing, policy))


OLD = StalePolicy(NOW)


@table(
    "files, policy, found",
    {
        "a folder that is old is stale as a whole": ("a=1 b/c=2", OLD, "."),
        "a folder with a young file is searched": ("a=1 b=101", OLD, "a"),
        "what was modified at the time itself is young": ("a=1 b=100", OLD, "a"),
        "nothing that is young is stale": ("a=101 b/c=101", OLD, ""),
        "the oldest comes first": ("a=3 b=1 c=2 d=101", OLD, "b c a"),
        "of one age the path decides": ("b=1 a=1 c=101", OLD, "a b"),
        "a folder is as old as its youngest file": ("a/x=1 a/y=9 b=5 c=101", OLD, "b a/"),
        "a folder below a depth is not stale as a whole": (
            "a/x=1 b=2",
            StalePolicy(NOW, min_depth=1),
            "a/ b",
        ),
        "no folder above the depth is": (
            "a/b/x=1 a/y=2",
            StalePolicy(NOW, min_depth=2),
            "a/b/ a/y",
        ),
        "the root is of depth 0": ("a=1", StalePolicy(NOW, min_depth=0), "."),
        "a file is stale at any depth": ("a=1 b=101", StalePolicy(NOW, min_depth=5), "a"),
        "a young folder at the depth is not searched": (
            "a/x=1 a/y=101 b=2",
            StalePolicy(NOW, max_depth=1),
            "b",
        ),
        "a young folder above the depth is searched": (
            "a/x=1 a/y=101 b=2",
            StalePolicy(NOW, max_depth=2),
            "a/x b",
        ),
        "a young root is searched only above depth 0": (
            "a=1 b=101",
            StalePolicy(NOW, max_depth=0),
            "",
        ),
        "an old folder at the depth is stale": (
            "a/x=1 b=101",
            StalePolicy(NOW, max_depth=1),
            "a/",
        ),
        "what is left is not less than the minimum, but for the last": (
            "a=1/4 b=0/3 c=2/5",
            StalePolicy(NOW, min_depth=1, min_size_bytes=8),
            "b a",
        ),
        "nothing is stale where no more is there than the minimum": (
            "a=1/4 b=2/4",
            StalePolicy(NOW, min_depth=1, min_size_bytes=8),
            "",
        ),
        "a byte more than the minimum takes the oldest": (
            "a=1/4 b=2/5",
            StalePolicy(NOW, min_depth=1, min_size_bytes=8),
            "a",
        ),
        "young files count for the minimum": (
            "a=1/4 b=101/9",
            StalePolicy(NOW, min_size_bytes=8),
            "a",
        ),
        "a whole root is taken, whatever is left": (
            "a=1/9",
            StalePolicy(NOW, min_size_bytes=8),
            ".",
        ),
        "nothing is nothing": ("", OLD, ""),
    },
)
def test_what_is_stale(files, policy, found):
    assert stale(files, policy) == found


@table(
    "modified, minimum, found",
    {
        "an old file is stale": (1.0, 0, [""]),
        "a young file is not": (101.0, 0, []),
        "a file of the minimum stays": (1.0, 4, []),
        "a file above the minimum is stale": (1.0, 3, [""]),
    },
)
def test_single_file(modified, minimum, found):
    listing = Listing(Entry("", 4, modified), (), exists=True)
    policy = StalePolicy(NOW, min_size_bytes=minimum)
    assert [node.relative for node in find_stale(listing, policy)] == found


def test_object_beside_what_is_below_its_key_counts():
    listing = Listing(Entry("", 4, 101.0), tree("a=1/4"), exists=True)
    assert [node.relative for node in find_stale(listing, StalePolicy(NOW))] == ["a"]


def test_object_that_has_the_name_of_a_folder_is_not_taken_for_it():
    assert stale("a/=1 a/x=101 b=101", OLD) == ""
