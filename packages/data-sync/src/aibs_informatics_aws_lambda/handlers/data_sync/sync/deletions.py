"""Deletions of a sync: extraneous entries at the destination, synced entries at the source."""

import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import partial
from itertools import groupby, islice
from typing import NamedTuple, TypeAlias

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError

from ..entries import Entry
from ..evidence import StoredObject, check_moved, have_same_content
from ..local.delete import delete_empty_directories, delete_empty_parents, delete_in
from ..local.descent import Pace
from ..local.files import check_unchanged
from ..local.folders import Folder, Folders
from ..locations import Root
from ..s3 import requests
from ..s3.client import S3
from ..s3.deletion import delete_unchanged, honours_conditions
from ..s3.listing import find_object, list_below
from ..s3.xml import fits_xml
from .context import ExecutionContext
from .deadline import OutOfTimeError
from .diff import Step
from .move_marker import move_marker
from .planner import Plan
from .result import Outcome
from .routes import Route
from .steps import Steps
from .window import Window

OnDeleted: TypeAlias = Callable[[Step], None]
"""Called with each entry that was deleted."""

logger = logging.getLogger(__name__)

_BATCHES_AHEAD = 64
_FILES_OF_A_BATCH = 64


class Deletion(NamedTuple):
    """An entry to delete.

    Args:
        path: the key or the local path.
        step: the entry, as it was planned.
        etag: the ETag that an object must still have, if any.
    """

    path: str
    step: Step
    etag: str | None = None


def delete_extraneous(plan: Plan, context: ExecutionContext, outcome: Outcome) -> None:
    """Delete the extraneous entries from the destination, or only count them.

    Raises:
        OSError: a file cannot be deleted.
        AWSError: an object cannot be deleted.
        OutOfTimeError: the deadline passed before all of them were deleted.
    """
    target = plan.route.target

    def on_deleted(step: Step) -> None:
        context.report.add(plan.route, step, "extra" if context.verifies else "delete")
        if context.verifies:
            outcome.verification.files_extra += 1
            return
        outcome.counts.files_deleted += 1
        outcome.counts.bytes_deleted += step.entry.size

    folders = Folders(target.path[: target.path.rfind("/") + 1])
    for wave in plan.extraneous.deletion_waves():
        deletions = (Deletion(target.at(step.target), step) for step in wave)
        if not context.changes:
            for deletion in deletions:
                on_deleted(deletion.step)
        elif target.bucket is not None:
            kept = _kept_objects(plan.route, deletions, context)
            delete_objects(target, kept, context, on_deleted, context.the_target_s3())
        else:
            kept = _kept_files(plan.route, context.budget.limit(deletions), context)
            delete_files(folders, kept, on_deleted, context.pool)


def _kept_files(
    route: Route, deletions: Iterable[Deletion], context: ExecutionContext
) -> Iterator[Deletion]:
    """Yield files to delete, each once it is in the backup, if there is one."""
    for deletion in deletions:
        if context.backup is not None:
            context.backup.keep(route, deletion.step)
        yield deletion


def _kept_objects(
    route: Route, deletions: Iterable[Deletion], context: ExecutionContext
) -> Iterator[Deletion]:
    """Yield objects to delete, each once it is in the backup, if there is one.

    Each is deleted only if it still is what was kept.
    """
    if context.backup is None:
        yield from deletions
        return
    for batch in _batches(deletions, requests.KEYS_PER_DELETION):
        window = Window(context.concurrency)
        for deletion in batch:
            keep = partial(context.pool.submit, context.backup.keep, route, deletion.step)
            window.add(keep, Future.result)
        window.drain()
        yield from (deletion._replace(etag=deletion.step.entry.etag) for deletion in batch)


def hold_source(plan: Plan) -> Folders:
    """Return the directories of a local source, whose root is held open."""
    source = plan.route.source
    root = source.path[: source.path.rfind("/") + 1]
    folders = Folders(root, real_root=os.path.realpath(root))
    if source.bucket is None:
        folders.locate(root)
    return folders


