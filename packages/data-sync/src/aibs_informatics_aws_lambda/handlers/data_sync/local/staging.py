"""Temporary files, in which content is assembled before it is renamed to its target."""

import errno
import itertools
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from .folders import Folder, Folders, make_directories, open_folder, set_mode

# Longer than from one write of a file to the next. Older files are left over from killed syncs.
_LEFTOVER_SECONDS = 86400.0

_TEMPORARY_NAME = re.compile(r"\..{0,48}\.[0-9a-f]{12}-\d+-\d+\.tmp", re.DOTALL)

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
# Nobody else reads what is not complete, or has not got its own permissions yet.
_PRIVATE = 0o600
_DESCRIPTORS = "/proc/self/fd"

# With the process id and a number, a name that no other machine gives either.
_OWN = os.urandom(6).hex()
_numbers = itertools.count()


def temporary_path(target: str) -> str:
    """Return a hidden path beside a file, at which it can be written before it is renamed."""
    folder, _, name = target.rpartition("/")
    return f"{folder}/{temporary_name(name)}"


def path_beside(target: str) -> str:
    """Return `temporary_path` of a file, whose missing parents are made.

    Raises:
        OSError: one of them cannot be made.
    """
    make_directories(target.rpartition("/")[0] or "/")
    return temporary_path(target)


def temporary_name(name: str) -> str:
    """Return a hidden name under which a file of a name can be written before it is renamed."""
    # Names have at most 255 bytes, and a character up to four.
    return f".{name[:48]}.{_OWN}-{os.getpid()}-{next(_numbers)}.tmp"


def is_temporary(path: str) -> bool:
    """Return whether a file has the name of a temporary file of a sync."""
    return path.endswith(".tmp") and bool(_TEMPORARY_NAME.fullmatch(path.rpartition("/")[2]))


def is_in_use(path: str, modified: float) -> bool:
    """Return whether a file may be the temporary file of a sync that is running.

    Args:
        path: its path.
        modified: when it was last modified, in seconds since 1970 UTC.
    """
    return is_temporary(path) and time.time() - modified < _LEFTOVER_SECONDS


