"""``--jobs``: one sync, divided into batches that several processes do."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from aibs_informatics_aws_lambda.storage.data_sync.batch import PrepareBatchDataSyncRequest
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest, DataSyncResponse

from ..local.locks import held_lock
from ..locations import resolve
from ..prepare.packing import pack
from ..prepare.split import SubRequests, find_parts
from ..progress import Progress
from ..s3.client import S3
from ..sync.engine import Engine
from ..sync.result import add_counts
from ..tree import Node
from .pool import Batch, Outcome, run_batches
from .progress import Extent
from .report import joined_report

logger = logging.getLogger(__name__)

_BATCH_BYTES: Final = 16 * 2**30

# The parts of a batch are synced one after the other: with more small files than this among them,
# a larger batch, in which they are a folder, is faster.
_SMALL_BYTES: Final = 16 * 2**20
_MOST_SMALL: Final = 2000
_COARSER: Final = 8

# What a batch, which knows its own part alone, must leave to the last sync of the whole.
_ONLY_FOR_THE_WHOLE: Final[dict[str, Any]] = {
    "delete": False,
    "max_delete": None,
    "protect_excluded": None,
    "report_path": None,
    "require_lock": False,
    "retain_source_data": True,
}


class Jobs(NamedTuple):
    """How a sync is divided.

    Args:
        processes: in how many processes its batches run.
        batch_bytes: how large a batch is at most, unless a single entry is larger; by default
            16 GiB, or more where that would take a folder apart into very many small files.
    """

    processes: int = 1
    batch_bytes: int | None = None


def sync_in_batches(request: DataSyncRequest, jobs: Jobs, progress: Progress) -> Outcome:
    """Divide a sync into batches, run them, and clean up after them as the sync of the whole does.

    Nothing is deleted at the destination, nor removed at the source, before all batches have
    succeeded: a batch knows its own part alone, and of the rest nothing. A last sync of the whole,
    which has nothing to move, does both.

    Args:
        request: the sync of the whole.
        jobs: how it is divided.
        progress: is told how far all of it has come.

    Raises:
        FileNotFoundError: the source is missing, and ``fail_if_missing`` is set.
        ValueError: the request, or a name in the source, makes no sense; nothing was changed.
        OSError: a file cannot be read.
        AWSError: S3 refuses or cannot be reached.
    """
    until = time.monotonic() + _seconds(request)
    request = _with_fixed_end(request)
    batches = divide(request, jobs.batch_bytes)
    logger.info("Divided %s into batches: %s", request.source_path, len(batches))
    if len(batches) == 1:
        outcome = Outcome(batches=1, syncs=1)
        _take(outcome, Engine(progress).sync(request))
        return outcome
    destination = resolve(request.destination_path)
    with joined_report(request) as reports, ExitStack() as stack:
        if request.require_lock and isinstance(destination, Path):
            stack.enter_context(held_lock(destination))
        if request.max_delete is not None:
            Engine().sync(_once_more(request, dry_run=True))
        reported = [Batch(list(map(reports.report, b.syncs)), b.extent) for b in batches]
        outcome = run_batches(reported, jobs.processes, progress, until)
        cleans_up = request.delete or not request.retain_source_data
        if cleans_up and not outcome.failed and not outcome.left:
            again = reports.report(_once_more(request), leaves_out_kept=True)
            last = Engine().sync(again)
            last.result.files_unchanged = last.result.bytes_unchanged = 0
            _take(outcome, last)
    return outcome


def divide(request: DataSyncRequest, batch_bytes: int | None) -> list[Batch]:
    """Return the batches of a sync; what is about the whole, such as deletion, is in none.

    Args:
        request: the sync of the whole.
        batch_bytes: see `Jobs`.

    Raises:
        ValueError: the request, or a name in the source, makes no sense.
        OSError: a local source cannot be read.
        AWSError: S3 refuses or cannot be reached.
    """
    whole = PrepareBatchDataSyncRequest(**{**dict(request), **_ONLY_FOR_THE_WHOLE})
    s3 = partial(S3, request.max_concurrency)
    limit = batch_bytes or _BATCH_BYTES
    parts = find_parts(whole, limit, s3)
    while batch_bytes is None and _is_too_fine(parts):
        limit *= _COARSER
        parts = find_parts(whole, limit, s3)
    syncs = SubRequests(whole)
    return [_batch(syncs, nodes) for nodes in pack(parts, limit)]


def _is_too_fine(parts: Sequence[Node]) -> bool:
    return sum(p.kind == "entry" and p.size_bytes < _SMALL_BYTES for p in parts) > _MOST_SMALL


def _batch(syncs: SubRequests, nodes: Sequence[Node]) -> Batch:
    files, size = sum(n.object_count for n in nodes), sum(n.size_bytes for n in nodes)
    return Batch([syncs.sync(node) for node in nodes], Extent(files, size))


def _once_more(request: DataSyncRequest, *, dry_run: bool = False) -> DataSyncRequest:
    """Return what syncs all of it, by sizes and times, as the contents have been compared.

    Contents are compared again before sources are removed: they may have changed in the meantime.
    """
    changes = {
        "size_only": request.size_only or request.retain_source_data or dry_run,
        "force": False,
        "require_lock": False,
        "dry_run": dry_run,
        "report_path": None,
    }
    return request.model_copy(update=changes)


def _take(outcome: Outcome, response: DataSyncResponse) -> None:
    add_counts(outcome.counts, response.result)
    outcome.left += bool(response.incomplete)


def _seconds(request: DataSyncRequest) -> float:
    return request.deadline if isinstance(request.deadline, float) else float("inf")


def _with_fixed_end(request: DataSyncRequest) -> DataSyncRequest:
    """Return a request whose deadline, if there is one, is the same for all its parts."""
    if not isinstance(request.deadline, float):
        return request
    end = datetime.now(UTC) + timedelta(seconds=request.deadline)
    return request.model_copy(update={"deadline": end})