def remove_sources(
    plans: Sequence[Plan],
    sources: Sequence[Folders],
    context: ExecutionContext,
    outcome: Outcome,
) -> None:
    """Remove the synced entries from the source, as long as there is time.

    Objects that were downloaded stay.

    Args:
        plans: the plans.
        sources: for each plan, the directories of its source as `hold_source` returns them.
        context: the context of the execution.
        outcome: receives the counts.

    Raises:
        OSError: a file has changed in the meantime, or cannot be deleted.
        AWSError: an object has changed in the meantime, or cannot be deleted.
    """
    if any(plan.route.is_remote_to_local for plan in plans):
        logger.warning("The source stays: objects are not removed after a sync to local files")
        return
    try:
        if context.changes:
            for plan in plans:
                _check_arrivals(plan, context)
        for plan, folders in zip(plans, sources, strict=True):
            with _marked(plan, context):
                _remove_source(plan, folders, context, outcome)
    except OutOfTimeError:
        outcome.is_complete, outcome.only_removes = False, True


def _check_arrivals(plan: Plan, context: ExecutionContext) -> None:
    """Check that all entries are at their targets, before any is removed from the source.

    Raises:
        AWSError: one of them is not.
        OSError: a target cannot be read.
    """
    source, target = plan.route.source, plan.route.target
    arrived = _find_arrivals(plan, context)
    for (number, step), found in zip(plan.steps.numbered(), arrived, strict=True):
        if plan.arrivals.stays(number):
            continue
        is_stored = _is_stored(plan, number, step, found)
        if target.bucket is not None and not (
            found and found.size == step.entry.size and is_stored
        ):
            # Some services list other sizes and ETags than they serve.
            found = _find_served(context.the_target_s3(), target.bucket, target.at(step.target))
            is_stored = _is_stored(plan, number, step, found)
            if source.bucket is not None and found is not None and not is_stored:
                key = source.at(step.entry.relative)
                served = _find_served(context.the_source_s3(), source.bucket, key)
                is_stored = served is not None and have_same_content(served, found)
        name = source.name(step.entry.relative)
        check_moved(name, target.name(step.target), step.entry.size, found, is_stored=is_stored)


def _is_stored(plan: Plan, number: int, step: Step, found: StoredObject | None) -> bool:
    """Return whether the ETag at a target is the one that was stored, as far as that is known."""
    if found is None or not found.etag:
        return True
    agrees = plan.arrivals.agrees(number, found.etag)
    if agrees is None:
        return step.action == "transfer" or step.target_etag in (None, found.etag)
    return agrees


def _find_arrivals(plan: Plan, context: ExecutionContext) -> Iterator[StoredObject | None]:
    """Yield what is at the target of each step, as it is listed."""
    target = plan.route.target
    if target.bucket is None:
        for step in plan.steps:
            yield StoredObject(os.stat(target.at(step.target)).st_size)  # noqa: PTH116
        return
    listed = _list_arrivals(plan, context)
    found = next(listed, None)
    for step in plan.steps:
        while found is not None and found.relative < step.target:
            found = next(listed, None)
        is_listed = found is not None and found.relative == step.target
        yield StoredObject(found.size, found.etag or "") if found and is_listed else None


def _list_arrivals(plan: Plan, context: ExecutionContext) -> Iterator[Entry]:
    s3, target = context.the_target_s3(), plan.route.target
    bucket = target.bucket or ""
    if not plan.route.single:
        return list_below(s3, bucket, target.path)
    found = find_object(s3, bucket, target.path)
    return iter([found] if found else [])


def _find_served(s3: S3, bucket: str, key: str) -> StoredObject | None:
    try:
        return requests.read_stored(s3.ask(requests.head(bucket, key)), is_head=True)
    except ResourceNotFoundError:
        return None


def _marked(plan: Plan, context: ExecutionContext) -> AbstractContextManager[None]:
    """Return what holds the marker of a move, where a mirror could delete what was moved."""
    route = plan.route
    if not context.changes or route.target.bucket is None:
        return nullcontext()
    if not (plan.mirror or plan.resumes_move):
        return nullcontext()
    return move_marker(context.the_target_s3(), route.source, route.target)


def _remove_source(
    plan: Plan, folders: Folders, context: ExecutionContext, outcome: Outcome
) -> None:
    source = plan.route.source

    def on_deleted(step: Step) -> None:
        outcome.counts.files_removed += 1
        context.report.add(plan.route, step, "remove")

    with _arrived(plan) as arrived:
        for wave in arrived.deletion_waves():
            deletions = (Deletion(source.at(s.entry.relative), s, s.entry.etag) for s in wave)
            if not context.changes:
                for deletion in deletions:
                    on_deleted(deletion.step)
            elif source.bucket is not None:
                delete_objects(source, deletions, context, on_deleted, context.the_source_s3())
            else:
                left = context.budget.limit(deletions)
                delete_source_files(folders, left, on_deleted, context.pool, context.listed)
    if source.bucket is not None or plan.route.single or not context.changes:
        return
    if plan.is_filtered:
        delete_empty_parents(source.path, _files_of(plan.steps))
    else:
        delete_empty_directories(source.path)


