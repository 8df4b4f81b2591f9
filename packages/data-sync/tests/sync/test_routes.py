from __future__ import annotations

from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.local import mounts
from aibs_informatics_aws_lambda.handlers.data_sync.locations import find_root
from aibs_informatics_aws_lambda.handlers.data_sync.sync.routes import (
    Root,
    Route,
    check_overlap,
    folder_route,
    single_route,
)
from tables import table


def location(text: str) -> Root:
    return find_root(S3Path(text) if text.startswith("s3://") else Path(text))


def ends_of(route: Route) -> tuple[str, str]:
    """Where an entry comes from, and where it lands."""
    if route.single:
        return route.source.name(), route.target.name()
    return route.source.name("x/y"), route.target.name(f"{route.kept_prefix}x/y")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without links above it, in which tests run."""
    real = tmp_path.resolve()
    monkeypatch.chdir(real)
    return real


@table(
    "root, uri, path",
    {
        "an object has a URI": (Root("bucket", "src/"), "s3://bucket/src/a", "src/a"),
        "a file has a path": (Root(None, "/src/"), "/src/a", "/src/a"),
        "a whole bucket has no prefix": (Root("bucket", ""), "s3://bucket/a", "a"),
    },
)
def test_root(root, uri, path):
    assert root.name("a") == uri
    assert root.at("a") == path


def test_root_has_a_name_itself():
    assert Root("bucket", "src/").name() == "s3://bucket/src/"


@table(
    "source, target, remote_to_local, local",
    {
        "objects become files": (Root("b", ""), Root(None, "/"), True, False),
        "objects become objects": (Root("b", ""), Root("b", ""), False, False),
        "files become objects": (Root(None, "/"), Root("b", ""), False, False),
        "files become files": (Root(None, "/"), Root(None, "/"), False, True),
    },
)
def test_direction(source, target, remote_to_local, local):
    route = Route(source, target)
    assert route.is_remote_to_local is remote_to_local
    assert route.is_local is local


@table(
    "source, destination, prefix, ends",
    {
        "one slash joins a prefix that has none": (
            "s3://bucket/src",
            "s3://other/dst",
            None,
            ("s3://bucket/src/x/y", "s3://other/dst/x/y"),
        ),
        "one slash joins a prefix that has one": (
            "s3://bucket/src/",
            "s3://other/dst/",
            None,
            ("s3://bucket/src/x/y", "s3://other/dst/x/y"),
        ),
        "a bucket has no prefix": (
            "s3://bucket",
            "s3://other",
            None,
            ("s3://bucket/x/y", "s3://other/x/y"),
        ),
        "a folder goes below a prefix": (
            "/src",
            "s3://other/dst",
            None,
            ("/src/x/y", "s3://other/dst/x/y"),
        ),
        "the root folder has one slash": (
            "/",
            "s3://other/dst",
            None,
            ("/x/y", "s3://other/dst/x/y"),
        ),
        "a prefix goes below a folder": (
            "s3://bucket/src",
            "/dst",
            None,
            ("s3://bucket/src/x/y", "/dst/x/y"),
        ),
        "a folder goes below a folder": ("/src", "/dst", None, ("/src/x/y", "/dst/x/y")),
        "what follows the prefix is kept": (
            "s3://bucket/run/A/",
            "s3://other/dst",
            "run/",
            ("s3://bucket/run/A/x/y", "s3://other/dst/A/x/y"),
        ),
        "a prefix needs no slash": (
            "s3://bucket/run/A/",
            "s3://other/dst",
            "run",
            ("s3://bucket/run/A/x/y", "s3://other/dst/A/x/y"),
        ),
        "a prefix may end within a name": (
            "s3://bucket/run-A/",
            "s3://other/dst",
            "run-",
            ("s3://bucket/run-A/x/y", "s3://other/dst/A/x/y"),
        ),
        "a prefix that is the source keeps nothing": (
            "s3://bucket/run/A/",
            "s3://other/dst",
            "run/A/",
            ("s3://bucket/run/A/x/y", "s3://other/dst/x/y"),
        ),
        "no prefix is the source": (
            "s3://bucket/run/A/",
            "s3://other/dst",
            "",
            ("s3://bucket/run/A/x/y", "s3://other/dst/x/y"),
        ),
        "a prefix is nothing to a local destination": (
            "s3://bucket/run/A/",
            "/dst",
            "run/",
            ("s3://bucket/run/A/x/y", "/dst/x/y"),
        ),
        "a prefix is nothing to a local source": (
            "/run/A",
            "s3://other/dst",
            "other/",
            ("/run/A/x/y", "s3://other/dst/x/y"),
        ),
    },
)
def test_folder(source, destination, prefix, ends):
    route = folder_route(location(source), location(destination), prefix)
    assert ends_of(route) == ends
    assert not route.single


@table(
    "source, destination, prefix, ends",
    {
        "an object gets the very key": (
            "s3://bucket/src/file.txt",
            "s3://other/dst",
            None,
            ("s3://bucket/src/file.txt", "s3://other/dst"),
        ),
        "an object goes below a key that ends in a slash": (
            "s3://bucket/src/file.txt",
            "s3://other/dst/",
            None,
            ("s3://bucket/src/file.txt", "s3://other/dst/file.txt"),
        ),
        "an object goes into a bucket by its name": (
            "s3://bucket/src/file.txt",
            "s3://other",
            None,
            ("s3://bucket/src/file.txt", "s3://other/file.txt"),
        ),
        "an object at the top has a name as well": (
            "s3://bucket/file.txt",
            "s3://other/dst/",
            None,
            ("s3://bucket/file.txt", "s3://other/dst/file.txt"),
        ),
        "a file gets the very key": (
            "/src/f",
            "s3://other/dst",
            None,
            ("/src/f", "s3://other/dst"),
        ),
        "a file goes below a key that ends in a slash": (
            "/src/f",
            "s3://other/dst/",
            None,
            ("/src/f", "s3://other/dst/f"),
        ),
        "an object becomes the very file": (
            "s3://bucket/f",
            "/dst/g",
            None,
            ("s3://bucket/f", "/dst/g"),
        ),
        "a file becomes the very file": ("/src/f", "/dst/g", None, ("/src/f", "/dst/g")),
        "a file may go right below the root": ("/src/f", "/g", None, ("/src/f", "/g")),
        "what follows the prefix is kept": (
            "s3://bucket/run/A/f",
            "s3://other/dst",
            "run/",
            ("s3://bucket/run/A/f", "s3://other/dst/A/f"),
        ),
        "what follows the prefix is kept below a slash": (
            "s3://bucket/run/A/f",
            "s3://other/dst/",
            "run",
            ("s3://bucket/run/A/f", "s3://other/dst/A/f"),
        ),
        "a prefix that is the key is as none": (
            "s3://bucket/run/A/f",
            "s3://other/dst",
            "run/A/f",
            ("s3://bucket/run/A/f", "s3://other/dst"),
        ),
        "a prefix is nothing to a local source": (
            "/run/f",
            "s3://other/dst",
            "other",
            ("/run/f", "s3://other/dst"),
        ),
        "a prefix is nothing to a local destination": (
            "s3://bucket/run/f",
            "/dst/f",
            "other",
            ("s3://bucket/run/f", "/dst/f"),
        ),
    },
)
def test_single_entry(source, destination, prefix, ends):
    route = single_route(location(source), location(destination), prefix)
    assert ends_of(route) == ends
    assert route.single


@pytest.mark.parametrize("make", [folder_route, single_route])
def test_source_starts_with_the_prefix(make):
    source = location("s3://bucket/run/A")
    with pytest.raises(
        ValueError, match="'ru/' is not a prefix of the key of 's3://bucket/run/A'"
    ):
        make(source, location("s3://other/dst"), "ru/")


@table(
    "destination, target",
    {
        "a local folder is where its links lead": ("link/sub", "real/sub/"),
        "two dots are resolved before anything is compared": ("real/../other", "other/"),
        "a link to a folder is that folder": ("link", "real/"),
    },
)
def test_local_folder_is_resolved(here: Path, destination, target):
    (here / "real").mkdir()
    (here / "link").symlink_to("real")
    route = folder_route(location("s3://bucket/src"), location(destination))
    assert route.target == Root(None, f"{here}/{target}")


@table(
    "destination, target",
    {
        "the folder of a file is where its links lead": ("link/file", "real/file"),
        "a link in the place of a file stays": ("real/file-link", "real/file-link"),
        "two dots at the end are a folder": ("real/..", ""),
        "two dots in the middle are resolved": ("real/../file", "file"),
        "the current folder has no name": (".", ""),
    },
)
def test_local_file_is_resolved(here: Path, destination, target):
    (here / "real").mkdir()
    (here / "link").symlink_to("real")
    (here / "real/file-link").symlink_to("elsewhere")
    route = single_route(location("s3://bucket/src"), location(destination))
    assert route.target == Root(None, f"{here}/{target}".rstrip("/"))


FOLDERS = (
    "source, destination, delete, retain, result"  # What is refused has a message for a result.
)


@table(
    FOLDERS,
    {
        "two buckets do not overlap": ("s3://bucket/src/", "s3://other/src/", True, False, False),
        "a bucket and a folder do not overlap": ("s3://bucket/src/", "/src", True, False, False),
        "two prefixes do not overlap": (
            "s3://bucket/src/",
            "s3://bucket/dst/",
            True,
            False,
            False,
        ),
        "a name that begins the same does not overlap": (
            "s3://bucket/src/",
            "s3://bucket/src2/",
            True,
            False,
            False,
        ),
        "one prefix is one location": ("s3://bucket/src/", "s3://bucket/src", True, True, True),
        "one folder is one location": ("/src", "/src/", True, True, True),
        "one location is not emptied": (
            "s3://bucket/src/",
            "s3://bucket/src/",
            False,
            False,
            "source and destination are the same location, s3://bucket/src/",
        ),
        "a destination inside of the source is not mirrored": (
            "s3://bucket/src/",
            "s3://bucket/src/dst/",
            True,
            True,
            "overlap: s3://bucket/src/ and s3://bucket/src/dst/.*delete: false",
        ),
        "a source inside of the destination is not mirrored": (
            "s3://bucket/dst/src/",
            "s3://bucket/dst/",
            True,
            True,
            "overlap",
        ),
        "a bucket around the source is not mirrored": (
            "s3://bucket/src/",
            "s3://bucket",
            True,
            True,
            "overlap",
        ),
        "a destination inside of the source is no place to move to": (
            "s3://bucket/src/",
            "s3://bucket/src/dst/",
            False,
            False,
            "overlap",
        ),
        "a destination inside of the source can be copied to": (
            "s3://bucket/src/",
            "s3://bucket/src/dst/",
            False,
            True,
            False,
        ),
        "a destination around the source can be copied to": (
            "s3://bucket/dst/src/",
            "s3://bucket/dst/",
            False,
            True,
            False,
        ),
        "local folders do not overlap": (
            "/src",
            "/src/dst",
            False,
            True,
            "overlap: /src/ and /src/dst/. Choose a destination outside the source$",
        ),
        "local folders side by side do not overlap": ("/src", "/src2", True, False, False),
    },
)
def test_overlap_of_folders(source, destination, delete, retain, result):
    route = folder_route(location(source), location(destination))
    check(route, result, delete=delete, retain=retain)


@table(
    "source, destination, prefix, delete, retain, result",
    {
        "a prefix that leads back to the source is one location": (
            "s3://bucket/run/A/",
            "s3://bucket/run/",
            "run/",
            False,
            True,
            True,
        ),
        "a mirror around the source is refused whatever the prefix": (
            "s3://bucket/run/A/",
            "s3://bucket/run/",
            "run/A/",
            True,
            True,
            "overlap",
        ),
        "a mirror takes in all of the destination": (
            "s3://bucket/dst/x/A/",
            "s3://bucket/dst/",
            "dst/x/",
            True,
            True,
            "overlap",
        ),
        "without a mirror only what lands there counts": (
            "s3://bucket/dst/x/A/",
            "s3://bucket/dst/",
            "dst/x/",
            False,
            False,
            False,
        ),
    },
)
def test_overlap_with_a_prefix(source, destination, prefix, delete, retain, result):
    route = folder_route(location(source), location(destination), prefix)
    check(route, result, delete=delete, retain=retain)


@table(
    "source, destination, retain, result",
    {
        "an object is itself": ("s3://bucket/a", "s3://bucket/a", True, True),
        "an object is not moved onto itself": (
            "s3://bucket/a",
            "s3://bucket/a",
            False,
            "the same location",
        ),
        "a file is not moved onto itself": ("/a/f", "/a/f", False, "the same location"),
        "an object and what lies below its key are apart": (
            "s3://bucket/a",
            "s3://bucket/a/b",
            False,
            False,
        ),
        "an object and one above it are apart": ("s3://bucket/a/b", "s3://bucket/a", False, False),
    },
)
def test_overlap_of_single_entries(source, destination, retain, result):
    route = single_route(location(source), location(destination))
    check(route, result, delete=True, retain=retain)


def test_overlap_is_judged_where_links_lead(here: Path):
    (here / "src").mkdir()
    (here / "link").symlink_to("src")
    assert check_overlap(folder_route(location("link"), location("src")), delete=True, retain=True)
    inside = folder_route(location("link"), location(f"{here}/src/dst"))
    check(inside, "overlap", delete=True, retain=True)


def test_single_file_is_judged_where_links_lead(here: Path):
    (here / "file").write_text("x")
    (here / "link").symlink_to("file")
    route = single_route(location("file"), location("link"))
    assert check_overlap(route, delete=False, retain=True)


def check(route: Route, result: bool | str, *, delete: bool, retain: bool) -> None:
    if isinstance(result, bool):
        assert check_overlap(route, delete=delete, retain=retain) is result
        return
    with pytest.raises(ValueError, match=result):
        check_overlap(route, delete=delete, retain=retain)


POINT = "arn:aws:s3:us-west-2:123456789012:accesspoint:ap"


@table(
    "source, target, changes, is_refused",
    {
        "a copy": ((POINT, "a/"), ("bucket", "a/"), {"delete": False, "retain": True}, False),
        "a move": ((POINT, "a/"), ("bucket", "a/"), {"delete": False, "retain": False}, True),
        "a mirror": (("bucket", "a/b/"), (POINT, "a/"), {"delete": True, "retain": True}, True),
        "a move by an alias": (
            ("bucket", "a/"),
            ("ap-x-s3alias", "a/"),
            {"delete": False, "retain": False},
            True,
        ),
        "another folder": (
            (POINT, "a/"),
            ("bucket", "b/"),
            {"delete": True, "retain": False},
            False,
        ),
        "two buckets": (("one", "a/"), ("two", "a/"), {"delete": True, "retain": False}, False),
        "a local source": ((None, "/a/"), (POINT, "a/"), {"delete": True, "retain": False}, False),
    },
)
def test_access_point_may_be_that_of_the_other_bucket(source, target, changes, is_refused):
    route = Route(Root(*source), Root(*target))
    if not is_refused:
        assert check_overlap(route, **changes) is False
        return
    with pytest.raises(ValueError, match="may be the same location, as an access point"):
        check_overlap(route, **changes)


MOUNTS = """\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
22 21 8:1 /data/x /m rw - ext4 /dev/sda1 rw
23 21 8:2 / /other rw - ext4 /dev/sdb1 rw
24 21 8:2 / /with\\040blank rw - ext4 /dev/sdb1 rw
25 24 8:1 / /with\\040blank rw - ext4 /dev/sda1 rw
"""


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is mounted at another path as well, and another file system."""
    (tmp_path / "mountinfo").write_text(MOUNTS)
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "mountinfo")


