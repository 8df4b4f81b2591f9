from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.cli.store_lines import format_report
from aibs_informatics_aws_lambda.handlers.data_sync.cli.verify import run
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from tables import table

Files = Mapping[str, str]

GRID = {"name": "regular", "configuration": {"chunk_shape": [2]}}
ARRAY = json.dumps(
    {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [8],
        "chunk_grid": GRID,
        "chunk_key_encoding": {"name": "default"},
    }
)
GROUP = '{"zarr_format": 3, "node_type": "group"}'
ARRAY_2 = '{"zarr_format": 2, "shape": [8], "chunks": [2]}'


def log(number: int) -> str:
    return f"_delta_log/{number:020}.json"


def added(*paths: str) -> str:
    return "".join(json.dumps({"add": {"path": path}}) + "\n" for path in paths)


def removed(path: str) -> str:
    return json.dumps({"remove": {"path": path}}) + "\n"


@pytest.fixture
def verify(tmp_path):
    """Compare files on both sides, of which some are on one side only."""

    def run(both: Files, source: Files, target: Files, **fields: Any) -> tuple[Any, list[Any]]:
        for name, files in (("src", {**both, **source}), ("dst", {**both, **target})):
            (tmp_path / name).mkdir()
            for path, content in files.items():
                (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name / path).write_text(content)
        request = {
            "source_path": str(tmp_path / "src"),
            "destination_path": str(tmp_path / "dst"),
            "local_mirror": True,
            "verify": True,
            "stores": True,
            "report_path": str(tmp_path / "report.jsonl"),
            **fields,
        }
        result = Engine().sync(DataSyncRequest.from_dict(request)).result
        lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
        return result, [line for line in lines if line["action"] == "check"]

    return run


def told(check: Mapping[str, Any]) -> str:
    names = ("promised", "missing", "extra", "absent")
    return " ".join(str(check.get(name, 0)) for name in names)


@table(
    "both, source, target, expected",
    {
        "all chunks": ({"zarr.json": ARRAY, "c/0": "", "c/1": ""}, {}, {}, "4 0 0 2"),
        "no chunk at all": ({"zarr.json": ARRAY}, {}, {}, "4 0 0 4"),
        "a chunk of the source": ({"zarr.json": ARRAY}, {"c/3": ""}, {}, "4 1 0 3"),
        "a chunk of the destination": ({"zarr.json": ARRAY}, {}, {"c/3": ""}, "4 0 1 3"),
        "a chunk beyond the shape": ({"zarr.json": ARRAY}, {}, {"c/4": ""}, "4 0 0 4"),
        "metadata of the source count": (
            {"c/0": ""},
            {"zarr.json": ARRAY},
            {"zarr.json": ARRAY.replace("8", "2"), "c/1": ""},
            "4 0 1 2",
        ),
        "an array that is only at the destination": (
            {"a": ""},
            {},
            {".zarray": ARRAY_2, "0": ""},
            "4 0 1 3",
        ),
        "version 2": ({".zarray": ARRAY_2, "0": "", "1": ""}, {"2": ""}, {}, "4 1 0 1"),
        "N5": (
            {"attributes.json": '{"dimensions": [8], "blockSize": [2]}', "0": ""},
            {"1": ""},
            {},
            "4 1 0 2",
        ),
        "a table": (
            {log(0): added("a", "b"), log(1): removed("a") + added("c"), "b": "", "c": ""},
            {"a": ""},
            {},
            "2 0 0 0",
        ),
        "a file of a table": ({log(0): added("a", "b"), "b": ""}, {"a": ""}, {}, "2 1 0 0"),
        "a file of a partition": (
            {log(0): added("D%3D1/a"), log(1): added("b"), "b": ""},
            {"D=1/a": ""},
            {},
            "2 1 0 0",
        ),
        "a commit that is only at the destination": (
            {log(0): added("a"), "a": ""},
            {},
            {log(1): added("b"), "b": ""},
            "1 0 0 0",
        ),
        "a table that is only at the destination": (
            {"x": ""},
            {},
            {log(0): added("a"), "a": ""},
            "1 0 1 0",
        ),
    },
)
def test_promised_files(verify, both, source, target, expected):
    result, [check] = verify(both, source, target)
    assert told(check) == expected
    promised, missing, extra, _ = map(int, expected.split())
    found = result.verification
    assert (found.files_promised, found.promised_missing) == (promised, missing + extra)
    assert (found.metadata_damaged, result.damaged_metadata) == (0, None)