@contextmanager
def _arrived(plan: Plan) -> Iterator[Steps]:
    """Give the steps on entries that are at their targets, without those that stay."""
    if not plan.arrivals.is_partial:
        yield plan.steps
        return
    with closing(Steps()) as steps:
        for number, step in plan.steps.numbered():
            if not plan.arrivals.stays(number):
                plan.add(steps, step)
        yield steps


def _files_of(steps: Iterable[Step]) -> Iterator[str]:
    return (s.entry.relative for s in steps if s.entry.kind != "symlink_target")


def delete_objects(
    root: Root,
    deletions: Iterable[Deletion],
    context: ExecutionContext,
    on_deleted: OnDeleted,
    s3: S3,
) -> None:
    """Delete objects, as many with each request as it can name.

    Args:
        root: the location of the objects, in S3.
        deletions: the objects.
        context: the context of the execution.
        on_deleted: called with each entry that is deleted.
        s3: the S3 client of that location.

    Raises:
        AWSError: one of them has changed, or cannot be deleted.
        OutOfTimeError: the deadline passed before the next request.
    """
    window = Window(context.concurrency)
    deleter = _Deleter(root, s3, context.pool, window, on_deleted)
    try:
        for batch in context.budget.limit(_batches(deletions, requests.KEYS_PER_DELETION)):
            deleter.delete(batch)
    finally:
        window.drain()


class _Deleter:
    """Sends the requests that delete objects."""

    def __init__(
        self, root: Root, s3: S3, pool: Executor, window: Window, on_deleted: OnDeleted
    ) -> None:
        self._root = root
        self._bucket = root.bucket or ""
        self._s3 = s3
        self._pool = pool
        self._window = window
        self._on_deleted = on_deleted

    def delete(self, batch: Sequence[Deletion]) -> None:
        """Delete up to as many objects as one request can name."""
        if any(deletion.etag for deletion in batch) and not self._honours_conditions():
            for deletion in batch:
                self._delete_unchanged(deletion)
            return
        named = [deletion for deletion in batch if fits_xml(deletion.path)]
        if named:
            objects = [(deletion.path, deletion.etag) for deletion in named]
            self._send(requests.delete_several(self._bucket, objects), named)
        for deletion in batch:
            if not fits_xml(deletion.path):
                self._delete_one(deletion)

    def _honours_conditions(self) -> bool:
        return honours_conditions(self._s3, self._bucket, self._root.path)

    def _delete_one(self, deletion: Deletion) -> None:
        if deletion.etag and not self._s3.service.is_aws:
            # Some services honour a condition of DeleteObjects, and refuse one of DeleteObject.
            self._delete_unchanged(deletion)
        else:
            request = requests.delete_one(self._bucket, deletion.path, deletion.etag)
            self._send(request, [deletion])

    def _delete_unchanged(self, deletion: Deletion) -> None:
        entry = deletion.step.entry
        version = requests.ObjectVersion(
            self._bucket, deletion.path, deletion.etag or "", entry.size, entry.modified
        )

        def end(future: Future[None]) -> None:
            future.result()
            self._on_deleted(deletion.step)

        self._window.add(partial(self._pool.submit, delete_unchanged, self._s3, version), end)

    def _send(self, request: requests.Request, sent: Sequence[Deletion]) -> None:
        is_one = request.operation == "DeleteObject"

        def end(future: Future[requests.Response]) -> None:
            requests.check_deletions(self._bucket, future.result(), one=is_one)
            for deletion in sent:
                self._on_deleted(deletion.step)

        self._window.add(partial(self._s3.send, request), end)


