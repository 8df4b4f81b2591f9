from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.store_formats import MAX_BYTES
from aibs_informatics_aws_lambda.handlers.data_sync.store_metadata import (
    ChunkGrid,
    DamagedError,
    NotCheckedError,
    TableChange,
    read_delta_commit,
    read_n5,
    read_parquet_metadata,
    read_zarr_2,
    read_zarr_3,
)
from tables import table

ARRAY_2 = {"zarr_format": 2, "shape": [5, 4], "chunks": [2, 2]}
ARRAY_3 = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [5, 4],
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 2]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
}


def encoded(name: str, **configuration: str) -> dict[str, Any]:
    encoding = {"name": name, "configuration": configuration}
    return {**ARRAY_3, "chunk_key_encoding": encoding}


@table(
    "read, document, grid",
    {
        "Zarr 2": (read_zarr_2, ARRAY_2, ChunkGrid((3, 2), "", ".", "0")),
        "Zarr 2, nested": (
            read_zarr_2,
            {**ARRAY_2, "dimension_separator": "/"},
            ChunkGrid((3, 2), "", "/", "0"),
        ),
        "Zarr 2, no values": (
            read_zarr_2,
            {**ARRAY_2, "shape": [0, 4]},
            ChunkGrid((0, 2), "", ".", "0"),
        ),
        "Zarr 3": (read_zarr_3, ARRAY_3, ChunkGrid((3, 2), "c/", "/", "c")),
        "Zarr 3, dots": (
            read_zarr_3,
            encoded("default", separator="."),
            ChunkGrid((3, 2), "c.", ".", "c"),
        ),
        "Zarr 3, an encoding by its name": (
            read_zarr_3,
            {**ARRAY_3, "chunk_key_encoding": "default"},
            ChunkGrid((3, 2), "c/", "/", "c"),
        ),
        "Zarr 3, keys of version 2": (
            read_zarr_3,
            encoded("v2"),
            ChunkGrid((3, 2), "", ".", "0"),
        ),
        "Zarr 3, a group": (read_zarr_3, {"zarr_format": 3, "node_type": "group"}, None),
        "N5": (
            read_n5,
            {"dimensions": [5, 4], "blockSize": [2, 2]},
            ChunkGrid((3, 2), "", "/", ""),
        ),
        "N5, a group": (read_n5, {"n5": "2.5.1"}, None),
    },
)
def test_chunks_of_an_array(read, document, grid):
    assert read(json.dumps(document).encode()) == grid


@table(
    "read, document, fault",
    {
        "nothing": (read_zarr_2, "", "not valid JSON"),
        "a list": (read_zarr_2, "[]", "not a JSON object"),
        "half a document": (read_zarr_3, json.dumps(ARRAY_3)[:40], "not valid JSON"),
        "deeply nested": (read_zarr_3, "[" * 100_000, "not valid JSON"),
        "another version": (read_zarr_2, {**ARRAY_2, "zarr_format": 3}, "zarr_format is not 2"),
        "no chunks": (read_zarr_2, {"zarr_format": 2, "shape": [1]}, "chunks is not a list"),
        "a chunk of no size": (read_zarr_2, {**ARRAY_2, "chunks": [0, 1]}, "sizes from 1"),
        "a negative shape": (read_zarr_2, {**ARRAY_2, "shape": [-1, 1]}, "sizes from 0"),
        "a shape of words": (read_zarr_2, {**ARRAY_2, "shape": ["1", "1"]}, "sizes from 0"),
        "a shape of booleans": (read_zarr_2, {**ARRAY_2, "shape": [True, 1]}, "sizes from 0"),
        "a huge shape": (read_zarr_2, {**ARRAY_2, "shape": [2**63, 1]}, "sizes from 0"),
        "many dimensions": (read_zarr_2, {**ARRAY_2, "shape": [1] * 65}, "at most 64"),
        "other dimensions": (read_zarr_2, {**ARRAY_2, "shape": [1]}, "different lengths"),
        "another separator": (
            read_zarr_2,
            {**ARRAY_2, "dimension_separator": "-"},
            "neither / nor .",
        ),
        "no node": (read_zarr_3, {"zarr_format": 3}, "neither array nor group"),
        "no grid": (read_zarr_3, {**ARRAY_3, "chunk_grid": None}, "chunk_grid is missing"),
        "a grid without configuration": (
            read_zarr_3,
            {**ARRAY_3, "chunk_grid": {"name": "regular", "configuration": 1}},
            "configuration of chunk_grid",
        ),
        "N5 without blocks": (read_n5, {"dimensions": [1]}, "blockSize is not a list"),
    },
)
def test_damaged_metadata(read: Callable[[bytes], Any], document, fault):
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(DamagedError, match=fault):
        read(text.encode())


@table(
    "document, reason",
    {
        "another grid": (
            {**ARRAY_3, "chunk_grid": {"name": "rectilinear", "configuration": {}}},
            "chunk grid is 'rectilinear'",
        ),
        "another encoding": (encoded("hashed"), "chunk key encoding is 'hashed'"),
        "a large document": ({**ARRAY_3, "a": "x" * MAX_BYTES}, "more than 1048576 bytes"),
    },
)
def test_metadata_that_are_not_understood(document, reason):
    with pytest.raises(NotCheckedError, match=reason):
        read_zarr_3(json.dumps(document).encode())


@table(
    "prefix, separator, key, index",
    {
        "the first": ("c/", "/", "c/0/0", (0, 0)),
        "the last": ("c/", "/", "c/2/1", (2, 1)),
        "beyond the shape": ("c/", "/", "c/3/1", None),
        "too few numbers": ("c/", "/", "c/0", None),
        "too many numbers": ("c/", "/", "c/0/0/0", None),
        "metadata": ("c/", "/", "zarr.json", None),
        "a leading zero": ("", ".", "00.1", None),
        "a sign": ("", ".", "-0.1", None),
        "other digits": ("", ".", "\u0661.0", None),
        "a very long number": ("", ".", "9" * 5000 + ".0", None),
        "no number": ("", ".", ".0", None),
    },
)
def test_index_of_a_chunk(prefix, separator, key, index):
    assert ChunkGrid((3, 2), prefix, separator, "c").find(key) == index


def test_array_without_dimensions_has_one_chunk():
    grid = ChunkGrid((), "c/", "/", "c")
    assert (grid.length, grid.find("c"), grid.find("zarr.json")) == (1, (), None)


@table(
    "commit, changes",
    {
        "added and removed": (
            '{"add": {"path": "a%20b"}}\n{"remove": {"path": "c"}}\n\n',
            [("a b", True), ("c", False)],
        ),
        "other actions": ('{"protocol": {}}\n{"metaData": {}}', []),
        "files elsewhere": (
            '{"add": {"path": "s3://b/a"}}\n{"add": {"path": "/a"}}',
            [(None, True), (None, True)],
        ),
    },
)
def test_changes_of_a_commit(commit, changes):
    assert list(read_delta_commit(commit.encode())) == [TableChange(*each) for each in changes]


@table(
    "commit, fault",
    {
        "half a line": ('{"add": {"path": "a"}}\n{"ad', "line 2: it is not valid JSON"),
        "no path": ('{"add": {}}', "line 1: add has no path"),
        "no object": ('{"remove": "a"}', "line 1: remove has no path"),
    },
)
def test_damaged_commit(commit, fault):
    with pytest.raises(DamagedError, match=fault):
        list(read_delta_commit(commit.encode()))


def test_parquet_needs_a_library(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(NotCheckedError, match="install the extra `stores`"):
        list(read_parquet_metadata(b""))
