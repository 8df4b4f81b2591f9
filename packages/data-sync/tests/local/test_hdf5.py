from __future__ import annotations

from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local.hdf5 import check_closed
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from tables import table

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def head(version: int, flags: int) -> bytes:
    """The beginning of a superblock: version, sizes of offsets and lengths, flags."""
    return SIGNATURE + bytes([version, 8, 8, flags]) + bytes(100)


OPEN = head(3, 1)


@table(
    "name, content, is_open",
    {
        "a closed file": ("a.h5", head(3, 0), False),
        "a file that is open for writing": ("a.h5", OPEN, True),
        "a file that others may read meanwhile": ("a.nwb", head(3, 0b101), True),
        "a suffix in capitals": ("a.H5", OPEN, True),
        "a file with a user block": ("a.mat", bytes(512) + OPEN, True),
        "a file of an earlier version has no mark": ("a.nwb", head(0, 1), False),
        "a file of version 2 that is open for writing": ("a.h5", head(2, 1), True),
        "a closed file of version 2": ("a.h5", head(2, 0), False),
        "a file of another format": ("a.h5", b"text", False),
        "an empty file": ("a.h5", b"", False),
        "a file that ends after its signature": ("a.h5", SIGNATURE, False),
        "a file by another name is not read": ("a.bin", OPEN, False),
    },
)
def test_files_that_are_being_written(tmp_path: Path, name, content, is_open):
    path = tmp_path / name
    path.write_bytes(content)
    if not is_open:
        check_closed(str(path))
        return
    with pytest.raises(OSError, match=rf"cannot copy {path}: it is an HDF5 file that is open"):
        check_closed(str(path))


@pytest.mark.parametrize("destination", ["s3://bucket/dst/", "dst"])
def test_sync_refuses_a_file_that_is_being_written(bucket, tmp_path, destination):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.h5").write_bytes(OPEN)
    target = destination if "s3:" in destination else str(tmp_path / destination)
    request = DataSyncRequest(source_path=str(tmp_path / "src"), destination_path=target)
    with pytest.raises(OSError, match="open for writing"):
        Engine().sync(request)
    assert bucket.keys() == []
    assert not list(tmp_path.glob("dst/*"))