def delete_files(
    folders: Folders,
    deletions: Iterable[Deletion],
    on_deleted: OnDeleted,
    pool: Executor | None = None,
) -> None:
    """Delete files and symlinks below the root of some folders; they may be gone already.

    Args:
        folders: the directories of the files.
        deletions: the files and symlinks.
        on_deleted: called with each entry that is deleted, in this thread.
        pool: threads that delete, where the file system takes its time; by default this one does.

    Raises:
        OSError: one of them cannot be deleted.
    """

    def locate(deletion: Deletion) -> Folder | None:
        try:
            return folders.locate(deletion.path)[0]
        except FileNotFoundError:
            return None

    def delete(folder: Folder | None, deletion: Deletion) -> bool:
        return folder is not None and delete_in(folder, deletion.path)

    _FileDeleter(locate, delete, on_deleted, pool).delete_all(deletions)


def delete_source_files(
    folders: Folders,
    deletions: Iterable[Deletion],
    on_deleted: OnDeleted,
    pool: Executor | None = None,
    listed: float = 0.0,
) -> None:
    """Delete the files that were synced, if they still are what was listed.

    What lies behind a symlink to a folder stays; the symlink itself goes with the folders. A
    symlink to a file may be left of what was listed, as the file was deleted before.

    Args:
        folders: the directories of the files.
        deletions: the files.
        on_deleted: called with each entry that is deleted, in this thread.
        pool: threads that delete, where the file system takes its time; by default this one does.
        listed: the time, in seconds since 1970 UTC, before which nothing was listed.

    Raises:
        OSError: one of them has changed, or cannot be deleted.
    """

    def locate(deletion: Deletion) -> Folder | None:
        if deletion.step.entry.kind == "symlink_target":
            return None
        return folders.locate(deletion.path)[0]

    def delete(folder: Folder | None, deletion: Deletion) -> bool:
        if folder is not None:
            try:
                check_unchanged(deletion.path, deletion.step.entry, folder)
            except FileNotFoundError:
                if not _is_symlink_since(folder, deletion.path, listed):
                    raise
            delete_in(folder, deletion.path)
        return True

    _FileDeleter(locate, delete, on_deleted, pool).delete_all(deletions)


def _is_symlink_since(folder: Folder, path: str, listed: float) -> bool:
    """Return whether a path is a symlink that has not changed since some time."""
    try:
        found = os.lstat(path.rpartition("/")[2], dir_fd=folder.fd)
    except FileNotFoundError:
        return False
    return stat.S_ISLNK(found.st_mode) and found.st_ctime <= listed


class _FileDeleter:
    """Deletes files in one thread, or in several where the file system takes its time.

    Several threads are for several directories: in one, operating systems delete one file after
    the other.

    Args:
        locate: returns the directory of a file, if it is one to look at.
        delete: deletes a file in a directory, from any thread, and returns whether it counts.
        on_deleted: called with each entry that counts.
        pool: the threads, if there are any.
    """

    def __init__(
        self,
        locate: Callable[[Deletion], Folder | None],
        delete: Callable[[Folder | None, Deletion], bool],
        on_deleted: OnDeleted,
        pool: Executor | None,
    ) -> None:
        self._locate = locate
        self._delete = delete
        self._on_deleted = on_deleted
        self._pool = pool

    def delete_all(self, deletions: Iterable[Deletion]) -> None:
        """Delete files, which are in the order of their paths."""
        rest, pace = iter(deletions), Pace()
        for deletion in rest:
            start = time.perf_counter()
            if self._delete(self._locate(deletion), deletion):
                self._on_deleted(deletion.step)
            pace.note(time.perf_counter() - start)
            if self._pool and pace.is_slow():
                self._delete_side_by_side(rest, self._pool)

    def _delete_side_by_side(self, deletions: Iterable[Deletion], pool: Executor) -> None:
        window = Window(_BATCHES_AHEAD)
        try:
            for _, of_folder in groupby(deletions, _folder_of):
                for batch in _batches(of_folder, _FILES_OF_A_BATCH):
                    delete = partial(self._delete_batch, self._locate(batch[0]), batch)
                    window.add(partial(pool.submit, delete), self._end)
            window.drain()
        except BaseException:
            window.settle()
            raise

    def _delete_batch(self, folder: Folder | None, batch: Iterable[Deletion]) -> list[Step]:
        return [deletion.step for deletion in batch if self._delete(folder, deletion)]

    def _end(self, future: Future[list[Step]]) -> None:
        for step in future.result():
            self._on_deleted(step)


def _folder_of(deletion: Deletion) -> str:
    return deletion.path.rpartition("/")[0]


def _batches(deletions: Iterable[Deletion], size: int) -> Iterator[list[Deletion]]:
    rest = iter(deletions)
    while batch := list(islice(rest, size)):
        yield batch
