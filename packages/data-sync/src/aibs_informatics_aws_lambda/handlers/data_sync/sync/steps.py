"""The steps of a plan: entry files of stores apart from all others, in the order of the stores."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from ..stores import Rule
from .diff import Step
from .spool import Spool, step_of, text_of

if TYPE_CHECKING:
    import sqlite3

_Row: TypeAlias = tuple[int, int, int, int, bytes, str, int]
_WAVE = itemgetter(slice(4))
_COLUMNS = ("stage", "height", "rank", "turn", "path")


class Steps(Spool):
    """An append-only list of steps that can be read several times.

    Attributes:
        length: the number of steps on files that are not entry files of stores.
    """

    _entry_files: _EntryFiles | None = None

    def __len__(self) -> int:
        return self.length + (self._entry_files.length if self._entry_files else 0)

    def append_entry_file(self, step: Step, rule: Rule) -> None:
        """Add a step on an entry file of a store.

        Args:
            step: the step.
            rule: the rule for its target.

        Raises:
            OSError: the step cannot be written to the temporary directory.
        """
        if self._entry_files is None:
            self._entry_files = _EntryFiles()
        self._entry_files.append(step, rule)

    def __iter__(self) -> Iterator[Step]:
        """Yield all steps, in the order of their targets if they were added in that order."""
        return self.data() if self._entry_files is None else (step for _, step in self.numbered())

    def numbered(self) -> Iterator[tuple[int, Step]]:
        """Yield all steps in the same order, each with the number that identifies it."""
        data = enumerate(self.data())
        if self._entry_files is None:
            return data
        return heapq.merge(data, self._numbered(self._entry_files.by_path()), key=_target_of)

    data = Spool.__iter__
    """Yield the steps on files that are not entry files, in the order in which they were added."""

    def transfer_waves(self) -> Iterator[Iterator[tuple[int, Step]]]:
        """Yield the steps on entry files in groups, in the order in which they are published.

        All steps on other files come before the first of them. Each has the number that
        identifies it; that of other files is their index.
        """
        waves = self._entry_files.waves("ASC") if self._entry_files else ()
        return map(self._numbered, waves)

    def deletion_waves(self) -> Iterator[Iterator[Step]]:
        """Yield all steps in groups, in the order in which their files are deleted."""
        if self._entry_files is not None:
            for wave in self._entry_files.waves("DESC"):
                yield (step for _, step in wave)
        yield self.data()

    def _numbered(self, steps: Iterable[tuple[int, Step]]) -> Iterator[tuple[int, Step]]:
        return ((self.length + number, step) for number, step in steps)

    def has_entry_file(self, target: str) -> bool:
        """Return whether there is a step on an entry file with this target."""
        return self._entry_files is not None and self._entry_files.has(target)

    def close(self) -> None:
        """Free memory and disk space."""
        super().close()
        if self._entry_files is not None:
            self._entry_files.close()
            self._entry_files = None


class _EntryFiles:
    """Steps on entry files of stores, in a temporary database that spills to disk."""

    def __init__(self) -> None:
        # Only syncs of stores need it. Versions from 3.7 on will do: Lambda has that one.
        import sqlite3

        self.length = 0
        self._folder, self._turn = "", 0
        # An empty name makes a temporary database, which is deleted when it is closed.
        self._table: sqlite3.Connection = sqlite3.connect(
            "", isolation_level=None, check_same_thread=False
        )
        with _named_errors():
            self._table.execute(f"CREATE TABLE steps ({', '.join(_COLUMNS)}, step)")
            self._table.execute("BEGIN")

    def append(self, step: Step, rule: Rule) -> None:
        depth = 0 if rule.in_sequence else step.target.count("/")
        turn = self._next_turn(step.target) if rule.in_sequence else 0
        row = (rule.stage, -depth, rule.rank, turn, _bytes_of(step.target), text_of(step))
        with _named_errors():
            self._table.execute("INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?)", row)
        self.length += 1

    def _next_turn(self, target: str) -> int:
        """Return the number of the file in its folder, whose files come one after the other."""
        folder = target.rpartition("/")[0]
        self._turn = self._turn + 1 if folder == self._folder else 0
        self._folder = folder
        return self._turn

    def waves(self, direction: str) -> Iterator[Iterator[tuple[int, Step]]]:
        order = ", ".join(f"{column} {direction}" for column in _COLUMNS)
        for _, rows in groupby(self._rows(f"ORDER BY {order}"), _WAVE):
            yield map(_numbered_step, rows)

    def by_path(self) -> Iterator[tuple[int, Step]]:
        return map(_numbered_step, self._rows("ORDER BY path"))

    def has(self, target: str) -> bool:
        return any(True for _ in self._rows("WHERE path = ?", _bytes_of(target)))

    def _rows(self, clause: str, *values: bytes) -> Iterator[_Row]:
        with _named_errors():
            # The clause is one of those above, without any value.
            rows = self._table.execute(f"SELECT *, rowid FROM steps {clause}", values)  # noqa: S608
            # Not `yield from`, which also closes the cursor of what an error has left half read:
            # by then, the table may be closed.
            for row in rows:  # noqa: UP028
                yield row

    def close(self) -> None:
        self._table.close()


@contextmanager
def _named_errors() -> Iterator[None]:
    """Raise errors of the database, whose disk may be full, as `OSError`."""
    import sqlite3

    try:
        yield
    except sqlite3.Error as error:
        raise OSError(None, f"cannot store the plan: {error}", tempfile.gettempdir()) from error


def _bytes_of(target: str) -> bytes:
    # In the order of the bytes, and with those that are no text.
    return target.encode(errors="surrogateescape")


def _numbered_step(row: _Row) -> tuple[int, Step]:
    return row[6], step_of(row[5])


def _target_of(numbered: tuple[int, Step]) -> str:
    return numbered[1].target
