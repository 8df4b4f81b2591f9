"""Removing what a sync has made superfluous: at the destination, or at the source."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from aibs_informatics_aws_lambda.handlers.data_sync.engine.files import check_unchanged
from aibs_informatics_aws_lambda.handlers.data_sync.engine.objects import (
    MAX_DELETIONS,
    check_deletions,
    delete_one,
    delete_several,
    fits_xml,
)
from aibs_informatics_aws_lambda.handlers.data_sync.engine.plan import Step
from aibs_informatics_aws_lambda.handlers.data_sync.engine.s3 import S3, Request, Response
from aibs_informatics_aws_lambda.handlers.data_sync.engine.window import Window

__all__ = [
    "remove_empty_parents",
    "remove_files",
    "remove_folder",
    "remove_objects",
    "remove_source_files",
]

Entry = TypeVar("Entry")


def remove_objects(
    s3: S3, bucket: str, objects: Iterable[tuple[str, str | None]], window: Window
) -> None:
    """Remove objects.

    Args:
        s3: what asks S3.
        bucket: the bucket.
        objects: the keys, each with the ETag that the object must still have, if any.
        window: how many requests are under way at a time.

    Raises:
        AWSError: one of them cannot be removed.
    """

    def send(request: Request) -> None:
        window.add(lambda: s3.send(request), check)

    def check(response: Response) -> None:
        check_deletions(bucket, response)

    for several in _batched(objects, MAX_DELETIONS):
        named = [entry for entry in several if fits_xml(entry[0])]
        if named:
            send(delete_several(bucket, named))
        for key, etag in several:
            if not fits_xml(key):
                send(delete_one(bucket, key, etag))
    window.drain()


def remove_files(paths: Iterable[str]) -> None:
    """Remove files and links, which may be gone already.

    Raises:
        OSError: one of them cannot be removed.
    """
    for path in paths:
        try:
            os.unlink(path)  # noqa: PTH108
        except FileNotFoundError:
            continue


def remove_source_files(base: str, steps: Iterable[Step]) -> None:
    """Remove the files that were synced, if they still are what was listed.

    What lies behind a link to a folder stays; the link itself is for `remove_folder`.

    Args:
        base: stands before their relative paths.
        steps: what was done with them.

    Raises:
        OSError: one of them has changed, or cannot be removed.
    """
    for step in steps:
        if step.item.kind == "linked":
            continue
        path = base + step.item.relative
        check_unchanged(path, step.item)
        os.unlink(path)  # noqa: PTH108


def remove_folder(folder: str) -> None:
    """Remove a folder with all folders and links to folders below it, unless files are left.

    Raises:
        OSError: one of them cannot be removed.
    """
    for path, names, _ in os.walk(folder, topdown=False):
        for name in names:
            _remove_folder_or_link(os.path.join(path, name))  # noqa: PTH118
    _remove_folder_or_link(folder.rstrip("/"))


def remove_empty_parents(base: str, steps: Iterable[Step]) -> None:
    """Remove the folders that became empty, up to the source itself."""
    folders = {
        step.item.relative.rpartition("/")[0] for step in steps if step.item.kind != "linked"
    }
    parents = {
        "/".join(parts[:count])
        for parts in (folder.split("/") for folder in folders)
        for count in range(len(parts) + 1)
    }
    for folder in sorted(parents, reverse=True):
        _remove_if_empty(base + folder)


def _remove_folder_or_link(path: str) -> None:
    if os.path.islink(path):  # noqa: PTH114
        os.unlink(path)  # noqa: PTH108
    else:
        _remove_if_empty(path)


def _remove_if_empty(path: str) -> None:
    with os.scandir(path) as entries:
        if next(entries, None) is not None:
            return
    os.rmdir(path)  # noqa: PTH106


def _batched(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while batch := list(islice(rest, size)):
        yield batch
