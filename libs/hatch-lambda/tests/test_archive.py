from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
import zipfile

import pytest
from hatch_lambda.archive import archive_time, publish, write_archive
from hatch_lambda.errors import LambdaBuildError

# Sets, long strings and equal constants are what bytecode may be undecided about.
MODULE = """
NAMES = frozenset({"alpha", "beta", "gamma"})

def known(name):
    return name in {"alpha", "beta", "gamma", 1, 2.0, None}
"""


def make_app(workspace):
    workspace.add("libs/base", files={"space/base.py": MODULE})
    return workspace.add(
        "packages/app", dependencies=("base", "helper"), files={"space/app.py": MODULE}
    )


def test_builds_in_different_folders_and_environments_are_identical(
    make_workspace, wheelhouse, build, tmp_path
):
    wheelhouse.add("helper", files={"helper.py": MODULE}, headers=("License: MIT",))
    here = build(make_app(make_workspace(tmp_path / "here")))

    elsewhere = tmp_path / "a place with a longer name" / "ü"
    other_scratch = elsewhere / "scratch"
    other_scratch.mkdir(parents=True)
    mask = os.umask(0o077)
    try:
        # Undone before the fixtures, which set the same.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(other_scratch))
            patch.setenv("TZ", "Asia/Tokyo")
            patch.setenv("PYTHONHASHSEED", "42")
            patch.setenv("UV_CACHE_DIR", str(elsewhere / "cache"))
            time.tzset()
            app = make_app(make_workspace(elsewhere / "workspace"))
            os.utime(app / "src" / "space" / "app.py", (0, 0))
            there = build(app)
    finally:
        os.umask(mask)
        time.tzset()

    assert here.archive.read_bytes() == there.archive.read_bytes()
    assert here.sbom_path.read_bytes() == there.sbom_path.read_bytes()
    assert here.size_report_path.read_bytes() == there.size_report_path.read_bytes()


def test_order_times_and_modes_are_normalized(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000001")
    tree = tmp_path / "tree"
    (tree / "b").mkdir(parents=True)
    for name, mode in (("z.py", 0o600), ("b/tool", 0o700), ("a.txt", 0o666), ("b.py", 0o444)):
        (tree / name).write_text(name)
        (tree / name).chmod(mode)

    entries = write_archive(tree, tmp_path / "x.zip")

    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        infos = archive.infolist()
    assert [info.filename for info in infos] == ["a.txt", "b.py", "b/tool", "z.py"]
    assert [entry.path for entry in entries] == [info.filename for info in infos]
    assert {info.date_time for info in infos} == {(2023, 11, 14, 22, 13, 20)}
    assert {info.create_system for info in infos} == {3}
    assert {info.compress_type for info in infos} == {zipfile.ZIP_DEFLATED}
    modes = {info.filename: info.external_attr >> 16 for info in infos}
    assert modes.pop("b/tool") == stat.S_IFREG | 0o755
    assert set(modes.values()) == {stat.S_IFREG | 0o644}


@pytest.mark.parametrize(
    ("epoch", "year"), [("0", 1980), ("1700000000", 2023), ("99999999999", 2107), (None, 2020)]
)
def test_the_time_is_limited_to_the_range_of_zip(monkeypatch, epoch, year):
    if epoch:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)

    assert archive_time().year == year


def test_an_invalid_time_is_rejected(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")

    with pytest.raises(LambdaBuildError, match="`SOURCE_DATE_EPOCH` is not a number of seconds"):
        archive_time()


def test_a_failed_copy_keeps_the_archive_of_an_earlier_build(tmp_path, monkeypatch):
    (tmp_path / "new.zip").write_text("of this build")
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "x.zip").write_text("of an earlier build")

    def run_out_of_space(_, partial):
        partial.write_text("of this")
        raise OSError("No space left on device")

    monkeypatch.setattr(shutil, "copyfile", run_out_of_space)
    with pytest.raises(OSError, match="No space left"):
        publish(tmp_path / "new.zip", folder / "x.zip")

    assert [path.name for path in folder.iterdir()] == ["x.zip"]
    assert (folder / "x.zip").read_text() == "of an earlier build"