def test_each_array_of_a_group_is_checked(verify):
    both = {"zarr.json": GROUP, "a/zarr.json": ARRAY, "a-b/zarr.json": ARRAY, "a-b/c/0": ""}
    result, checks = verify(both, {"a/c/0": "", "a/c/1": ""}, {})
    assert [(Path(each["path"]).name, told(each)) for each in checks] == [
        ("a-b", "4 0 0 3"),
        ("a", "4 2 0 2"),
    ]
    assert checks[1]["examples"] == [
        "chunk (0,) is missing at the destination",
        "chunk (1,) is missing at the destination",
    ]
    assert result.store_count == 1


@table(
    "both, source, target, faults",
    {
        "metadata": (
            {"zarr.json": "{", "c/0": ""},
            {},
            {},
            ["src/zarr.json: it is not valid JSON"],
        ),
        "metadata of the destination": (
            {"c/0": ""},
            {"zarr.json": ARRAY},
            {"zarr.json": ""},
            ["dst/zarr.json: it is not valid JSON"],
        ),
        "metadata of a group": ({"zarr.json": "[]"}, {}, {}, ["src/zarr.json: it is not a JSON"]),
        "a commit": ({log(0): "{"}, {}, {}, ["src/_delta_log/"]),
        "commits that are missing": (
            {log(0): added("a"), log(2): added("b"), "a": "", "b": ""},
            {},
            {},
            ["src/_delta_log/00000000000000000002.json: commits before it are missing"],
        ),
        "files that a log names": (
            {log(0): added("a", "b"), "a": ""},
            {},
            {},
            ["b is named, but exists on neither side"],
        ),
    },
)
def test_damage_is_named(verify, both, source, target, faults):
    result, _ = verify(both, source, target)
    assert result.verification.metadata_damaged == len(faults)
    for found, fault in zip(result.damaged_metadata, faults, strict=True):
        assert fault in found


@table(
    "both, reason",
    {
        "a log that continues from a checkpoint": (
            {log(11): added("a"), "a": ""},
            "continues from a checkpoint",
        ),
        "files elsewhere": ({log(0): added("s3://b/a")}, "files outside of its folder"),
        "another chunk grid": (
            {"zarr.json": ARRAY.replace("regular", "other")},
            "its chunk grid is 'other'",
        ),
    },
)
def test_what_is_not_checked_is_said(verify, both, reason):
    result, [check] = verify(both, {}, {})
    assert reason in check["not_checked"]
    assert result.verification.metadata_damaged == 0


@pytest.mark.parametrize(
    "fields", [{"deadline": 1000}, {"filter_config": {"exclude": ["x"]}}, {"skip_archived": True}]
)
def test_part_of_a_comparison_is_not_checked(verify, fields):
    both = {log(0): added("a", "x"), "a": "", "x": ""}
    result, [check] = verify(both, {}, {}, **fields)
    assert "filters, a deadline or skipped files" in check["not_checked"]
    assert result.verification.files_promised is None


def test_formats_whose_metadata_are_not_read_say_so(verify, tmp_path):
    verify({"_versions/1.manifest": "", "data/a.lance": ""}, {}, {})
    [line] = (tmp_path / "report.jsonl").read_text().splitlines()
    assert json.loads(line)["notes"] == [
        "not checked: whether the files that the metadata of Lance name are there"
    ]


def test_command_names_promised_files_and_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("src", "dst"):
        (tmp_path / name / "x" / "c").mkdir(parents=True)
        (tmp_path / name / "x" / "zarr.json").write_text(ARRAY)
    assert run(["--stores", "src", "dst"]) == 0
    (tmp_path / "src" / "x" / "c" / "0").write_text("")
    assert run(["--stores", "src", "dst"]) == 4
    store, check, summary = capsys.readouterr().out.splitlines()[-3:]
    assert store == "store dst/x/ (Zarr 3, 2 files, 171 B): 1 missing at the destination, 1 equal"
    one_sided = "chunk (0,) is missing at the destination"
    assert check == f"check dst/x/: 1 of 4 promised files are on one side only: {one_sided}"
    assert "1 of 4 files that stores promise on one side only, 0 faults of metadata" in summary


def test_command_fails_by_damage_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("src", "dst"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".zarray").write_text("{")
    assert run(["--stores", "src", "dst"]) == 4
    assert "damaged src/.zarray: it is not valid JSON" in capsys.readouterr().out


def test_many_examples_are_counted():
    examples = [f"chunk ({number},) is missing at the source" for number in range(5)]
    line = {"action": "check", "path": "/x/", "promised": 9, "extra": 7, "examples": examples}
    [text] = format_report([json.dumps(line)])
    assert text.endswith("chunk (4,) is missing at the source; 2 more")
