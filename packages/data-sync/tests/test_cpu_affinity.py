"""Threads that take turns at the interpreter lock share a CPU; others run on all CPUs."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync import cpu_affinity
from aibs_informatics_aws_lambda.handlers.data_sync.cpu_affinity import (
    all_cpus,
    share_cpu,
    shared_cpu,
    use_all_cpus,
)
from aibs_informatics_aws_lambda.handlers.data_sync.local.threads import threads
from aibs_informatics_aws_lambda.handlers.data_sync.sync import engine as engine_module
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs Linux and several CPUs",
)


@pytest.fixture(autouse=True)
def placement() -> Iterator[None]:
    """CPUs that are looked up anew."""
    before = os.sched_getaffinity(0)
    cpu_affinity._cpus.cache_clear()
    yield
    os.sched_setaffinity(0, before)
    cpu_affinity._cpus.cache_clear()


def cpus() -> set[int]:
    return os.sched_getaffinity(0)


def cpus_of_new_thread(initializer=None) -> set[int]:
    with ThreadPoolExecutor(1, initializer=initializer) as pool:
        return pool.submit(cpus).result()


def test_thread_and_those_that_it_starts_share_one_cpu_in_a_block():
    before = cpus()
    with shared_cpu():
        assert len(cpus()) == 1
        assert cpus_of_new_thread() == cpus()
    assert cpus() == before


def test_block_in_a_block_is_left_as_it_was_entered():
    before = cpus()
    with shared_cpu():
        shared = cpus()
        with all_cpus():
            assert cpus() == before
            assert cpus_of_new_thread() == before
        assert cpus() == shared
    assert cpus() == before


def test_error_in_a_block_leaves_the_thread_as_it_was():
    before = cpus()
    with pytest.raises(ValueError, match="in the block"), shared_cpu():
        raise ValueError("in the block")
    assert cpus() == before


def test_cpus_that_are_chosen_from_outside_in_a_block_are_kept():
    before = cpus()
    with shared_cpu():
        [other, *_] = before - cpus()
        os.sched_setaffinity(0, {other})
        with all_cpus():
            assert cpus() == {other}
        assert cpus_of_new_thread(use_all_cpus) == {other}
    assert cpus() == {other}


@pytest.mark.parametrize("name", ["sched_getaffinity", "sched_setaffinity"])
@pytest.mark.parametrize("is_looked_up", [False, True])
def test_nothing_is_shared_where_a_sandbox_forbids_it(monkeypatch, name: str, is_looked_up: bool):
    before = cpus()
    if is_looked_up:
        cpu_affinity._cpus(os.getpid())

    def forbid(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, name, forbid)
        with shared_cpu(), all_cpus():
            pass
    assert cpus() == before


@pytest.mark.parametrize("state", ["", "1 (data-sync) R 0", "1 (data-sync)" + " ?" * 52])
def test_nothing_is_shared_where_the_state_of_a_thread_is_not_that_of_linux(
    tmp_path, monkeypatch: pytest.MonkeyPatch, state: str
):
    path = tmp_path / "stat"
    path.write_text(state)
    monkeypatch.setattr(cpu_affinity, "_STATE", path)
    assert cpus_of_new_thread(share_cpu) == cpus()


def test_threads_of_different_pools_share_the_same_cpu():
    one, other = cpus_of_new_thread(share_cpu), cpus_of_new_thread(share_cpu)
    assert len(one) == 1
    assert one == other


def test_thread_that_was_started_by_a_sharing_one_can_use_all_cpus():
    before = cpus()
    with shared_cpu():
        assert cpus_of_new_thread(use_all_cpus) == before


def test_threads_for_slow_file_systems_share_one_cpu():
    with threads.use() as pool:
        assert len(pool.submit(cpus).result()) == 1


def test_nothing_is_shared_in_lambda_functions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "sync")
    before = cpus()
    with shared_cpu():
        assert cpus() == before


def test_nothing_is_shared_by_one_of_several_workers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cpu_affinity, "WORKERS", 2)
    assert cpus_of_new_thread(share_cpu) == cpus()


def test_nothing_is_shared_where_the_current_cpu_is_unknown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cpu_affinity, "_STATE", cpu_affinity._STATE.with_name("missing"))
    assert cpus_of_new_thread(share_cpu) == cpus()


def test_sync_runs_on_a_shared_cpu_but_threads_that_read_files_do_not(tmp_path, monkeypatch):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").touch()
    seen: list[set[int]] = []
    execute = engine_module.execute

    def watched(plans, context):
        seen.extend([cpus(), context.pool.submit(cpus).result()])
        return execute(plans, context)

    monkeypatch.setattr(engine_module, "execute", watched)
    before = cpus()
    request = DataSyncRequest(source_path=tmp_path / "source", destination_path=tmp_path / "copy")
    Engine().sync(request)

    main, of_pool = seen
    assert len(main) == 1
    assert of_pool == cpus() == before
