"""Folders that are not divided, since they have too many small files."""

from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.flat_folders import FlatFolders
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.limits import BatchLimits
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.split import partition
from aibs_informatics_aws_lambda.handlers.data_sync.tree import Node
from tables import table

SMALL = 10
MOST = 2


def files(**sizes: int) -> list[Entry]:
    paths = {name.replace("_", "/"): size for name, size in sizes.items()}
    return [Entry(path, paths[path], 0.0) for path in sorted(paths)]


@table(
    "entries, parts, flat",
    {
        "small files are divided": (files(a=9, b=9), ["a", "b"], set()),
        "more than most are not": (files(a=9, b=9, c=9), [""], {""}),
        "large files are divided, however many": (
            files(a=10, b=10, c=10), ["a", "b", "c"], set(),
        ),
        "a flat folder is one part beside others": (
            files(a=20, d_1=9, d_2=9, d_3=9, e_1=9), ["a", "d/", "e/"], {"d/"},
        ),
        "large files of a flat folder are in its part": (
            files(d_1=9, d_2=9, d_3=9, d_4=50, e=20), ["d/", "e"], {"d/"},
        ),
        "a flat folder contains its subfolders": (
            files(d_1=9, d_2_1=30, d_3=9, d_4=9, e=20), ["d/", "e"], {"d/"},
        ),
        "files of subfolders do not count": (
            files(d_1_x=9, d_2=9, d_3_x=9, d_4=9), ["d/1/", "d/2", "d/3/", "d/4"], set(),
        ),
        "nor do those of folders beside it": (
            files(d_1=9, d_2=9, e_1=9, e_2=9), ["d/1", "d/2", "e/1", "e/2"], set(),
        ),
    },
)  # fmt: skip
def test_parts_with_flat_folders(entries, parts, flat):
    folders = FlatFolders(SMALL, MOST)
    found = partition(entries, BatchLimits(15), folders)
    assert [part.relative for part in found] == parts
    assert folders.paths == flat
    assert sum(part.object_count for part in found) == len(entries)
    assert sum(part.size_bytes for part in found) == sum(entry.size for entry in entries)


def test_files_of_a_flat_folder_are_not_kept():
    folders = FlatFolders(SMALL, MOST)
    kept = [folders.add(Node(f"d/{number}", 1, 1, 0.0, "entry")) for number in range(5)]
    assert kept == [True, True, False, False, False]


@table(
    "parts, covered",
    {
        "the root": ([""], True),
        "flat folders": (["d/", "e/"], True),
        "another folder among them": (["d/", "f/"], False),
    },
)
def test_parts_that_are_all_flat_folders(parts, covered):
    folders = FlatFolders(SMALL, MOST)
    folders.paths = {"", "d/", "e/"}
    assert folders.cover([Node(path, 1, 1, 0.0, "folder") for path in parts]) is covered
