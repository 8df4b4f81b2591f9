"""The file of a checksum cache: an SQLite database that several processes use at a time.

Nothing in it is worth an error: what cannot be read is computed again, and what cannot be written
is left out. Each row has a checksum, and damaged rows are ignored.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
import time
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from sqlite3 import Connection

logger = logging.getLogger(__name__)

# "dsum", which the header of the database has. https://www.sqlite.org/fileformat2.html
_APPLICATION_ID: Final = 0x6473756D
_VERSION: Final = 1
_HEADER_BYTES: Final = 100
_JOURNAL: Final = "-journal"

# About 1,500,000 checksums.
_MAX_BYTES: Final = 128 * 2**20
# So much is kept when the oldest rows are deleted.
_KEPT_SHARE: Final = 0.75

_MAX_JOURNAL_BYTES: Final = 2**20
# Short, as an interrupted sync waits for it as well.
_BUSY_SECONDS: Final = 1.0
_SECONDS_A_DAY: Final = 86400
# A use is noted once in so many days, so that reading seldom writes.
_DAYS_OF_A_USE: Final = 7
_MOST_USED: Final = 4096

# Each lookup on a network file system takes several requests to lock the file: after so many, the
# database is copied.
_DIRECT_LOOKUPS: Final = 32

_VALUE: Final = re.compile(r"[0-9a-f]{32}(-[1-9][0-9]{0,4})?|=[0-9a-f]{32}")
_KIND: Final = re.compile(r"[a-z0-9:]{1,40}")

_SCHEMA: Final = f"""
CREATE TABLE checksums (
    device TEXT NOT NULL, inode INTEGER NOT NULL, kind TEXT NOT NULL,
    size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL,
    value TEXT NOT NULL, used INTEGER NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (inode, device, kind)
) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
"""
_SELECT: Final = (
    "SELECT kind, size, mtime, ctime, value, used, crc FROM checksums WHERE inode=? AND device=?"
)
_INSERT: Final = (
    "INSERT OR REPLACE INTO checksums "
    "(device, inode, kind, size, mtime, ctime, value, used, crc) VALUES (?,?,?,?,?,?,?,?,?)"
)


class FileState(NamedTuple):
    """A file as it is at one time: whatever changes its content changes its state.

    Args:
        device: the file system.
        inode: the inode number.
        size: in bytes.
        mtime_ns: the time of the last modification, in nanoseconds since 1970 UTC.
        ctime_ns: the time of the last change of the inode, which no program can set.
    """

    device: str
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class ChecksumStore:
    """Checksums of files in a database, one of each kind for a file.

    It is opened when it is first used. Whatever is wrong with it is reported once, and then it is
    as if it were empty.

    Args:
        path: the path of the database, which is made if it is missing.
        is_remote: whether it lies on a network file system.
        max_bytes: its maximum size; the checksums that were not used for longest are deleted.
    """

    def __init__(self, path: str, *, is_remote: bool = False, max_bytes: int = _MAX_BYTES) -> None:
        self._path = path
        self._is_remote = is_remote
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._database: Connection | None = None
        # A private copy, if the database is far.
        self._copy: Connection | None = None
        self._is_opened = False
        self._is_writable = True
        self._lookups = 0
        self._used: dict[tuple[str, int, str], tuple[object, ...]] = {}

    def find(self, state: FileState) -> dict[str, str]:
        """Return the checksums of a file in a state, by their kinds."""
        with self._lock:
            rows = self._select(state.device, state.inode)
        today, found = _today(), {}
        for kind, size, mtime, ctime, value, used, crc in rows:
            if (size, mtime, ctime) != (state.size, state.mtime_ns, state.ctime_ns):
                continue
            if not _is_whole(state, kind, value, crc):
                continue
            found[kind] = value
            if not (isinstance(used, int) and 0 <= today - used < _DAYS_OF_A_USE):
                row = _row(state, kind, value, today)
                self._used[state.device, state.inode, kind] = row
        if len(self._used) >= _MOST_USED:
            self.add(())
        return found

    def add(self, checksums: Iterable[tuple[FileState, str, str]]) -> None:
        """Store checksums: the state of each file, the kind, and the value."""
        today = _today()
        new = [_row(state, kind, value, today) for state, kind, value in checksums]
        with self._lock:
            # New ones last, as they may replace some that were used.
            rows = [*self._used.values(), *new]
            self._used = {}
            database = self._open() if rows and self._is_writable else None
            if database is not None:
                self._write(database, rows)

    def close(self) -> None:
        """Note which checksums were used, and close the database."""
        self.add(())
        with self._lock:
            self._close()

    def _close(self) -> None:
        for database in (self._copy, self._database):
            if database is not None:
                with suppress(Exception):
                    database.close()
        self._copy = self._database = None

    def _select(self, device: str, inode: int) -> list[tuple[Any, ...]]:
        database = self._open()
        if database is None:
            return []
        try:
            self._lookups += 1
            if self._is_remote and self._lookups > _DIRECT_LOOKUPS:
                database = self._private_copy(database)
            return database.execute(_SELECT, (inode, device)).fetchall()
        except _errors() as error:
            self._give_up(error)
            return []

    def _private_copy(self, database: Connection) -> Connection:
        """Return a copy of the database in a temporary file, which needs no locks."""
        if self._copy is None:
            from sqlite3 import connect

            self._copy = connect("", isolation_level=None, check_same_thread=False)
            database.backup(self._copy)
        return self._copy

    def _write(self, database: Connection, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                database.executemany(_INSERT, rows)
                self._evict(database)
                database.execute("COMMIT")
            except BaseException:
                with suppress(Exception):
                    database.execute("ROLLBACK")
                raise
        except _errors() as error:
            if _is_busy(error):
                logger.debug("The checksum cache %s is locked: it is not updated", self._path)
            elif _is_damage(error):
                self._give_up(error)
            else:
                self._is_writable = False
                self._warn("is not updated", error)

    def _evict(self, database: Connection) -> None:
        """Delete the rows that were not used for longest, if the database is too large."""
        pages, free, size = (
            database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size <= self._max_bytes:
            return
        kept = int(_KEPT_SHARE * database.execute("SELECT count(*) FROM checksums").fetchone()[0])
        oldest = database.execute(
            "SELECT used FROM checksums ORDER BY used DESC LIMIT 1 OFFSET ?", (kept,)
        ).fetchone()
        database.execute("DELETE FROM checksums WHERE used < ?", oldest)
        left = database.execute("SELECT count(*) FROM checksums").fetchone()[0]
        if left > kept:
            # All of these were used on one day.
            database.execute(
                "DELETE FROM checksums WHERE (inode, device, kind) IN "
                "(SELECT inode, device, kind FROM checksums WHERE used = ? LIMIT ?)",
                (*oldest, left - kept),
            )

    def _open(self) -> Connection | None:
        if not self._is_opened:
            self._is_opened = True
            try:
                self._database = self._connect()
            except (_ForeignError, OSError) as error:
                self._warn("is not used", error)
            except _errors() as error:
                self._give_up(error)
        return self._database

    def _connect(self) -> Connection:
        """Open the database, and make it if it is missing or empty.

        Raises:
            OSError: it cannot be made.
            _ForeignError: it is another file, which stays as it is.
            sqlite3.Error: it is damaged or cannot be read, or is locked for too long.
        """
        from sqlite3 import connect

        _make(self._path)
        self._check_owner()
        database = connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            # Not WAL, in which processes share memory: network file systems have none of it.
            # https://www.sqlite.org/wal.html Nor is anything flushed to the disk: a cache may be
            # lost when the power is, and what is damaged then is found.
            database.execute("PRAGMA synchronous = OFF")
            # To keep the journal is what a file system does fastest.
            database.execute("PRAGMA journal_mode = PERSIST")
            database.execute(f"PRAGMA journal_size_limit = {_MAX_JOURNAL_BYTES}")
            if _version(database) != (_APPLICATION_ID, _VERSION):
                _make_table(database)
        except BaseException:
            database.close()
            raise
        return database

    def _check_owner(self) -> None:
        """Check that no other user can write to the database, or to what SQLite restores it from.

        Raises:
            OSError: another one can, or it is not a regular file.
        """
        self._check_file(os.stat(self._path))  # noqa: PTH116
        with suppress(FileNotFoundError):
            self._check_file(os.lstat(self._path + _JOURNAL))

    def _check_file(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it, or its journal, is not a regular file")
        # An access point of EFS has an owner of its own.
        is_other = not self._is_remote and found.st_uid != os.geteuid()
        if is_other or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(errno.EPERM, "other users can write to it")

    def _give_up(self, error: Exception) -> None:
        """Go on without the database, and delete it if it is damaged."""
        self._close()
        self._is_writable = False
        if _is_busy(error):
            logger.debug("The checksum cache %s is locked: it is not used", self._path)
        elif not _is_damage(error):
            self._warn("is not used", error)
        elif not _may_be_ours(self._path):
            self._warn("is not used", _ForeignError())
        else:
            self._warn("is damaged, and is deleted", error)
            for ending in (_JOURNAL, ""):
                with suppress(OSError):
                    Path(self._path + ending).unlink()

    def _warn(self, what: str, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        logger.warning("the checksum cache %s %s: %s", self._path, what, reason)


class _ForeignError(Exception):
    """The file is not a checksum cache."""

    def __str__(self) -> str:
        return "it is no checksum cache. Name another file, or delete it"


def _errors() -> tuple[type[Exception], ...]:
    """Return the errors of SQLite; damaged text is an error of Python, as also in messages."""
    # Not at import: few syncs have a cache.
    from sqlite3 import Error

    return Error, UnicodeDecodeError


def _is_busy(error: Exception) -> bool:
    return _code(error) in (5, 6)


def _is_damage(error: Exception) -> bool:
    # SQLITE_CORRUPT, SQLITE_NOTADB, and SQLITE_ERROR for a table that is missing or another one.
    return _code(error) in (1, 11, 26)


def _code(error: Exception) -> int:
    # The lowest byte is the primary result code. https://www.sqlite.org/rescode.html
    return getattr(error, "sqlite_errorcode", 1) & 0xFF


def _make(path: str) -> None:
    """Make an empty file that only its owner can read, and its folder, if they are missing."""
    os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return


def _may_be_ours(path: str) -> bool:
    """Return whether a damaged file was a checksum cache, or has nothing in it that could be lost.

    Not for files that SQLite has open: to close a file ends all locks of the process on it.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            header = file.read(_HEADER_BYTES)
    except OSError:
        return False
    return not header.strip(b"\0") or header[68:72] == _APPLICATION_ID.to_bytes(4, "big")


