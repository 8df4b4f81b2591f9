from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.mount_points import (
    MountPoint,
    resolve_dots,
    to_efs_path,
    to_mounted_path,
)
from hypothesis import given, strategies as st

FS = "fs-12345678"
OTHER_FS = "fs-23456789"


def mount(path: str, root: str = "/", fs: str = FS) -> MountPoint:
    return MountPoint(PurePosixPath(path), fs, root=PurePosixPath(root))


MOUNTS = (
    mount("/opt/efs", "/scratch"),
    mount("/opt/efs/shared", "/shared"),
    mount("/mnt", "/", OTHER_FS),
)


@pytest.mark.parametrize(
    ("path", "efs_path"),
    [
        ("/opt/efs", f"{FS}:/scratch"),
        ("/opt/efs/a/b", f"{FS}:/scratch/a/b"),
        ("/opt/efs/shared/a", f"{FS}:/shared/a"),
        ("/opt/efs/shared2/a", f"{FS}:/scratch/shared2/a"),
        ("/opt/efs/shared/../a", f"{FS}:/scratch/a"),
        ("/opt/efs/a/./../b//c", f"{FS}:/scratch/b/c"),
        ("/mnt/a", f"{OTHER_FS}:/a"),
    ],
)
def test_a_path_is_translated_by_its_innermost_mount_point(path, efs_path):
    assert str(to_efs_path(path, MOUNTS)) == efs_path


@pytest.mark.parametrize("path", ["/opt", "/opt/efs2/a", "/opt/efs/../x", "/", "opt/efs/a"])
def test_a_path_outside_of_every_mount_point_is_an_error_that_names_it(path):
    with pytest.raises(ValueError, match=f"{path!r}"):
        to_efs_path(path, MOUNTS)


@pytest.mark.parametrize(
    ("efs_path", "path"),
    [
        (f"{FS}:/scratch/a", "/opt/efs/a"),
        (f"{FS}:/shared", "/opt/efs/shared"),
        (f"efs://{OTHER_FS}/a", "/mnt/a"),
        (f"{FS}:/shared/../scratch/a", "/opt/efs/a"),
    ],
)
def test_an_efs_path_is_translated_into_a_local_path(efs_path, path):
    assert to_mounted_path(EFSPath(efs_path), MOUNTS) == Path(path)


def test_the_innermost_of_several_mounts_of_a_file_system_applies():
    mounts = (mount("/whole"), mount("/part", "/a/b"), mount("/half", "/a"))

    assert to_mounted_path(EFSPath(f"{FS}:/a/b/c"), mounts) == Path("/part/c")


@pytest.mark.parametrize(
    "efs_path",
    [
        f"{FS}:/other/a",
        f"{FS}:/scratch2",
        f"{FS}:/scratch/../../etc/passwd",
        f"{FS}:/scratch/../other",
        f"{OTHER_FS}:/../etc/passwd",
        "fs-99999999:/a",
    ],
)
def test_an_efs_path_outside_of_every_mount_point_is_an_error_that_names_it(efs_path):
    with pytest.raises(ValueError, match=efs_path.partition(":")[2].partition("..")[0] or "/"):
        to_mounted_path(EFSPath(efs_path), MOUNTS)


_segments = st.lists(
    st.one_of(st.sampled_from(["..", ".", "a", "shared"]), st.text("ab./", max_size=4)), max_size=8
)


@given(_segments)
def test_no_efs_path_leaves_its_mount_point(segments):
    efs_path = EFSPath(f"{OTHER_FS}:/{'/'.join(segments)}")
    try:
        path = to_mounted_path(efs_path, MOUNTS)
    except ValueError:
        return
    assert path.is_relative_to("/mnt")
    assert ".." not in path.parts
    assert to_efs_path(path, MOUNTS).path == resolve_dots(efs_path.path)


@given(_segments)
def test_dots_are_resolved_as_on_a_file_system_without_symbolic_links(segments):
    depth, path = 0, "/" + "/".join(segments)
    lowest = 0
    for segment in path.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(segment, 1)
        lowest = min(lowest, depth)
    if lowest < 0:
        with pytest.raises(ValueError, match="above the root"):
            resolve_dots(path)
    else:
        assert len(resolve_dots(path).parts) == depth + 1
