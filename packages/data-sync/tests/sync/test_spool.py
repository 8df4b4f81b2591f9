from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.sync import spool as spool_module
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import Step
from aibs_informatics_aws_lambda.handlers.data_sync.sync.spool import Arrivals, Spool
from tables import table

IN_MEMORY = 10_000


def step(number: int) -> Step:
    return Step("transfer", "size", f"{number:06}", Entry(f"{number:06}", number, 1.5))


@pytest.fixture
def spool() -> Iterator[Spool]:
    """A spool that is closed at the end."""
    with closing(Spool()) as made:
        yield made


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spools keep two steps in memory."""
    monkeypatch.setattr(spool_module, "_IN_MEMORY", 2)


@pytest.fixture
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no room for temporary files."""

    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_steps_come_back_in_order_each_time(spool, short_memory, count):
    for number in range(count):
        spool.append(step(number))
    expected = [step(number) for number in range(count)]
    assert len(spool) == count
    assert list(spool) == expected
    assert list(spool) == expected


@table(
    "given",
    {
        "a step keeps what is at its target": Step(
            "compare", "checksum", "a", Entry("a", 1, 2.0, "e"), Entry("a", 1, 3.0, "there")
        ),
        "a step without an ETag has none": Step("keep", "", "a", Entry("a", 1, 2.0)),
        "a time keeps its fraction": Step("keep", "", "a", Entry("a", 1, 1700000000.123456)),
        "a kind is kept": Step("extra", "", "a", Entry("a", 1, 2.0, None, "symlink_target")),
        "source and target may differ": Step("transfer", "newer", "b/c", Entry("a//b", 1, 2.0)),
        "a line break in a name is kept": Step("keep", "", "a\nb", Entry("a\nb\r\n", 1, 2.0)),
        "a name in any language is kept": Step("keep", "", "é😀", Entry("é😀", 1, 2.0)),
        "a name that is not UTF-8 is kept": Step("keep", "", "\udcff", Entry("\udcff", 1, 2.0)),
        "a size above 2^53 is kept": Step("keep", "", "a", Entry("a", 2**60 + 1, 2.0)),
    },
)
def test_step_comes_back_from_disk_as_it_was(spool, short_memory, given):
    for _ in range(3):
        spool.append(given)
    assert list(spool) == [given] * 3
    assert all(type(found) is Step and type(found.entry) is Entry for found in spool)


def test_first_ten_thousand_steps_stay_in_memory(spool, no_disk):
    for number in range(IN_MEMORY):
        spool.append(step(number))
    assert len(list(spool)) == IN_MEMORY
    with pytest.raises(OSError, match="No space left"):
        spool.append(step(IN_MEMORY))


def test_one_file_takes_all_further_steps(spool, short_memory, monkeypatch):
    made = []
    make = tempfile.TemporaryFile
    monkeypatch.setattr(
        tempfile,
        "TemporaryFile",
        lambda *args, **named: made.append(make(*args, **named)) or made[-1],
    )
    for number in range(6):
        spool.append(step(number))
    assert len(made) == 1
    assert list(spool)[-1] == step(5)
    spool.close()
    assert made[0].closed


def test_full_disk_names_the_folder_of_temporary_files(spool, short_memory, monkeypatch, tmp_path):
    class Full:
        def write(self, _: str) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            """Nothing was written."""

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda *_, **__: Full())
    spool.append(step(0))
    spool.append(step(1))
    with pytest.raises(OSError, match="No space left") as caught:
        spool.append(step(2))
    assert caught.value.filename == str(tmp_path)


def test_closed_spool_has_given_its_memory_back(spool):
    spool.append(step(0))
    spool.close()
    assert list(spool) == []


def test_etags_of_what_was_stored_are_noted_by_number():
    with closing(Arrivals()) as arrivals:
        assert arrivals.agrees(0, "a") is None
        arrivals.note(7, "a")
        arrivals.note(3, "b")
        assert arrivals.agrees(7, "a") is True
        assert arrivals.agrees(7, "b") is False
        assert arrivals.agrees(3, "b") is True
        assert arrivals.agrees(4, "b") is None
        assert arrivals.agrees(8, "a") is None


def test_what_stays_at_the_source_is_noted_by_number():
    with closing(Arrivals()) as arrivals:
        assert not arrivals.is_partial
        arrivals.note(3, "b")
        assert not arrivals.stays(3)
        arrivals.note_stays(7)
        assert arrivals.is_partial
        assert [number for number in range(9) if arrivals.stays(number)] == [7]
        assert arrivals.agrees(3, "b") is True


def test_etags_that_cannot_be_noted_are_an_error(no_disk):
    with pytest.raises(OSError, match="No space left") as error:
        Arrivals().note(0, "a")
    assert error.value.filename == tempfile.gettempdir()
