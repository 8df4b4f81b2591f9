from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.storage.efs import EFSPath

ID = "fs-0123456789abcdef0"
HOST = f"{ID}.efs.us-west-2.amazonaws.com"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"efs://{ID}:/a/b", "/a/b"),
        (f"efs://{ID}/a/b", "/a/b"),
        (f"efs://{ID}:a/b", "/a/b"),
        (f"efs://{ID}", "/"),
        (f"efs://{ID}:", "/"),
        (f"efs://{ID}/", "/"),
        (f"efs://{HOST}:/a", "/a"),
        (f"efs://{HOST}/a", "/a"),
        (f"{ID}:/a", "/a"),
        (f"{ID}:a", "/a"),
        (f"{HOST}:/a", "/a"),
        (f"{ID}://a", "/a"),
    ],
)
def test_all_forms_are_accepted(text, path):
    efs_path = EFSPath(text)

    assert (efs_path, efs_path.file_system_id, str(efs_path.path)) == (text, ID, path)
    assert efs_path == EFSPath(f"{ID}:{path}")
    assert hash(efs_path) == hash(EFSPath(f"{ID}:{path}"))


@pytest.mark.parametrize(
    "text",
    [
        "efs://fs-1:/a",
        "efs://fsap-0123456789abcdef0:/a",
        f"efs://{ID.upper()}:/a",
        f"{ID}/a",
        "/a",
    ],
)
def test_other_text_is_refused(text):
    with pytest.raises(ValidationError, match="is not an EFS path"):
        EFSPath(text)


def test_different_paths_are_not_equal():
    assert EFSPath(f"{ID}:/a") != EFSPath(f"{ID}:/b")
    assert EFSPath(f"{ID}:/a") != EFSPath("fs-12345678:/a")


FILE = EFSPath("efs://fs-12345678:/a/b.txt")
FOLDER = EFSPath("fs-12345678:/a")
ROOT = EFSPath("fs-12345678:/")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (FOLDER / "c", "fs-12345678:/a/c"),
        (FOLDER / "/c", "fs-12345678:/a/c"),
        (FOLDER / Path("x/y"), "fs-12345678:/a/x/y"),
        (FOLDER / PurePosixPath("/x"), "fs-12345678:/a/x"),
        (FOLDER / FILE, "fs-12345678:/a/a/b.txt"),
        (FILE / "c", "fs-12345678:/a/b.txt/c"),
        (ROOT / "c", "fs-12345678:/c"),
        (FILE // "x", "fs-12345678:/x"),
        (FILE // Path("/x"), "fs-12345678:/x"),
        (FILE.parent, "fs-12345678:/a"),
        (ROOT.parent, "fs-12345678:/"),
        (FILE.with_suffix(".csv"), "fs-12345678:/a/b.csv"),
        (EFSPath.build("fs-12345678", "a"), "fs-12345678:/a"),
        (EFSPath.build(resource_id="fs-12345678", path=Path("/a")), "fs-12345678:/a"),
        (EFSPath.build("fs-12345678.efs.us-west-2.amazonaws.com", "/a"), "fs-12345678:/a"),
        (EFSPath.build("fs-12345678"), "fs-12345678:/"),
    ],
)
def test_operations_return_efs_paths(path, expected):
    assert isinstance(path, EFSPath)
    assert str(path) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (FILE.name, "b.txt"),
        (ROOT.name, ""),
        (FILE.suffix, ".txt"),
        (FILE.raw_path, "/a/b.txt"),
        (FILE.root, PurePosixPath("/")),
        (FOLDER.as_uri(), "efs://fs-12345678:/a"),
        (FOLDER.as_dns_uri("us-west-2"), "efs://fs-12345678.efs.us-west-2.amazonaws.com:/a"),
        (f"{FILE}", "efs://fs-12345678:/a/b.txt"),
        (json.dumps([FOLDER]), '["fs-12345678:/a"]'),
    ],
)
def test_parts_are_text(value, expected):
    assert value == expected


def test_a_path_equals_text_in_any_form():
    assert FILE == "fs-12345678:/a/b.txt"
    assert FILE == "efs://fs-12345678/a/b.txt"
    assert FILE != "fs-12345678:/a"
    assert FILE != "/a/b.txt"
    assert Path("/a/b.txt") != FILE
    assert "b.txt" in FILE


def test_a_path_is_found_by_the_form_without_scheme():
    assert {FILE: 1}["fs-12345678:/a/b.txt"] == 1
    assert {"fs-12345678:/a/b.txt": 1}[FILE] == 1
    assert len({FILE, EFSPath("fs-12345678:/a/b.txt")}) == 1


def test_only_text_and_paths_can_be_joined():
    with pytest.raises(TypeError):
        FILE / 5
    with pytest.raises(TypeError):
        FILE // 5


def test_a_file_system_must_be_given_by_id_or_dns_name():
    with pytest.raises(ValidationError, match="is not an EFS path"):
        EFSPath.build("main")
