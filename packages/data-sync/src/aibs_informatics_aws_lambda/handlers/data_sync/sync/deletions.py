"""Removing what a sync has made superfluous: at the destination, or at the source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple, TypeAlias

from ..local.files import check_unchanged
from ..s3.client import S3, Request, Response
from ..s3.requests import MAX_DELETIONS, check_deletions, delete_one, delete_several, fits_xml
from .deadline import TimeBudget
from .diff import Step
from .window import Window

OnDeleted: TypeAlias = Callable[[Step], None]
"""Is told of an entry that was removed."""


class Deletion(NamedTuple):
    """What is to be removed.

    Args:
        path: the key or the local path.
        step: the entry, as it was planned.
        etag: the ETag that an object must still have, if any.
    """

    path: str
    step: Step
    etag: str | None = None


def remove_objects(
    s3: S3,
    bucket: str,
    deletions: Iterable[Deletion],
    window: Window,
    gone: OnDeleted,
    budget: TimeBudget,
) -> None:
    """Remove objects, as many as one request can name at a time.

    Args:
        s3: what asks S3.
        bucket: the bucket.
        deletions: the objects.
        window: how many requests are under way at a time.
        gone: is told of each one that is removed.
        budget: the time there is.

    Raises:
        AWSError: one of them cannot be removed.
        OutOfTimeError: the time was up before the next request.
    """

    def send(request: Request, deletions: Sequence[Deletion]) -> None:
        window.add(lambda: s3.send(request), lambda future: check(future.result(), deletions))

    def check(response: Response, deletions: Sequence[Deletion]) -> None:
        check_deletions(bucket, response)
        for deletion in deletions:
            gone(deletion.step)

    try:
        for several in budget.limit(_batched(deletions, MAX_DELETIONS)):
            named = [deletion for deletion in several if fits_xml(deletion.path)]
            if named:
                send(delete_several(bucket, [(e.path, e.etag) for e in named]), named)
            for deletion in several:
                if not fits_xml(deletion.path):
                    send(delete_one(bucket, deletion.path, deletion.etag), [deletion])
    finally:
        window.drain()


def remove_files(deletions: Iterable[Deletion], gone: OnDeleted) -> None:
    """Remove files and links, which may be gone already.

    Raises:
        OSError: one of them cannot be removed.
    """
    for deletion in deletions:
        with suppress(FileNotFoundError):
            os.unlink(deletion.path)  # noqa: PTH108
        gone(deletion.step)


def remove_source_files(deletions: Iterable[Deletion], gone: OnDeleted) -> None:
    """Remove the files that were synced, if they still are what was listed.

    What lies behind a link to a folder stays; the link itself is for `remove_folder`.

    Raises:
        OSError: one of them has changed, or cannot be removed.
    """
    for deletion in deletions:
        if deletion.step.entry.kind != "symlink_target":
            check_unchanged(deletion.path, deletion.step.entry)
            os.unlink(deletion.path)  # noqa: PTH108
        gone(deletion.step)


def remove_folder(folder: str) -> None:
    """Remove a folder with all folders and links to folders below it, unless files are left.

    Raises:
        OSError: one of them cannot be removed.
    """
    for path, names, _ in os.walk(folder, topdown=False):
        for name in names:
            _remove_folder_or_link(os.path.join(path, name))  # noqa: PTH118
    _remove_folder_or_link(folder.rstrip("/"))


def remove_empty_parents(root: str, steps: Iterable[Step]) -> None:
    """Remove the folders that became empty, up to the source itself."""
    folders = {
        step.entry.relative.rpartition("/")[0]
        for step in steps
        if step.entry.kind != "symlink_target"
    }
    parents = {
        "/".join(parts[:count])
        for parts in (folder.split("/") for folder in folders)
        for count in range(len(parts) + 1)
    }
    for folder in sorted(parents, reverse=True):
        _remove_if_empty(root + folder)


def _remove_folder_or_link(path: str) -> None:
    if os.path.islink(path):  # noqa: PTH114
        os.unlink(path)  # noqa: PTH108
    else:
        _remove_if_empty(path)


def _remove_if_empty(path: str) -> None:
    with os.scandir(path) as found:
        if next(found, None) is not None:
            return
    os.rmdir(path)  # noqa: PTH106


def _batched(deletions: Iterable[Deletion], size: int) -> Iterator[list[Deletion]]:
    rest = iter(deletions)
    while batch := list(islice(rest, size)):
        yield batch
