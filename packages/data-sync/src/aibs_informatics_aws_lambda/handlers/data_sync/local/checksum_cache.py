"""Checksums of local files that have not changed since they were computed.

A file is taken for unchanged if its device, inode, size, time of modification and time of change
are the same, in nanoseconds. Programs can set the time of modification, but not the time of
change. As in an index of git, a file that has just changed is not stored: it may change again
within one tick of the clock. https://git-scm.com/docs/racy-git
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import signal
import stat
import time
from collections.abc import Iterator, Mapping
from threading import Lock
from types import MappingProxyType
from typing import Final

from .checksum_store import ChecksumStore, FileState
from .folders import Folder
from .mounts import file_systems

SAME_CONTENT: Final = "same"
"""The kind of a value that files have in common whose contents were compared with each other."""

_SECOND_NS: Final = 1_000_000_000
# Longer than a tick of the clock that files are stamped with, and that of coarse file systems.
_TICK_NS: Final = 20_000_000
_COARSE_NS: Final = 2_100_000_000
# A page that was changed through a mapping is on the disk after about 35 s, and so is a write that
# has begun. Only then another change shows.
_WRITEBACK_NS: Final = 120 * _SECOND_NS
# The clock of a server whose time was not seen: S3 serves machines that differ by less.
_SKEW_NS: Final = 15 * 60 * _SECOND_NS

# On a local disk, 16 KiB are read and compared in 50 µs, or hashed in 150 µs; a file is looked up
# in 30 µs, and stored in 7 µs. On network file systems, to open a file takes a millisecond.
_SMALL_BYTES: Final = 16 * 2**10

_MOST_PENDING: Final = 4096
# Files that were changed here within the last seconds.
_MOST_YOUNG: Final = 65536
# After so many files without a lease, the file system is taken for one that has none.
_MOST_REFUSALS: Final = 16

# Those that keep a time of change of their own, by the clock of this machine.
_LOCAL_TYPES: Final = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"}
)
# In memory, a page that was read through a mapping is changed without any time of change.
_MEMORY_TYPES: Final = frozenset({"devtmpfs", "hugetlbfs", "ramfs", "tmpfs"})
# And by the clock of a server.
_SERVER_TYPES: Final = frozenset({"ceph", "lustre", "nfs", "nfs4"})

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_INT64: Final = range(-(2**63), 2**63)
_SAME_TIME_SECONDS: Final = 1e-6


class ChecksumCache:
    """Finds and stores checksums of files, from any thread.

    A checksum has a kind: for ETags of objects, see `s3.etags`; see also `SAME_CONTENT`.

    Args:
        path: the path of the database.
        reads: whether checksums are found. Where they are only stored, all files are read.
    """

    def __init__(self, path: str, *, reads: bool = True) -> None:
        self._path = path
        self._reads = reads
        self._mounts = file_systems()
        self._lock = Lock()
        # By state and kind: the value, and the time by `time.monotonic_ns` from which on a change
        # of the file changes its state.
        self._pending: dict[FileState, dict[str, tuple[str, int]]] = {}
        self._most_pending = _MOST_PENDING
        # The latest time of each server that was seen, and `time.monotonic_ns` then.
        self._clocks: dict[int, tuple[int, int]] = {}
        # Devices on which a time of change was seen that is not that of a modification.
        self._distinct: set[int] = set()
        self._refusals = 0
        self._device = _device_at(path)
        self._store = ChecksumStore(path, is_remote=not self._is_local(self._device))

    def find(self, path: str) -> Mapping[str, str]:
        """Return the checksums of a file as it is now, by their kinds."""
        if not self._reads:
            return _NOTHING
        try:
            found = os.stat(path)  # noqa: PTH116
        except OSError:
            # Whoever reads the file reports it.
            return _NOTHING
        return self._find(found)

    def is_cheap(self, path: str) -> bool:
        """Return whether a file is read as fast as it is looked up."""
        try:
            return not self._is_worth(os.stat(path))  # noqa: PTH116
        except OSError:
            # Whoever reads the file reports it.
            return True

    def begin(self, path: str) -> FileState | None:
        """Return the state of a file that is about to be read, or `None` not to store it."""
        try:
            found = os.stat(path)  # noqa: PTH116
        except OSError:
            return None
        if not (self._is_worth(found) and self._is_trusted(found)):
            return None
        if found.st_ctime_ns >= self._settled_before(found) or self._is_written(path, found):
            return None
        return self._state(found)

    def end(self, begun: FileState | None, path: str, kind: str, value: str) -> None:
        """Store a checksum of a file that was read, unless it has changed in the meantime.

        Args:
            begun: what `begin` has returned.
            path: the path of the file.
            kind: the kind of the checksum.
            value: the checksum.
        """
        if begun is None:
            return
        try:
            found = os.stat(path)  # noqa: PTH116
        except OSError:
            return
        if self._state(found) == begun:
            self._add(begun, kind, value)

    def are_same(self, path: str, other: str) -> bool:
        """Return whether two files are known to have the same content."""
        token = self.find(path).get(SAME_CONTENT)
        return token is not None and token == self.find(other).get(SAME_CONTENT)

    def note_compared(
        self,
        begun: tuple[FileState | None, FileState | None],
        path: str,
        other: str,
        *,
        is_same: bool,
    ) -> None:
        """Store whether two files have the same content, unless they have changed meanwhile.

        Args:
            begun: what `begin` has returned for either.
            path: the path of the one.
            other: the path of the other.
            is_same: whether they have.
        """
        if begun[0] is None or begun[1] is None:
            return
        token = self._token(begun[0])
        self.end(begun[0], path, SAME_CONTENT, token)
        # What was the same before, and is not, was changed behind the file system: by the disk.
        self.end(begun[1], other, SAME_CONTENT, token if is_same else _new_token())

    def note_copy(
        self, begun: FileState | None, path: str, folder: Folder, name: str, modified: float
    ) -> None:
        """Store that a file, which has just got its name, is a copy of another one.

        Args:
            begun: what `begin` has returned for the other.
            path: the path of the other.
            folder: its directory.
            name: its name.
            modified: see `note_published`.
        """
        if begun is not None:
            token = self._token(begun)
            self.end(begun, path, SAME_CONTENT, token)
            self.note_published(folder, name, begun.size, modified, SAME_CONTENT, token)

    def note_published(
        self, folder: Folder, name: str, size: int, modified: float, kind: str, value: str
    ) -> None:
        """Store a checksum of a file that was written here, and has just got its name.

        Args:
            folder: its directory.
            name: its name.
            size: its size in bytes.
            modified: the modification time that it was given, in seconds since 1970 UTC: whoever
                writes to it gives it another one.
            kind: the kind of the checksum.
            value: the checksum.
        """
        try:
            found = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
        except OSError:
            return
        is_ours = abs(found.st_mtime - modified) < _SAME_TIME_SECONDS
        if found.st_size == size and is_ours and self._is_worth(found):
            self._add_young(found, kind, value)

    def touch(self, folder: Folder, name: str, size: int, seconds: float) -> bool:
        """Set the modification time of a file, and keep what is known of it.

        This takes a lease, which the system grants if nobody can write to the file meanwhile: such
        a change would get lost in the time that is set. NFS, and so EFS, grants none.

        Args:
            folder: its directory.
            name: its name.
            size: its size as it was listed.
            seconds: the time in seconds since 1970 UTC.

        Returns:
            Whether it was set.

        Raises:
            OSError: the file cannot be changed.
        """
        is_small = size < _SMALL_BYTES and self._is_local(os.fstat(folder.fd).st_dev)
        if is_small or self._refusals >= _MOST_REFUSALS:
            return False
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder.fd)
        except OSError:
            return False
        try:
            if not self._has_lease(fd):
                return False
            known = self._find(os.fstat(fd))
            os.utime(fd, (seconds, seconds))
            after = os.fstat(fd)
        finally:
            os.close(fd)
        for kind, value in known.items():
            self._add_young(after, kind, value)
        return True

    def close(self) -> None:
        """Store what is new, and close the database.

        This may wait for a tick of the clock: whatever changes a file later changes its state.
        """
        with self._lock:
            pending, self._pending = self._pending, {}
        last = max((at for kinds in pending.values() for _, at in kinds.values()), default=0)
        left = last - time.monotonic_ns()
        if 0 < left <= _TICK_NS:
            time.sleep(left / _SECOND_NS)
        self._store.add(_settled(pending))
        self._store.close()

    def _find(self, found: os.stat_result) -> Mapping[str, str]:
        if not self._is_worth(found):
            return _NOTHING
        state = self._state(found)
        known = self._store.find(state)
        with self._lock:
            known |= {kind: value for kind, (value, _) in self._pending.get(state, {}).items()}
        return known

    def _token(self, state: FileState) -> str:
        """Return what a file has in common with those that have its content."""
        with self._lock:
            pending = self._pending.get(state, {}).get(SAME_CONTENT)
        if pending is not None:
            return pending[0]
        return self._store.find(state).get(SAME_CONTENT) or _new_token()

    def _add(self, state: FileState, kind: str, value: str, settled_at: int = 0) -> None:
        with self._lock:
            self._pending.setdefault(state, {})[kind] = value, settled_at
            if len(self._pending) < self._most_pending:
                return
            stored = list(_settled(self._pending))
            for settled, *_ in stored:
                self._pending.pop(settled, None)
            if len(self._pending) > _MOST_YOUNG:
                self._pending.clear()
            self._most_pending = len(self._pending) + _MOST_PENDING
        self._store.add(stored)

    def _add_young(self, found: os.stat_result, kind: str, value: str) -> None:
        """Store a checksum of a file that has just been changed here."""
        now = time.monotonic_ns()
        is_local = self._is_local(found.st_dev)
        if not is_local:
            self._clocks[found.st_dev] = found.st_ctime_ns, now
        if self._is_trusted(found):
            settled_at = now + (_margin(found) if is_local else _COARSE_NS)
            self._add(self._state(found), kind, value, settled_at)

    def _is_written(self, path: str, found: os.stat_result) -> bool:
        """Return whether a process may be changing a file without changing its state.

        A write sets the time of change before it copies the data, and so does the first one to a
        page of a mapping, but not those after it. Servers set the time whenever data arrive.
        """
        if not self._is_local(found.st_dev):
            return False
        has_writer = _has_writer(path)
        if has_writer is None or self._mounts[found.st_dev].kind == "overlay":
            # Mappings of a file on overlayfs are of the file below it.
            has_writer = has_writer or found.st_ctime_ns >= time.time_ns() - _WRITEBACK_NS
        return has_writer

    def _settled_before(self, found: os.stat_result) -> int:
        """Return the time before which a file was last changed if every change would show now."""
        if self._is_local(found.st_dev):
            return time.time_ns() - _margin(found)
        if found.st_dev == self._device and found.st_dev not in self._clocks:
            self._read_clock()
        seen = self._clocks.get(found.st_dev)
        if seen is None:
            return time.time_ns() - _SKEW_NS
        return seen[0] + time.monotonic_ns() - seen[1] - _COARSE_NS

    def _read_clock(self) -> None:
        """Let the server of the database tell its time, which it stamps files with."""
        try:
            os.utime(self._path)
            found = os.stat(self._path)  # noqa: PTH116
        except OSError:
            return
        self._clocks[found.st_dev] = found.st_ctime_ns, time.monotonic_ns()

    def _has_lease(self, fd: int) -> bool:
        """Take a lease on an open file, until it is closed, and tell whether it is granted."""
        try:
            _take_lease(fd)
        except OSError:
            self._refusals += 1
            return False
        self._refusals = 0
        return True

    def _is_worth(self, found: os.stat_result) -> bool:
        mount = self._mounts.get(found.st_dev)
        if mount is not None and mount.kind in _MEMORY_TYPES:
            return False
        is_small = found.st_size < _SMALL_BYTES and self._is_local(found.st_dev)
        return bool(found.st_size) and not is_small and stat.S_ISREG(found.st_mode)

    def _is_trusted(self, found: os.stat_result) -> bool:
        """Return whether a file has a time of change that tells of each change.

        Some file systems have none, and repeat the time of modification, which programs can set.
        """
        device, mount = found.st_dev, self._mounts.get(found.st_dev)
        if found.st_ctime_ns not in _INT64 or found.st_mtime_ns not in _INT64:
            return False
        if mount is not None and (mount.kind in _LOCAL_TYPES or mount.kind in _SERVER_TYPES):
            return True
        if found.st_ctime_ns != found.st_mtime_ns:
            self._distinct.add(device)
        return device in self._distinct

    def _is_local(self, device: int | None) -> bool:
        mount = None if device is None else self._mounts.get(device)
        return mount is not None and mount.kind in _LOCAL_TYPES

    def _state(self, found: os.stat_result) -> FileState:
        mount = self._mounts.get(found.st_dev)
        device = str(found.st_dev)
        if mount is not None and mount.kind in _SERVER_TYPES:
            # The number is another one on each machine.
            device = hashlib.sha256(os.fsencode(f"{mount.kind} {mount.source}")).hexdigest()[:16]
        # SQLite has no unsigned integers.
        inode = found.st_ino if found.st_ino in _INT64 else found.st_ino - 2**64
        return FileState(device, inode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _take_lease(fd: int) -> None:
    """Take a lease on an open file, until it is closed.

    Whoever wants to write waits until then; the signal that says so is one that is ignored.

    Raises:
        BlockingIOError: a process has the file open, or mapped, to write.
        OSError: there are no leases, or only for the owner of the file.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except AttributeError:
        # Linux alone has leases.
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP)) from None


def _has_writer(path: str) -> bool | None:
    """Return whether a process has a file open, or mapped, to write; `None` if that is unknown."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        # Whoever reads the file reports it.
        return None
    try:
        _take_lease(fd)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(fd)
    return False


def _new_token() -> str:
    return f"={os.urandom(16).hex()}"


def _margin(found: os.stat_result) -> int:
    """Return how long a change of a file on a local disk may not show, in nanoseconds."""
    return _TICK_NS if found.st_ctime_ns % _SECOND_NS else _COARSE_NS


def _settled(
    pending: Mapping[FileState, Mapping[str, tuple[str, int]]],
) -> Iterator[tuple[FileState, str, str]]:
    now = time.monotonic_ns()
    for state, kinds in pending.items():
        for kind, (value, settled_at) in kinds.items():
            if settled_at <= now:
                yield state, kind, value


def _device_at(path: str) -> int | None:
    """Return the device of a file, or of the directory that it will be made in."""
    folder = os.path.abspath(path)  # noqa: PTH100
    while True:
        try:
            return os.stat(folder).st_dev  # noqa: PTH116
        except OSError:
            parent = os.path.dirname(folder)  # noqa: PTH120
            if parent == folder:
                return None
            folder = parent