def _version(database: Connection) -> tuple[int, int]:
    names = ("application_id", "user_version")
    application, version = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return application, version


def _make_table(database: Connection) -> None:
    """Make the table, in place of that of another version.

    Raises:
        _ForeignError: the database is another one.
    """
    database.execute("BEGIN IMMEDIATE")
    application, version = _version(database)
    # Another process may have made it meanwhile.
    if (application, version) != (_APPLICATION_ID, _VERSION):
        is_empty = not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != _APPLICATION_ID and not is_empty:
            raise _ForeignError
        database.execute("DROP TABLE IF EXISTS checksums")
        for statement in _SCHEMA.split(";"):
            database.execute(statement)
    database.execute("COMMIT")


def _row(state: FileState, kind: str, value: str, day: int) -> tuple[object, ...]:
    crc = _crc(state, kind, value)
    return (
        state.device,
        state.inode,
        kind,
        state.size,
        state.mtime_ns,
        state.ctime_ns,
        value,
        day,
        crc,
    )


def _is_whole(state: FileState, kind: object, value: object, crc: object) -> bool:
    if not (isinstance(kind, str) and isinstance(value, str)):
        return False
    if not (_KIND.fullmatch(kind) and _VALUE.fullmatch(value)):
        return False
    return crc == _crc(state, kind, value)


def _crc(state: FileState, kind: str, value: str) -> int:
    return zlib.crc32(repr((*state, kind, value)).encode())


def _today() -> int:
    return int(time.time()) // _SECONDS_A_DAY