@dataclass(slots=True)
class StagedFile:
    """A file that is written under a temporary name, and renamed to its target when complete.

    Only its owner can read it until it is published, unless it is written as a whole.

    Args:
        folder: the directory in which it is written.
        name: its temporary name.
        target_folder: the directory of its target.
        target_name: the name of its target.
        fd: its file descriptor, as long as it is open.
        may_exist: whether it is to be deleted if it is not published.
    """

    folder: Folder
    name: str
    target_folder: Folder
    target_name: str
    fd: int = -1
    may_exist: bool = False

    @property
    def target(self) -> str:
        """The path of the target, for messages."""
        return self.target_folder.path + self.target_name

    def open(self) -> int:
        """Create the file, and return its file descriptor.

        Raises:
            OSError: it cannot be created.
        """
        self.fd = self._create(_PRIVATE)
        return self.fd

    def open_path(self) -> str:
        """Create the file, and return a path at which others can open it to write.

        Raises:
            OSError: it cannot be created.
        """
        fd = self.open()
        # The path of the descriptor leads to this very file, whatever becomes of its folder.
        if os.path.isdir(_DESCRIPTORS):  # noqa: PTH112
            return f"{_DESCRIPTORS}/{fd}"
        return self.folder.path + self.name

    def write_whole(
        self,
        content: bytes,
        modified: float | None = None,
        mode: int | None = None,
        *,
        fsync: bool = False,
    ) -> None:
        """Write all of the file at once, with its final permissions, and close it.

        Args:
            content: the content.
            modified: the modification time in seconds since 1970 UTC; by default now.
            mode: the permissions; by default those of a new file.
            fsync: whether to wait until the content is on the disk.

        Raises:
            OSError: it cannot be written.
        """
        # A change of permissions would be one more operation for each of millions of files.
        self.fd = self._create(0o666 if mode is None else mode & 0o777)
        try:
            self.write(content)
            if mode is not None and stat.S_IMODE(os.fstat(self.fd).st_mode) != mode:
                set_mode(self.fd, mode)
            self._finish(modified, fsync=fsync)
        finally:
            self._close()

    def write(self, content: bytes | memoryview) -> None:
        """Write the next bytes of the open file.

        Raises:
            OSError: they cannot be written.
        """
        try:
            while content:
                content = content[os.write(self.fd, content) :]
        except OSError as error:
            # Not by `filename_in_errors`: a context manager is too slow for millions of files.
            error.filename = self.target
            raise

    def seek(self, position: int) -> None:
        """Leave a hole in the open file before the next bytes."""
        os.lseek(self.fd, position, os.SEEK_SET)

    def end_at(self, size: int) -> None:
        """End the open file in a hole, if it is shorter than its size."""
        if os.lseek(self.fd, 0, os.SEEK_CUR) < size:
            os.ftruncate(self.fd, size)

    def complete(
        self, mode: int | None = None, modified: float | None = None, *, fsync: bool = False
    ) -> None:
        """Give the open file its final permissions, and close it.

        Args:
            mode: the permissions; by default those of a new file.
            modified: the modification time in seconds since 1970 UTC; by default now.
            fsync: whether to wait until the content is on the disk.

        Raises:
            OSError: it cannot be written.
        """
        try:
            set_mode(self.fd, 0o666 & ~_umask() if mode is None else mode)
            self._finish(modified, fsync=fsync)
        finally:
            self._close()

    def _finish(self, modified: float | None, *, fsync: bool) -> None:
        try:
            if modified is not None:
                os.utime(self.fd, (modified, modified))
            if fsync:
                os.fsync(self.fd)
        except OSError as error:
            error.filename = self.target
            raise

    def publish(self) -> None:
        """Rename the file to its target.

        Raises:
            OSError: it cannot be renamed.
        """
        try:
            self._rename()
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise OSError(error.errno, error.strerror, self.target) from None
            self.copy_to_target()
            self.discard()

    def discard(self) -> None:
        """Close and delete the file, if it is there.

        Raises:
            OSError: it cannot be deleted.
        """
        # Of content that nobody wants, an error does not matter.
        with suppress(OSError):
            self._close()
        if not self.may_exist:
            # On a read-only file system, even the deletion of no file is an error.
            return
        try:
            os.unlink(self.name, dir_fd=self.folder.fd)
        except FileNotFoundError:
            return
        except OSError as error:
            error.filename = self.folder.path + self.name
            raise

    def is_in_other_case(self) -> bool:
        """Return whether the file is there under its name in other case as well."""
        return _find(f"{self.name[:-3]}{self.name[-3:].swapcase()}", self.folder) is not None

    def is_target_there(self) -> bool:
        """Return whether there is a file at the target."""
        found = _find(self.target_name, self.target_folder)
        return found is not None and stat.S_ISREG(found.st_mode)

    def _create(self, mode: int) -> int:
        # Before it is: an interruption may come as soon as it is there.
        self.may_exist = True
        try:
            return os.open(self.name, _NEW, mode, dir_fd=self.folder.fd)
        except OSError as error:
            self.may_exist = False
            raise OSError(error.errno, error.strerror, self.target) from None

    def _close(self) -> None:
        """Close the file, if it is open.

        Raises:
            OSError: what was written is not on the disk, as network file systems may say only now.
        """
        if self.fd < 0:
            return
        # An error closes it as well: by then, its number may be that of another thread's file.
        fd, self.fd = self.fd, -1
        try:
            os.close(fd)
        except OSError as error:
            error.filename = self.target
            raise

    def _rename(self) -> None:
        os.replace(
            self.name,
            self.target_name,
            src_dir_fd=self.folder.fd,
            dst_dir_fd=self.target_folder.fd,
        )

    def copy_to_target(self) -> None:
        """Copy the file, which stays, to its target, which may be on another file system.

        Raises:
            OSError: it cannot be copied.
        """
        name = temporary_name(self.target_name)
        beside = StagedFile(self.target_folder, name, self.target_folder, self.target_name)
        try:
            reader = os.open(self.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self.folder.fd)
            with open(reader, "rb") as source, open(beside.open(), "wb", closefd=False) as target:  # noqa: PTH123
                shutil.copyfileobj(source, target)
                found = os.fstat(reader)
            beside.complete(stat.S_IMODE(found.st_mode), found.st_mtime, fsync=True)
            beside.publish()
        except BaseException:
            beside.discard()
            raise


