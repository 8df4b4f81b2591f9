"""Copy of local files."""

import errno
import io
import os
import random
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from aibs_informatics_aws_lambda.common.files import filename_in_errors

from ...local.descent import descend
from ...local.files import (
    check_length,
    check_unchanged,
    data_spans,
    has_no_holes,
    read_to_end,
    same_content,
)
from ...local.folders import Folder, Folders, open_folder
from ...local.hdf5 import check_closed
from ...local.staging import StagedFile, Staging
from ...progress import CheckDeadline, OnBytes, activity
from ..context import ExecutionContext
from ..diff import Step
from ..report import NO_EVIDENCE, Evidence
from ..routes import Route
from .method import Buffered

_BLOCK_BYTES = 2**20

# Up to this size a file passes through memory: its copy is written as a whole, with its mode.
_SMALL_BYTES = 256 * 2**10

_RANGE_BYTES = 2**24
# Of file systems, or of two of them, that have no such copies.
_NO_RANGES = frozenset(
    {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF, errno.EPERM}
)

# Waits double, with jitter.
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 10.0


class LocalCopy:
    """Copies files, with their permissions, to temporary files, and renames these when complete.

    Args:
        route: the route.
        folders: the directories of the targets.
        context: the threads that copy, and the options of the sync.
        on_published: called with the seconds that it took to write and rename a file, from any
            thread.
    """

    buffered: Buffered = ()

    def __init__(
        self,
        route: Route,
        folders: Folders,
        context: ExecutionContext,
        on_published: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._route = route
        self._context = context
        self._check = context.budget.check
        self._staging = Staging(folders)
        self._on_published = on_published
        # A copy that the system makes cannot be slowed down.
        self._copies_ranges = hasattr(os, "copy_file_range") and context.limits is None

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[None]:
        """Start to copy a file."""
        staged = self._staging.file(self._route.target.at(step.target))
        return self._context.pool.submit(self._copy, step, staged, on_bytes)

    def publish(self, step: Step, _: None) -> Evidence:  # noqa: ARG002
        """Do nothing: the thread that copies has renamed the file."""
        return NO_EVIDENCE

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool:
        """Return whether the file at the target has the same content."""
        source = self._route.source.at(step.entry.relative)
        target, checksums = self._route.target.at(step.target), self._context.checksums
        if checksums is None or checksums.is_cheap(source):
            return same_content(source, target, check)
        if checksums.are_same(source, target):
            return True
        begun = checksums.begin(source), checksums.begin(target)
        is_same = same_content(source, target, check)
        checksums.note_compared(begun, source, target, is_same=is_same)
        return is_same

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:  # noqa: ARG002
        """Return false: all bytes were compared in place of checksums."""
        return False

    def restore(self, step: Step, folder: Folder | None, name: str) -> None:
        """Do nothing: no attributes are preserved."""

    def discard(self, received: Sequence[tuple[Step, Any]]) -> None:
        """Do nothing: a copy that fails deletes its temporary file."""

    def _copy(self, step: Step, staged: StagedFile, on_bytes: OnBytes | None) -> None:
        # EIO is how NFS, and so EFS, reports a broken connection.
        for attempt in range(self._context.retries + 1):
            try:
                self._copy_once(step, staged, on_bytes)
            except OSError as error:
                if error.errno != errno.EIO or attempt == self._context.retries:
                    raise
                wait = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
                activity.retry_at = max(activity.retry_at, time.monotonic() + wait)
                time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311
            else:
                return

    def _copy_once(self, step: Step, staged: StagedFile, on_bytes: OnBytes | None) -> None:
        source, checksums = self._route.source.at(step.entry.relative), self._context.checksums
        begun = None
        try:
            check_closed(source)
            with filename_in_errors(source), open(source, "rb", 0) as reader:  # noqa: PTH123
                found = os.fstat(reader.fileno())
                is_small = step.entry.size <= _SMALL_BYTES and has_no_holes(found)
                content = self._read(reader, step.entry.size) if is_small else None
                start = time.perf_counter()
                if content is None:
                    begun = checksums.begin(source) if checksums else None
                    staged.open()
                    self._write(reader, staged, step.entry.size, on_bytes)
            modified, mode = self._context.time_to_set(step.entry), stat.S_IMODE(found.st_mode)
            if begun is not None:
                modified = modified or time.time()
            if content is None:
                staged.complete(mode, modified, fsync=self._context.fsync)
            else:
                staged.write_whole(content, modified, mode, fsync=self._context.fsync)
            check_unchanged(source, step.entry)
            if self._context.backup is not None:
                self._context.backup.keep(self._route, step)
            self._staging.publish(staged, is_new=step.there is None)
            if content is not None:
                self._on_published(time.perf_counter() - start)
            elif checksums and modified:
                folder, name = staged.target_folder, staged.target_name
                checksums.note_copy(begun, source, folder, name, modified)
        except BaseException:
            staged.discard()
            raise

    def _read(self, reader: io.FileIO, size: int) -> bytes:
        """Return the content of a small file."""
        content = read_to_end(reader, size)
        if self._context.limits is not None:
            self._context.limits.take(size, check=self._check)
        return content

    def _write(
        self, reader: io.FileIO, staged: StagedFile, size: int, on_bytes: OnBytes | None
    ) -> None:
        """Write the content of a file; its holes, which take no space, stay holes."""
        # Not shutil.copyfile, which cannot be stopped half-way through a large file. One byte more
        # than the file had when it was listed shows that it has grown.
        limits = self._context.limits
        at_once = _BLOCK_BYTES if limits is None else limits.block_bytes or _BLOCK_BYTES
        block = memoryview(bytearray(min(_BLOCK_BYTES, at_once, size + 1)))
        for start, end in data_spans(reader.fileno(), size):
            if start:
                reader.seek(start)
                staged.seek(start)
            self._copy_range(reader, staged, min(end, size), on_bytes)
            while count := reader.readinto(block[: end - reader.tell()]):
                self._check()
                if limits is not None:
                    limits.take(count, check=self._check)
                staged.write(block[:count])
                if on_bytes:
                    on_bytes(count)
            if reader.tell() != min(end, size):
                check_length(reader.name, size, reader.tell())
        staged.end_at(size)

    def _copy_range(
        self, reader: io.FileIO, staged: StagedFile, end: int, on_bytes: OnBytes | None
    ) -> None:
        """Copy up to an end within one file system, which may share blocks, or copy at its server.

        What it does not copy is left to be read and written.
        """
        fd = reader.fileno()
        while self._copies_ranges and (left := end - reader.tell()) > 0:
            self._check()
            try:
                count = os.copy_file_range(fd, staged.fd, min(left, _RANGE_BYTES))
            except OSError as error:
                if error.errno not in _NO_RANGES:
                    raise OSError(
                        error.errno, error.strerror, reader.name, None, staged.target
                    ) from None
                self._copies_ranges = False
                return
            if not count:
                # Files of /proc have more than their size tells, and none of it this way.
                return
            if on_bytes:
                on_bytes(count)


def copy_folders(source: str, folders: Folders) -> None:
    """Make each directory below a source at the destination as well, also empty ones.

    Args:
        source: the path of the source.
        folders: the directories at the destination.

    Raises:
        OSError: a directory cannot be read or made.
    """
    above, _, name = os.path.realpath(source).rpartition("/")
    top = len(name) + 1

    def enter(fd: int, path: str) -> Iterator[str]:
        folders.make(path[top:])
        with os.scandir(fd) as children:
            yield from [child.name for child in children if child.is_dir(follow_symlinks=False)]

    descend(open_folder(above), name or ".", enter)
