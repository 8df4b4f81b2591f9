"""A move from one mount of a file system to another one: a file is not removed as its own copy."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local.files import is_seen_twice
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from tables import table


@pytest.fixture
def mounted_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in ``dst`` has another device number."""
    look = os.stat

    def look_at(path, **options):
        found = look(path, **options)
        if not (isinstance(path, str) and path.startswith(f"{tmp_path}/dst")):
            return found
        fields = {name: getattr(found, name) for name in dir(found) if name.startswith("st_")}
        return SimpleNamespace(**{**fields, "st_dev": found.st_dev + 1})

    monkeypatch.setattr(os, "stat", look_at)


def move(folder: Path, **options):
    request = DataSyncRequest(
        source_path=folder / "src",
        destination_path=folder / "dst",
        retain_source_data=False,
        delete=False,
        **options,
    )
    return Engine().sync(request).result


@pytest.fixture
def one_file(tmp_path: Path) -> Path:
    """A file that is at the source and at its target."""
    for name in ("src", "dst"):
        (tmp_path / name).mkdir()
    (tmp_path / "src/a").write_bytes(b"content")
    (tmp_path / "dst/a").hardlink_to(tmp_path / "src/a")
    return tmp_path


@pytest.mark.parametrize("options", [{}, {"size_only": True}, {"preserve": True}, {"force": True}])
def test_file_that_is_its_own_target_stays(mounted_twice, one_file, options):
    with pytest.raises(ValueError, match="dst/a are the same file, by two mounts"):
        move(one_file, **options)
    assert (one_file / "src/a").read_bytes() == b"content"


def test_copies_on_another_file_system_are_no_reason_to_stop(mounted_twice, tmp_path):
    for name in ("src", "dst"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_bytes(b"content")
    assert move(tmp_path).files_removed == 1
    assert (tmp_path / "dst/a").read_bytes() == b"content"


def test_file_is_copied_from_mount_to_mount_if_it_stays(mounted_twice, one_file):
    request = DataSyncRequest(source_path=one_file / "src", destination_path=one_file / "dst")
    assert Engine().sync(request).result.files_unchanged == 1


FILE = {"st_dev": 1, "st_ino": 2, "st_size": 3, "st_mtime_ns": 4, "st_ctime_ns": 5}


@table(
    "changes, is_one",
    {
        "another mount": ({"st_dev": 9}, True),
        "a hard link": ({}, False),
        "another file": ({"st_dev": 9, "st_ino": 9}, False),
        "another size": ({"st_dev": 9, "st_size": 9}, False),
        "another time": ({"st_dev": 9, "st_mtime_ns": 9}, False),
        "a copy with its time": ({"st_dev": 9, "st_ctime_ns": 9}, False),
    },
)
def test_one_file_by_two_mounts(monkeypatch: pytest.MonkeyPatch, changes, is_one):
    found = {"one": SimpleNamespace(**FILE), "other": SimpleNamespace(**{**FILE, **changes})}
    monkeypatch.setattr(os, "stat", found.__getitem__)
    assert is_seen_twice("one", "other") is is_one
