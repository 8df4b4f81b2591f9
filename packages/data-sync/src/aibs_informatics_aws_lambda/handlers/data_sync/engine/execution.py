"""Doing what was planned: transfers first, and deletions only if all of them succeeded."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from aibs_informatics_aws_lambda.handlers.data_sync.engine.download import Download
from aibs_informatics_aws_lambda.handlers.data_sync.engine.files import touch
from aibs_informatics_aws_lambda.handlers.data_sync.engine.local_copy import LocalCopy
from aibs_informatics_aws_lambda.handlers.data_sync.engine.plan import Step
from aibs_informatics_aws_lambda.handlers.data_sync.engine.planning import Plan
from aibs_informatics_aws_lambda.handlers.data_sync.engine.progress import Progress, Silence
from aibs_informatics_aws_lambda.handlers.data_sync.engine.removal import (
    remove_empty_parents,
    remove_files,
    remove_folder,
    remove_objects,
    remove_source_files,
)
from aibs_informatics_aws_lambda.handlers.data_sync.engine.routes import Route
from aibs_informatics_aws_lambda.handlers.data_sync.engine.s3 import PART_BYTES, S3
from aibs_informatics_aws_lambda.handlers.data_sync.engine.s3_copy import S3Copy
from aibs_informatics_aws_lambda.handlers.data_sync.engine.upload import Upload
from aibs_informatics_aws_lambda.handlers.data_sync.engine.window import Window
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncCounts

__all__ = ["Means", "execute", "remove_sources"]

logger = logging.getLogger(__name__)

# Requests for small items that wait at each connection, so that none of these is ever idle.
_WAITING: Final = 4


@dataclass(frozen=True)
class Means:
    """What a sync is done with.

    Args:
        pool: threads for work on local files.
        concurrency: how many transfers are under way at a time.
        s3: what asks S3, where one side is there.
        staging: the folder in which a single object is staged, if not beside its target.
        changes: whether anything is changed, or only counted.
        progress: is told how far the transfers have come.
    """

    pool: Executor
    concurrency: int
    s3: S3 | None = None
    staging: str | None = None
    changes: bool = True
    progress: Progress = field(default_factory=Silence)

    def the_s3(self) -> S3:
        """Return what asks S3, where a route has made sure that there is one."""
        if self.s3 is None:
            raise ValueError("there is no connection to S3 in a sync of local files")
        return self.s3


class Mover(Protocol):
    """Moves items in one direction."""

    def start(self, step: Step) -> Future[Any]:
        """Begin to transfer an item."""

    def finish(self, step: Step, result: Any) -> None:
        """Put what was transferred in its place."""

    def is_same(self, step: Step) -> bool:
        """Tell whether what is at the target has the content of an item."""

    def abandon(self) -> None:
        """Take away what is left of transfers that did not end."""


def execute(plans: Sequence[Plan], means: Means) -> DataSyncCounts:
    """Transfer what is to be transferred, then delete what is extra.

    Returns:
        What was moved, was there already, and was deleted.

    Raises:
        OSError: a file cannot be read or written, or has changed.
        AWSError: S3 refuses or cannot be reached. In both cases nothing was deleted.
    """
    counts = DataSyncCounts()
    for plan in plans:
        means.progress.plan(plan.pending, plan.pending_bytes)
    for plan in plans:
        counts.files_unchanged += plan.unchanged
        counts.bytes_unchanged += plan.unchanged_bytes
        _Transfers(plan, means, counts).run()
    for plan in plans:
        _delete_extras(plan, means, counts)
    return counts


def remove_sources(plans: Sequence[Plan], means: Means, *, is_whole: bool) -> int:
    """Remove what was synced at the source; return how many items that were.

    Args:
        plans: what was done; all of it has succeeded.
        means: what it is done with.
        is_whole: whether nothing was filtered out, so that folders go as well.

    Raises:
        OSError: a file has changed meanwhile, or cannot be removed.
        AWSError: an object has changed meanwhile, or cannot be removed.
    """
    for plan in plans if means.changes else ():
        source = plan.route.source
        if source.bucket is not None:
            keys = ((source.at(step.item.relative), step.item.etag) for step in plan.steps)
            window = Window(means.concurrency)
            remove_objects(means.the_s3(), source.bucket, keys, window)
            continue
        remove_source_files(source.path, plan.steps)
        if plan.route.single:
            continue
        if is_whole:
            remove_folder(source.path)
        else:
            remove_empty_parents(source.path, plan.steps)
    return sum(len(plan.steps) for plan in plans)


class _Transfers:
    """The transfers of one plan."""

    def __init__(self, plan: Plan, means: Means, counts: DataSyncCounts) -> None:
        self._plan = plan
        self._means = means
        self._counts = counts
        self._mover = _make_mover(plan.route, means)
        self._window = Window(_WAITING * means.concurrency)
        # What turned out to differ when its content was compared.
        self._differing: deque[Step] = deque()

    def run(self) -> None:
        try:
            for step in self._plan.steps:
                self._take(step)
                self._transfer_differing()
            while not self._window.is_empty() or self._differing:
                self._window.drain()
                self._transfer_differing()
        except BaseException:
            if self._means.s3:
                self._means.s3.cancel()
            self._means.pool.shutdown(cancel_futures=True)
            self._mover.abandon()
            raise

    def _take(self, step: Step) -> None:
        if step.action == "transfer":
            self._transfer(step)
        elif step.action == "compare":
            self._window.add(
                lambda: self._means.pool.submit(self._mover.is_same, step),
                lambda same: self._keep_compared(step) if same else self._differing.append(step),
                _WAITING,
            )
        elif self._plan.route.target.bucket is None:
            self._touch(step)

    def _transfer_differing(self) -> None:
        while self._differing:
            self._transfer(self._differing.popleft())

    def _transfer(self, step: Step) -> None:
        if self._means.changes:
            self._window.add(
                lambda: self._mover.start(step),
                lambda done: self._finish(step, done),
                _weight(step),
            )
        else:
            self._count(step)

    def _finish(self, step: Step, result: Any) -> None:
        self._mover.finish(step, result)
        self._count(step)

    def _count(self, step: Step) -> None:
        self._counts.files_transferred += 1
        self._counts.bytes_transferred += step.item.size
        self._means.progress.advance(1, step.item.size)

    def _keep_compared(self, step: Step) -> None:
        self._counts.files_unchanged += 1
        self._counts.bytes_unchanged += step.item.size
        self._means.progress.advance(1, step.item.size)
        if self._plan.route.target.bucket is None:
            self._touch(step)

    def _touch(self, step: Step) -> None:
        # Scanners take a file for stale by its time, and this one was asked for just now.
        if self._means.changes:
            touch(self._plan.route.target.at(step.target))


def _weight(step: Step) -> int:
    return 1 if step.item.size <= PART_BYTES else _WAITING


def _make_mover(route: Route, means: Means) -> Mover:
    if route.is_local:
        return LocalCopy(route, means.pool)
    if route.target.bucket is None:
        return Download(route, means.the_s3(), means.staging)
    if route.source.bucket is None:
        return Upload(route, means.the_s3())
    return S3Copy(route, means.the_s3(), means.pool)


def _delete_extras(plan: Plan, means: Means, counts: DataSyncCounts) -> None:
    if means.changes and plan.extras:
        _delete(plan, means)
    counts.files_deleted += len(plan.extras)
    counts.bytes_deleted += sum(step.item.size for step in plan.extras)


def _delete(plan: Plan, means: Means) -> None:
    target = plan.route.target
    if target.bucket is None:
        remove_files(target.at(step.target) for step in plan.extras)
    else:
        keys = ((target.at(step.target), None) for step in plan.extras)
        remove_objects(means.the_s3(), target.bucket, keys, Window(means.concurrency))
