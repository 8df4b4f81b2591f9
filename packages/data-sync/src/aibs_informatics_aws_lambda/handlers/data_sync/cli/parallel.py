"""``--jobs``: a sync split into batches that run in several processes."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from aibs_informatics_aws_lambda.common.cli.errors import CommandError
from aibs_informatics_aws_lambda.storage.data_sync.batch import PrepareBatchDataSyncRequest
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

from ..local.locks import held_lock
from ..locations import resolve
from ..prepare.divided_stores import SplitParts
from ..prepare.flat_folders import FlatFolders
from ..prepare.limits import BatchLimits
from ..prepare.split import NothingSelectedError, SubRequests, find_parts
from ..progress import Progress
from ..s3.client import S3
from ..sync.engine import Engine
from ..sync.failures import Failures
from ..sync.result import SyncResponse, add_counts
from ..tree import Node
from .pool import Batch, ParallelResult, run_batches, shared_states
from .progress import Amount
from .report import joined_report
from .sync_request import no_file_selected

logger = logging.getLogger(__name__)

_BATCH_BYTES = 16 * 2**30

# With so many batches for each process, all processes end at about the same time.
_BATCHES_PER_PROCESS = 4

# So many files take seconds to transfer, of which the start of a process is a small part; a file
# takes as long as so many bytes of a larger one.
_FILES_OF_A_PROCESS = 10_000
_BYTES_OF_A_FILE = 128 * 2**10

# The parts of a batch run one after another. With more small files than this among them, larger
# batches, in which these files are part of a folder, are faster.
_SMALL_BYTES = 16 * 2**20
_MAX_SMALL_PARTS = 2000
_LIMIT_FACTOR = 8

# Left to the last sync, which covers the whole tree.
_NOT_OF_BATCHES: Final[dict[str, Any]] = {
    "delete": False,
    "max_delete": None,
    "protect_excluded": None,
    "report_path": None,
    "require_lock": False,
    "retain_source_data": True,
}


def sync_in_batches(
    request: DataSyncRequest, progress: Progress, *, processes: int, batch_bytes: int | None = None
) -> ParallelResult:
    """Split a sync into batches and run them in worker processes.

    Destination files are deleted, and source files removed, by a last sync of the whole tree after
    all batches have succeeded. It has nothing left to transfer.

    Args:
        request: the sync.
        progress: receives the planned and completed amounts.
        processes: the maximum number of processes.
        batch_bytes: the maximum size of a batch in bytes; see `split_into_batches`.

    Raises:
        FileNotFoundError: the source is missing, and ``fail_if_missing`` is set.
        ValueError: the request or a source name is invalid. Nothing was changed.
        OSError: a file cannot be read.
        AWSError: a request to S3 failed.
    """
    until = time.monotonic() + _seconds(request)
    request = _with_absolute_deadline(request)
    failures = Failures()
    shared = shared_states()
    engine, quiet = Engine(progress, shared=shared), Engine(shared=shared)
    try:
        s3 = partial(quiet.client, request)
        batches, finals = split_into_batches(request, batch_bytes, failures, s3, processes)
    except NothingSelectedError as error:
        if request.delete:
            raise CommandError(no_file_selected(request)) from error
        return ParallelResult(batches=0, syncs=0)
    logger.info("Batches of %s: %s", request.source_path, len(batches))
    if len(batches) == 1:
        _report_undivided(request, batches[0])
        result = ParallelResult(batches=1, syncs=1)
        _add(result, engine.sync(request))
        return result
    destination = resolve(request.destination_path)
    with joined_report(request) as reports, ExitStack() as stack:
        if request.require_lock and isinstance(destination, Path):
            stack.enter_context(held_lock(destination))
        if request.max_delete is not None:
            quiet.sync(_last_sync(request, dry_run=True))
        reported = [Batch(list(map(reports.add, b.syncs)), b.amount) for b in batches]
        result = run_batches(reported, processes, progress, until, shared)
        result.failed_files.merge(failures)
        is_complete = not (result.failed or result.failed_files.count or result.unfinished)
        if is_complete:
            for sync in finals:
                _add(result, engine.sync(reports.add(sync)))
            result.syncs += len(finals)
        cleans_up = request.delete or not request.retain_source_data
        is_complete = not (result.failed or result.failed_files.count or result.unfinished)
        if cleans_up and is_complete:
            reports.secure()
            last = quiet.sync(reports.add(_last_sync(request), omit_unchanged=True))
            last.result.files_unchanged = last.result.bytes_unchanged = 0
            _add(result, last)
    return result


def split_into_batches(
    request: DataSyncRequest,
    batch_bytes: int | None,
    failures: Failures,
    s3: Callable[[], S3],
    processes: int = 1,
) -> tuple[list[Batch], list[DataSyncRequest]]:
    """Return the batches of a sync, which neither delete nor remove anything.

    The syncs beside them are those to run after all batches: they complete split stores.

    Args:
        request: the sync.
        batch_bytes: the maximum size of a batch in bytes, unless a single file is larger. By
            default 16 GiB, less if there would be fewer batches than processes, or more if that
            would split folders into very many small files.
        failures: receives the files that no batch has, if the sync goes on without them.
        s3: returns the S3 client; it is called only for a source in S3.
        processes: the number of processes that run batches.

    Raises:
        NothingSelectedError: the filters exclude all files.
        ValueError: the request or a source name is invalid.
        OSError: a local source cannot be read.
        AWSError: a request to S3 failed.
    """
    whole = PrepareBatchDataSyncRequest(**{**dict(request), **_NOT_OF_BATCHES})
    found = whole.model_copy(update={"fail_if_missing": True})
    on_failure = failures.note if request.continue_on_error else None

    # With a given size, folders are divided into single files.
    flat = FlatFolders(_SMALL_BYTES, _MAX_SMALL_PARTS) if batch_bytes is None else None

    def divide(limit: int) -> list[Node]:
        return find_parts(found, BatchLimits(limit), s3, on_failure, flat)

    limit = batch_bytes or _BATCH_BYTES
    parts = divide(limit)
    useful = min(processes, count_useful_processes(parts))
    has_too_few = len(BatchLimits(limit).pack(parts)) < useful
    if has_too_few and flat is not None and not flat.cover(parts):
        limit, parts = _divide_further(divide, limit, parts, useful)
    while batch_bytes is None and _has_too_many_small(parts):
        limit *= _LIMIT_FACTOR
        parts = divide(limit)
    syncs = SubRequests(whole)
    split = syncs.split(parts)
    batches = [_batch(syncs, nodes, split) for nodes in BatchLimits(limit).pack(split.parallel)]
    return batches, [syncs.finish(node) for node in split.final]


def _report_undivided(request: DataSyncRequest, batch: Batch) -> None:
    if _useful_processes(*batch.amount) > 1:
        logger.warning(
            "--jobs has no effect: trees are divided by folders, and %s has too few folders, or "
            "too many small files next to them. Its files (%s) are transferred by one process",
            request.source_path,
            f"{batch.amount.files:,}",
        )
    else:
        logger.info(
            "--jobs has no effect: %s has too few files to divide, and is transferred by one "
            "process",
            request.source_path,
        )


def count_useful_processes(parts: Sequence[Node]) -> int:
    """Return the number of processes that have enough to transfer, at least 1."""
    files = sum(part.object_count for part in parts)
    size = sum(part.size_bytes for part in parts)
    return _useful_processes(files, size)


def _useful_processes(files: int, size: int) -> int:
    return max(1, (files + size // _BYTES_OF_A_FILE) // _FILES_OF_A_PROCESS)


def _divide_further(
    divide: Callable[[int], list[Node]], limit: int, parts: list[Node], processes: int
) -> tuple[int, list[Node]]:
    """Return a lower limit and its parts, unless they would be very many small files.

    The source is listed again, a few times at most, which takes little of the time of its
    transfers.
    """
    size = sum(part.size_bytes for part in parts)
    lower = max(1, size // (processes * _BATCHES_PER_PROCESS))
    while lower < min(size, limit):
        found = divide(lower)
        if not _has_too_many_small(found):
            return lower, found
        lower *= 2
    return limit, parts


def _has_too_many_small(parts: Sequence[Node]) -> bool:
    small = (part.kind == "entry" and part.size_bytes < _SMALL_BYTES for part in parts)
    return sum(small) > _MAX_SMALL_PARTS


def _batch(syncs: SubRequests, nodes: Sequence[Node], split: SplitParts) -> Batch:
    files, size = sum(n.object_count for n in nodes), sum(n.size_bytes for n in nodes)
    return Batch([syncs.part(node, split) for node in nodes], Amount(files, size))


def _last_sync(request: DataSyncRequest, *, dry_run: bool = False) -> DataSyncRequest:
    """Return a sync of the whole tree that compares sizes and times only.

    Checksums are compared once more before sources are removed: files may have changed meanwhile.
    """
    changes = {
        "size_only": request.size_only or request.retain_source_data or dry_run,
        "force": False,
        "require_lock": False,
        "dry_run": dry_run,
        "report_path": None,
    }
    return request.model_copy(update=changes)


def _add(result: ParallelResult, response: SyncResponse) -> None:
    add_counts(result.counts, response.result)
    result.unfinished += bool(response.incomplete)
    result.failed_files.add(response)


def _seconds(request: DataSyncRequest) -> float:
    return request.deadline if isinstance(request.deadline, float) else float("inf")


def _with_absolute_deadline(request: DataSyncRequest) -> DataSyncRequest:
    """Return a request whose deadline, if any, is a time: the batches share it."""
    if not isinstance(request.deadline, float):
        return request
    end = datetime.now(UTC) + timedelta(seconds=request.deadline)
    return request.model_copy(update={"deadline": end})
