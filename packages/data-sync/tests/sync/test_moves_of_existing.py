"""A move that may not replace files at its destination: their sources stay where they differ."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import FaultyS3

OLD = 1_000_000_000.0

SOURCE = {
    "moved/new": b"not at the destination",
    "other": b"of one size, and another content",
    "same": b"arrived in an earlier run that was killed",
    "size": b"of another size",
    # The entry file of a store.
    "z/zarr.json": b'{"other": 1}',
}
DESTINATION = {
    "other": b"of one size, and other than that",
    "same": SOURCE["same"],
    "size": b"of one size",
    "z/zarr.json": b'{"other": 2}',
}
STAYS = {path: SOURCE[path] for path in ("other", "size", "z/zarr.json")}


class Sides:
    """A source and a destination, each on S3 or on a disk."""

    def __init__(self, directions: str, s3: FaultyS3, folder: Path) -> None:
        self._s3, self._folder = s3, folder
        self._kinds = dict(zip(("src", "dst"), directions.split(" to "), strict=True))

    def path(self, name: str) -> str:
        is_s3 = self._kinds[name] == "s3"
        return f"s3://bucket/{name}/" if is_s3 else str(self._folder / name)

    def write(self, name: str, contents: dict[str, bytes], modified: float) -> None:
        for relative, content in contents.items():
            if self._kinds[name] == "s3":
                self._s3.put("bucket", f"{name}/{relative}", content, modified)
                continue
            file = self._folder / name / relative
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            os.utime(file, (modified, modified))

    def read(self, name: str) -> dict[str, bytes]:
        if self._kinds[name] == "s3":
            return self._s3.read("bucket", f"{name}/")
        root = self._folder / name
        files = [file for file in root.rglob("*") if file.is_file()]
        return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}

    def move(self, **options):
        request = DataSyncRequest(
            source_path=self.path("src"),
            destination_path=self.path("dst"),
            retain_source_data=False,
            **{"delete": False, **options},
        )
        return Engine().sync(request).result


@pytest.fixture(params=["local to s3", "s3 to s3", "local to local"])
def sides(request, s3: FaultyS3, tmp_path: Path) -> Sides:
    made = Sides(request.param, s3, tmp_path)
    made.write("src", SOURCE, OLD)
    made.write("dst", DESTINATION, OLD + 100)
    return made


@pytest.mark.parametrize("existing", ["ignore", "update"])
def test_source_stays_where_a_file_at_the_destination_differs(sides, existing):
    done = sides.move(existing=existing)
    assert sides.read("src") == STAYS
    assert sides.read("dst") == {**DESTINATION, "moved/new": SOURCE["moved/new"]}
    assert (done.files_transferred, done.files_unchanged, done.files_removed) == (1, 4, 2)


def test_dry_run_tells_what_stays(sides):
    done = sides.move(existing="ignore", dry_run=True)
    assert (done.files_transferred, done.files_unchanged, done.files_removed) == (1, 4, 2)
    assert sides.read("src") == SOURCE


@pytest.mark.parametrize("sides", ["local to s3", "s3 to s3"], indirect=True)
@pytest.mark.parametrize("existing", ["ignore", "update"])
def test_mirror_that_leaves_sources_is_refused(sides, existing):
    with pytest.raises(ValueError, match="a second one would delete what the first one has moved"):
        sides.move(existing=existing, delete=True)
    assert sides.read("src") == SOURCE
    assert sides.read("dst") == DESTINATION
