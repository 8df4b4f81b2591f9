"""The context of an execution: connections, options and callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, NamedTuple

from ..entries import Entry
from ..progress import NullProgress, Progress
from ..rate_limits import RateLimits
from ..s3.client import S3
from ..settings import DEFAULT_RETRIES
from .backup import Backup
from .deadline import UNLIMITED, TimeBudget
from .failures import Failures
from .report import Report
from .request import StorageSettings
from .result import Outcome

if TYPE_CHECKING:
    from ..local.checksum_cache import ChecksumCache


class ExecutionContext(NamedTuple):
    """The means and options of a sync's execution.

    Args:
        pool: threads for work on local files.
        concurrency: the number of parallel transfers.
        adapts: whether the number of parallel transfers follows the throughput.
        source_s3: the S3 client of the source, if that is in S3.
        target_s3: the S3 client of the destination, if that is in S3.
        staging: the directory in which a single object is staged, if not beside its target.
        changes: whether anything is changed, or only counted.
        verifies: whether contents are compared byte by byte where checksums leave it open.
        fsync: whether local files are flushed to the disk before they are renamed.
        size_only: whether later syncs may tell from times alone what has changed.
        listed: the time, in seconds since 1970 UTC, before which the source was not listed.
        skips_archived: whether objects that must be restored first are left out.
        removes_sources: whether synced entries are removed from the source.
        progress: receives the progress of the transfers.
        report: receives what was done with each entry.
        budget: the time that is left.
        object_settings: how objects are stored.
        preserves: whether mode, owner and times of files are stored, and restored.
        trusts_times: whether files of one size and the preserved time are taken for the same.
        failures: the files that could not be synced; `None` to stop at the first one.
        publish: called once all transfers and deletions at the destination have succeeded, to make
            them visible.
        limits: the limits of bytes and requests per second, if there are any.
        retries: the attempts to copy a local file after the first one.
        backup: keeps what is replaced or deleted at the destination, if anything does.
        lists_snapshot: whether the source may have changed long after it was listed.
        checksums: remembers checksums of local files, if anything does.
    """

    pool: Executor
    concurrency: int
    adapts: bool = False
    source_s3: S3 | None = None
    target_s3: S3 | None = None
    staging: str | None = None
    changes: bool = True
    verifies: bool = False
    fsync: bool = False
    size_only: bool = False
    listed: float = 0.0
    skips_archived: bool = False
    removes_sources: bool = False
    progress: Progress = NullProgress()
    report: Report = Report()
    budget: TimeBudget = UNLIMITED
    object_settings: StorageSettings | None = None
    preserves: bool = False
    trusts_times: bool = False
    failures: Failures | None = None
    publish: Callable[[Outcome], None] | None = None
    limits: RateLimits | None = None
    retries: int = DEFAULT_RETRIES
    backup: Backup | None = None
    lists_snapshot: bool = False
    checksums: ChecksumCache | None = None

    @property
    def may_delete(self) -> bool:
        """Whether no file has failed: files at the destination may be all that is left of it."""
        return self.failures is None or not self.failures.count

    def time_of_copy(self, entry: Entry) -> float:
        """Return the modification time for the local copy of an entry, as it was listed.

        A change after the listing is later than that, and the next sync finds it, also by times
        in whole seconds.
        """
        listed = int(self.listed) - 1 if self.size_only else self.listed
        return max(float(listed), entry.modified)

    def time_to_set(self, entry: Entry) -> float | None:
        """Return the modification time to set for a new local copy of an entry, if not now.

        The clock of the source may be ahead, and services round times up: a copy that looks older
        than its source would be made again by each sync.
        """
        if self.size_only:
            return self.time_of_copy(entry)
        now = time.time()
        # File systems stamp with a clock that is a few milliseconds behind.
        return max(now, entry.modified) if int(entry.modified) >= int(now) else None

    @property
    def clients(self) -> set[S3]:
        """The S3 clients of both sides."""
        return {s3 for s3 in (self.source_s3, self.target_s3) if s3 is not None}

    def the_source_s3(self) -> S3:
        """Return the S3 client of the source, where the route shows that there is one."""
        if self.source_s3 is None:
            raise ValueError("there is no S3 client of a local source")
        return self.source_s3

    def the_target_s3(self) -> S3:
        """Return the S3 client of the destination, where the route shows that there is one."""
        if self.target_s3 is None:
            raise ValueError("there is no S3 client of a local destination")
        return self.target_s3
