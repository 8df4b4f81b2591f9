"""HDF5 files that h5py has open for writing are not copied."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import Call, FaultyS3, Reply, faulty_s3
from servers import aws_settings

h5py = pytest.importorskip("h5py")

pytestmark = pytest.mark.stores


@pytest.fixture
def s3(monkeypatch) -> Iterator[FaultyS3]:
    with faulty_s3() as server:
        for variable, value in aws_settings(server.url).items():
            monkeypatch.setenv(variable, value)
        yield server


@pytest.fixture(params=["local", "s3"])
def sync(request, s3, tmp_path) -> Callable[..., Any]:
    target = str(tmp_path / "dst") if request.param == "local" else "s3://bucket/dst/"

    def run(**fields: Any) -> Any:
        source = str(tmp_path / "src")
        return (
            Engine()
            .sync(DataSyncRequest(source_path=source, destination_path=target, **fields))
            .result
        )

    return run


@pytest.fixture
def path(tmp_path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.txt").write_text("a")
    return tmp_path / "src" / "recording.h5"


def write(path: Path, libver: Any) -> Any:
    file = h5py.File(path, "w", libver=libver)
    file["values"] = range(10)
    file.flush()
    return file


@pytest.mark.parametrize("libver", ["v108", "v110", "latest"])
def test_file_that_is_open_for_writing_is_refused_by_name(sync, path, libver):
    with write(path, libver), pytest.raises(OSError, match=r"recording\.h5: it is an HDF5 file"):
        sync()
    assert sync().files_transferred >= 1


def test_file_with_concurrent_readers_is_refused(sync, path):
    with write(path, "latest") as file:
        file.swmr_mode = True
        result = sync(continue_on_error=True)
    assert (result.files_transferred, result.files_failed) == (1, 1)
    assert "recording.h5" in result.failed_files[0].path


def test_file_that_its_killed_writer_left_is_refused(sync, path):
    script = (
        "import h5py, os, sys\n"
        "file = h5py.File(sys.argv[1], 'w', libver='latest')\n"
        "file.flush()\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == -9
    with pytest.raises(OSError, match="h5clear -s"):
        sync()


def test_file_of_version_0_has_no_mark_and_is_copied(sync, path):
    with write(path, None):
        assert path.read_bytes()[8] == 0
        assert sync().files_transferred == 2


def test_file_of_version_0_that_changes_during_its_upload_is_an_error(s3, path):
    def changed(call: Call, respond: Callable[[], Reply]) -> Reply:
        if call.key.endswith(".h5") and not done.is_set():
            done.set()
            time.sleep(0.01)
            with h5py.File(path, "r+") as file:
                file["more"] = range(1000)
        return respond()

    done = threading.Event()
    with write(path, None):
        pass
    s3.fault = changed
    request = DataSyncRequest(source_path=str(path.parent), destination_path="s3://bucket/dst/")
    with pytest.raises(OSError, match=r"recording\.h5"):
        Engine().sync(request)
    s3.heal()
    assert Engine().sync(request).result.files_transferred == 1
    assert s3.read("bucket")["dst/recording.h5"] == path.read_bytes()
