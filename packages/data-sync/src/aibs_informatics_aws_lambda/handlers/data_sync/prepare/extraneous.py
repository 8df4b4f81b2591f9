"""Extraneous entries at a destination that no part of a prepared sync deletes.

A part that is a folder deletes the extraneous entries in that folder. Those directly in split
folders, and folders that exist only at the destination, are left to separate requests.
"""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any, Final

from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.storage.data_sync.batch import PrepareBatchDataSyncRequest
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

from ..local.walk import list_destination
from ..locations import find_root
from ..s3.client import S3
from ..s3.listing import list_below
from ..tree import Node
from .split import SubRequests

logger = logging.getLogger(__name__)

# Each request lists both sides, and matches the paths of all entries against its patterns.
_PATTERNS_PER_REQUEST = 500

_COMPARISON: Final[dict[str, Any]] = {
    "force": False,
    "size_only": True,
    "retain_source_data": True,
    "report_path": None,
    "include_detailed_response": False,
}


class DestinationCheck:
    """Whether a destination is empty, which is looked up while the source is listed.

    Args:
        request: the sync of the whole source.
    """

    def __init__(self, request: PrepareBatchDataSyncRequest) -> None:
        self._request = request
        self._found: Future[bool] | None = None

    def begin(self) -> None:
        """Begin to look at the destination, if extraneous entries are deleted."""
        if self._found is None and _deletes(self._request):
            self._found = Future()
            # If the source cannot be listed, nothing waits for the destination.
            Thread(target=self._look, args=(self._found,), daemon=True).start()

    def is_empty(self) -> bool:
        """Return whether there is nothing at the destination.

        Raises:
            OSError: a local folder cannot be read.
            AWSError: the destination cannot be listed.
        """
        return _is_empty(self._request) if self._found is None else self._found.result()

    def _look(self, found: Future[bool]) -> None:
        try:
            found.set_result(_is_empty(self._request))
        except Exception as error:
            found.set_exception(error)


def deletion_requests(
    request: PrepareBatchDataSyncRequest, parts: Sequence[Node], destination: DestinationCheck
) -> list[DataSyncRequest]:
    """Return the syncs that delete what no part deletes, and transfer nothing.

    Args:
        request: the sync of the whole source.
        parts: the parts of its source.
        destination: returns whether the destination is empty.

    Raises:
        ValueError: an entry cannot be written to its target, or ``max_delete`` is exceeded.
        OSError: a local folder cannot be read, or a file or folder is in the way.
    """
    is_whole = len(parts) == 1 and not parts[0].relative
    if is_whole or not _deletes(request):
        return []
    patterns = list(_patterns(request, parts, destination))
    syncs = SubRequests(request)
    return [
        syncs.deletion(patterns[start : start + _PATTERNS_PER_REQUEST], number)
        for number, start in enumerate(range(0, len(patterns), _PATTERNS_PER_REQUEST))
    ]


def _deletes(request: PrepareBatchDataSyncRequest) -> bool:
    # With a prefix, the destination may mirror several sources.
    is_partial = request.source_path_prefix or request.files_from is not None
    return request.delete and not is_partial


def _patterns(
    request: PrepareBatchDataSyncRequest, parts: Sequence[Node], destination: DestinationCheck
) -> Iterator[str]:
    """Yield regular expressions that match the extraneous paths outside of the parts."""
    whole = {part.relative for part in parts if part.kind == "folder"}
    split = {folder for part in parts for folder in _folders_above(part.relative)} - whole
    seen: set[str] = set()
    for path in _extraneous(request, destination):
        folders = list(_folders_above(path))
        if whole.intersection(folders):
            continue
        unsplit = next((folder for folder in folders if folder not in split), None)
        if unsplit is None:
            yield re.escape(path)
        elif unsplit not in seen:
            # No part is in this folder.
            seen.add(unsplit)
            yield f"{re.escape(unsplit)}(?s:.*)"


def _extraneous(
    request: PrepareBatchDataSyncRequest, destination: DestinationCheck
) -> Iterator[str]:
    """Yield the paths, relative to the destination, that a sync of the whole would delete."""
    comparison = DataSyncRequest(**{**dict(request), **_COMPARISON})
    try:
        if destination.is_empty():
            # The source need not be listed again.
            return
        # Most destinations are empty.
        from ..sync.engine import Engine

        with Engine().plan(comparison) as plans:
            for plan in plans:
                yield from (step.target for step in plan.extraneous)
    except AWSError as error:
        # The syncs of the parts will fail on it, or need not list it.
        logger.warning("cannot look for extraneous files: %s", error)


def _is_empty(request: PrepareBatchDataSyncRequest) -> bool:
    """Return whether there is nothing below the destination of a sync."""
    destination = find_root(request.destination_path)
    if destination.bucket is not None:
        folder = f"{destination.path.rstrip('/')}/" if destination.path else ""
        s3 = S3(request.max_concurrency, request.destination_connection)
        return not any(True for _ in list_below(s3, destination.bucket, folder))
    if os.path.isdir(destination.path):  # noqa: PTH112
        return not any(True for _ in list_destination(Path(destination.path)))
    return not os.path.lexists(destination.path)


def _folders_above(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[: end + 1]
        end = path.find("/", end + 1)
