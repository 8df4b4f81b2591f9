"""Backups: what a sync would replace or delete at its destination is kept at another path first.

A file is linked into the backup before another one is renamed to its name, and an object is copied
there, and looked at, before it is overwritten or deleted. At no time is it at neither path.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Protocol

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..local import folders, staging
from ..local.files import FileChangedError
from ..locations import Root, find_root
from ..s3.client import S3
from .diff import Step
from .request import SyncRequest
from .resolve import ResolvedSync
from .routes import Route

# A file system has no hard links, or not from here to there, or not for this user.
_NO_LINKS = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ELOOP}
)


class Backup(Protocol):
    """Keeps what is at the target of a step.

    Attributes:
        count: the number of files or objects that were kept.
    """

    count: int

    def keep(self, route: Route, step: Step) -> None:
        """Keep what is at the target of a step, if there is anything; for any thread."""


def find_backup_root(request: SyncRequest, resolved: ResolvedSync) -> Root | None:
    """Return the location of the backup of a sync, if there is one.

    Raises:
        ValueError: it is not the same kind of location as the destination, or overlaps with it or
            with the source, or with the backup of another file.
    """
    if request.backup_path is None:
        return None
    root = find_root(request.backup_path)
    if (root.bucket is None) != (resolved.destination.bucket is None):
        raise ValueError(
            f"the backup {root.name()} must be in S3 if the destination "
            f"{resolved.destination.name()} is, and a local path if that is one"
        )
    if request.switch:
        raise ValueError("a switch replaces the whole destination: leave out backup_path")
    ours = _folder(root)
    for side, other in (("source", resolved.source), ("destination", resolved.destination)):
        theirs = _folder(other)
        is_below = ours.path.startswith(theirs.path) or theirs.path.startswith(ours.path)
        if ours.bucket == theirs.bucket and is_below:
            raise ValueError(
                f"the backup {root.name()} and the {side} {other.name()} overlap: choose a "
                "location outside of it"
            )
    return ours


def _folder(root: Root) -> Root:
    path = os.path.realpath(root.path) if root.bucket is None else root.path
    path = path.rstrip("/")
    return root._replace(path=f"{path}/" if path or root.bucket is None else "")


class LocalBackup:
    """Links files into a folder, or copies them where they cannot be linked.

    Args:
        route: the route of the sync.
        root: the folder, which is made when it is needed.
    """

    def __init__(self, route: Route, root: Root) -> None:
        self.count = 0
        target = route.target.path
        self._targets = folders.Folders(target[: target.rfind("/") + 1])
        self._kept = folders.Folders(root.path)
        self._lock = Lock()

    def keep(self, route: Route, step: Step) -> None:
        """Keep the file or symlink at the target of a step, if there is one.

        Raises:
            FileChangedError: it is not the file that was listed there, which may be in the backup.
            OSError: it cannot be linked or copied.
        """
        path = route.target.at(step.target)
        kept = self._kept.root + (path.rpartition("/")[2] if route.single else step.target)
        try:
            with self._lock:
                folder, name = self._targets.locate(path)
                os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
                beside = self._kept.make_parent(kept)
        except FileNotFoundError:
            return
        kept_name = kept.rpartition("/")[2]
        check = partial(_check_listed, path, step)
        try:
            _link(folder, name, beside, kept_name, check)
        except FileChangedError:
            raise
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise OSError(error.errno, error.strerror, kept) from None
            check(os.stat(name, dir_fd=folder.fd, follow_symlinks=False))
            _copy(folder, name, beside, kept_name)
        with self._lock:
            self.count += 1


def _check_listed(path: str, step: Step, found: os.stat_result) -> None:
    """Check that a file that is to be replaced is the one that was listed there.

    Otherwise another sync has replaced it, or this one has, and was told an error all the same: by
    now, the one that was listed may be in the backup, where this one would take its place.
    """
    there = step.there
    if there is None:
        return
    if (found.st_size, found.st_mtime) != (there.size, there.modified):
        raise FileChangedError(
            f"{path} changed after it was listed: it is neither kept in the backup nor replaced. "
            "Sync again"
        )


def _link(
    folder: folders.Folder,
    name: str,
    beside: folders.Folder,
    kept_name: str,
    check: Callable[[os.stat_result], None],
) -> None:
    temporary = staging.temporary_name(kept_name)
    os.link(name, temporary, src_dir_fd=folder.fd, dst_dir_fd=beside.fd, follow_symlinks=False)
    try:
        # Of the link, whatever becomes of the name.
        check(os.stat(temporary, dir_fd=beside.fd, follow_symlinks=False))
    except BaseException:
        os.unlink(temporary, dir_fd=beside.fd)
        raise
    os.replace(temporary, kept_name, src_dir_fd=beside.fd, dst_dir_fd=beside.fd)
    with suppress(FileNotFoundError):
        # Where both names are links to one file, as after a sync that was killed, it stays.
        os.unlink(temporary, dir_fd=beside.fd)


def _copy(folder: folders.Folder, name: str, beside: folders.Folder, kept_name: str) -> None:
    try:
        symlink = os.readlink(name, dir_fd=folder.fd)
    except OSError:
        staging.StagedFile(folder, name, beside, kept_name).copy_to_target()
        return
    temporary = staging.temporary_name(kept_name)
    os.symlink(symlink, temporary, dir_fd=beside.fd)
    os.replace(temporary, kept_name, src_dir_fd=beside.fd, dst_dir_fd=beside.fd)


class S3Backup:
    """Copies objects below a key prefix, and looks at the copies.

    Args:
        target: the destination of the sync.
        root: the prefix.
        s3: the S3 client of the destination.
        pool: the threads that copy objects.
        is_tree: whether both an object and objects below its key are written: each keeps its
            place in the tree.
    """

    def __init__(
        self, target: Root, root: Root, s3: S3, pool: Executor, *, is_tree: bool = False
    ) -> None:
        # Few syncs have a backup in S3.
        from .plain_request import PlainObjectSettings
        from .transfers.s3_copy import S3Copy

        self.count = 0
        self._root = root
        self._is_tree = is_tree
        bucket = root._replace(path="")
        copied = Route(target._replace(path=""), bucket)
        self._copy = S3Copy(copied, s3, s3, pool, PlainObjectSettings(keep=True))
        self._lock = Lock()

    def keep(self, route: Route, step: Step) -> None:
        """Copy the object at the target of a step, if one was listed there.

        Raises:
            AWSError: it has changed, or the copy is not the same.
        """
        there = step.entry if step.action == "extraneous" else step.there
        if there is None:
            return
        key = route.target.at(step.target)
        kept = self._root.path + (key.rpartition("/")[2] if route.single else step.target)
        if route.single and self._is_tree:
            kept = self._root.path.rstrip("/")
        self._copy_checked(Step("transfer", "backup", kept, there._replace(relative=key)))
        with self._lock:
            self.count += 1

    def _copy_checked(self, step: Step) -> None:
        self._copy.copy(step)
        if not self._copy.has_same_checksum(step, lambda: None):
            raise AWSError(
                f"cannot back up {step.entry.relative} to {self._root.bucket}/{step.target}: the "
                "copy is not the same. The object was not changed: sync again"
            )