@dataclass
class Staging:
    """Gives out temporary files for targets, and makes the missing parents of these.

    Args:
        folders: the directories of the targets.
        directory: the directory for the temporary file of a single object; by default each lies
            beside its target.
    """

    folders: Folders
    directory: str | None = None
    _ignores_case: bool | None = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def file(self, target: str) -> StagedFile:
        """Return the temporary file for a target, which does not exist yet.

        Raises:
            OSError: the directory of the target cannot be made.
        """
        name = target.rpartition("/")[2]
        temporary = temporary_name(name)
        parent = self.folders.make_parent(target)
        if self.directory is None:
            return StagedFile(parent, temporary, parent, name)
        return StagedFile(open_folder(os.path.realpath(self.directory)), temporary, parent, name)

    def publish(self, staged: StagedFile, *, is_new: bool) -> None:
        """Rename a temporary file to its target.

        On a file system that ignores case, as many of other systems do, a target at which nothing
        was listed may be there under another name. That file is another one of this sync, whose
        content would be lost, or one that would be deleted as extraneous.

        Args:
            staged: the temporary file.
            is_new: whether nothing was listed at the target.

        Raises:
            FileExistsError: the target is there under another name.
            OSError: the file cannot be renamed.
        """
        if not is_new or not self._is_case_ignored(staged):
            staged.publish()
            return
        # One at a time: two files of one name may be published at once.
        with self._lock:
            if staged.is_target_there():
                raise FileExistsError(
                    f"{staged.target} exists under a name in other case, as its file system "
                    "ignores case, or was made during the sync: rename or exclude one of the two, "
                    "and sync again"
                )
            staged.publish()

    def _is_case_ignored(self, staged: StagedFile) -> bool:
        if self._ignores_case is None:
            self._ignores_case = staged.is_in_other_case()
        return self._ignores_case


def _find(name: str, folder: Folder) -> os.stat_result | None:
    """Return what there is at a name in a folder, if anything."""
    try:
        return os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _umask() -> int:
    """Return the umask of the process."""
    # Linux shows it without a change, which other threads would see.
    try:
        with open("/proc/self/status", "rb") as status:  # noqa: PTH123
            found = next(line for line in status if line.startswith(b"Umask:"))
        return int(found.split()[1], 8)
    except (OSError, StopIteration):
        umask = os.umask(0o077)
        os.umask(umask)
        return umask


def find_staging_root(destination: str) -> str:
    """Return the mount point that a path lies at, or its first directory where that is ``/``."""
    path = Path(destination)
    for parent in path.parents:
        if os.path.ismount(parent) and parent != Path("/"):
            return str(parent)
    return str(Path(*path.parts[:2]))


@contextmanager
def staging_folder(root: str) -> Iterator[str]:
    """Make a private directory in another one, and delete it at the end.

    Raises:
        FileNotFoundError: the other directory does not exist.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(
            f"cannot stage the object in {root}: no such directory. Make it, or set custom_tmp_dir"
        )
    with tempfile.TemporaryDirectory(prefix=".data-sync-", dir=root) as folder:
        yield folder