@table(
    "source, destination, changes, result",
    {
        "a copy to the same folder": ("/data/x", "/m", {}, True),
        "a copy to the same folder below both": ("/data/x/y", "/m/y", {}, True),
        "a move": ("/data/x", "/m", {"retain": False}, "the same location"),
        "a copy into the source": ("/data", "/m", {}, "overlap"),
        "a mirror that the source is in": ("/m/y", "/data", {"delete": True}, "overlap"),
        "a mount over another one": ("/with blank/data", "/data", {}, True),
        "a mount under another one": ("/with blank/data", "/other/data", {}, False),
        "another folder": ("/data/x", "/m2", {}, False),
        "another file system": ("/data/x", "/other/data/x", {"retain": False}, False),
        "a folder beside the one that is mounted": ("/data/xy", "/m", {"retain": False}, False),
    },
)
def test_folder_that_is_mounted_twice_is_one_location(
    mounted, source, destination, changes, result
):
    route = folder_route(location(source), location(destination))
    check(route, result, **{"delete": False, "retain": True, **changes})


def test_file_below_a_folder_that_is_mounted_twice_is_not_moved_onto_itself(mounted):
    route = single_route(location("/data/x/f"), location("/m/f"))
    check(route, "the same location", delete=False, retain=False)


def test_mounts_need_not_be_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "none")
    route = folder_route(location("/data/x"), location("/m"))
    check(route, result=False, delete=True, retain=False)
