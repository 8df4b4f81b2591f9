from __future__ import annotations

import fcntl
import hashlib
import multiprocessing
import time
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import locks
from aibs_informatics_aws_lambda.handlers.data_sync.local.locks import held_lock


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_lock_lies_beside_the_destination_and_goes_with_its_holder(tmp_path: Path):
    with held_lock(tmp_path / "x" / "dst"):
        assert names(tmp_path / "x") == ["dst.lock"]
    assert names(tmp_path / "x") == []


def test_lock_can_lie_in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATA_SYNC_LOCK_ROOT", str(tmp_path / "locks"))
    name = hashlib.sha256(b"/some/dst").hexdigest()
    with held_lock(Path("/some/dst")):
        assert names(tmp_path / "locks") == [f"{name}.lock"]
    assert names(tmp_path / "locks") == []


def test_lock_is_gone_after_an_error(tmp_path: Path):
    with pytest.raises(RuntimeError), held_lock(tmp_path / "dst"):
        raise RuntimeError
    assert names(tmp_path) == []


def test_other_holder_is_waited_for_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(locks, "_TIMEOUT_SECONDS", 0.1)
    with (tmp_path / "dst.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match=r"dst\.lock"), held_lock(tmp_path / "dst"):
            pass
    assert (tmp_path / "dst.lock").exists()


def test_lock_that_cannot_be_made_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "dst.lock").mkdir()
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))
    with pytest.raises(IsADirectoryError), held_lock(tmp_path / "dst"):
        pass


def _hold_often(folder: str) -> None:
    for _ in range(15):
        with held_lock(Path(folder) / "dst"):
            # Fails if another process is in here as well.
            Path(folder, "inside").mkdir()
            time.sleep(0.002)
            Path(folder, "inside").rmdir()


def test_never_two_hold_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locks, "_LONGEST_WAIT_SECONDS", 0.01)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_hold_often, args=(str(tmp_path),)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(180)
    assert [process.exitcode for process in processes] == [0] * 4
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", ["", "notes of a user"])
def test_file_of_a_user_with_the_name_of_the_lock_is_kept(tmp_path: Path, content):
    (tmp_path / "dst.lock").write_text(content)
    with held_lock(tmp_path / "dst"):
        pass
    assert (tmp_path / "dst.lock").read_text() == content


def test_lock_file_of_a_killed_process_is_removed_by_the_next_holder(tmp_path: Path):
    with held_lock(tmp_path / "dst"):
        left = (tmp_path / "dst.lock").read_bytes()
    (tmp_path / "dst.lock").write_bytes(left)
    with held_lock(tmp_path / "dst"):
        pass
    assert names(tmp_path) == []
