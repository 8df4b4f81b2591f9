"""Syncs: from a request to what was done."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.engine.execution import (
    Means,
    execute,
    remove_sources,
)
from aibs_informatics_aws_lambda.handlers.data_sync.engine.filters import (
    Keeps,
    check_possible,
    make_filter,
)
from aibs_informatics_aws_lambda.handlers.data_sync.engine.items import Item, Source
from aibs_informatics_aws_lambda.handlers.data_sync.engine.locks import held_lock
from aibs_informatics_aws_lambda.handlers.data_sync.engine.places import Place, resolve
from aibs_informatics_aws_lambda.handlers.data_sync.engine.plan import Rules
from aibs_informatics_aws_lambda.handlers.data_sync.engine.planning import Demand, Plan, make_plan
from aibs_informatics_aws_lambda.handlers.data_sync.engine.progress import Progress, Silence
from aibs_informatics_aws_lambda.handlers.data_sync.engine.routes import (
    Route,
    folder_route,
    same_or_apart,
    single_route,
)
from aibs_informatics_aws_lambda.handlers.data_sync.engine.s3 import S3
from aibs_informatics_aws_lambda.handlers.data_sync.engine.source import find_source
from aibs_informatics_aws_lambda.handlers.data_sync.engine.staging import (
    find_staging_root,
    staging_folder,
)
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest, DataSyncResult

__all__ = ["Engine"]

logger = logging.getLogger(__name__)


class Engine:
    """Does syncs, one after the other, over the same connections to S3.

    Args:
        progress: is told how far they have come.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress or Silence()
        self._s3: dict[int, S3] = {}

    def sync(self, request: DataSyncRequest) -> DataSyncResult:
        """Do one sync and return what was moved.

        Raises:
            FileNotFoundError: the source is missing, and ``fail_if_missing`` is set.
            ValueError: the request, or a name in the source, makes no sense; nothing was changed.
            OSError: a file cannot be read or written.
            AWSError: S3 refuses or cannot be reached.
        """
        source, destination = resolve(request.source_path), resolve(request.destination_path)
        check_possible(request.filter_config, source, destination)
        keeps = make_filter(request.filter_config, source, request.filter_root)
        s3 = partial(self._find_s3, request.max_concurrency)
        found = find_source(source, s3)
        if not found.exists:
            return _missing(request)
        routes = [
            (route, items)
            for route, items in _routes(request, source, destination, found)
            if not same_or_apart(route, delete=request.delete, retain=request.retain_source_data)
        ]
        if not routes:
            logger.info("%s is source and destination: nothing to do", source)
            return DataSyncResult()
        with ExitStack() as stack:
            is_locked = request.require_lock and not request.dry_run
            if is_locked and routes[0][0].is_remote_to_local:
                stack.enter_context(held_lock(Path(destination)))
            is_local = all(route.is_local for route, _ in routes)
            client = None if is_local else s3()
            plans = []
            for route, items in routes:
                others = frozenset(r.target.path for r, _ in routes if r is not route)
                plan = make_plan(route, items, _demand(request, route, keeps, others), client)
                plans.append(stack.enter_context(closing(plan)))
            _check_deletions(request, plans)
            staging = stack.enter_context(_staging(request, routes[0][0], plans))
            pool = stack.enter_context(ThreadPoolExecutor(request.max_concurrency))
            means = Means(
                pool,
                request.max_concurrency,
                client,
                staging,
                changes=not request.dry_run,
                progress=self._progress,
            )
            counts = execute(plans, means)
            if not request.retain_source_data:
                counts.files_removed = _remove_sources(plans, means, is_whole=keeps is None)
        return DataSyncResult(**counts.to_dict())

    def _find_s3(self, connections: int) -> S3:
        if connections not in self._s3:
            self._s3[connections] = S3(connections)
        return self._s3[connections]


def _missing(request: DataSyncRequest) -> DataSyncResult:
    message = f"there is nothing at the source {request.source_path}"
    if request.fail_if_missing:
        raise FileNotFoundError(f"{message}: check the path, or give fail_if_missing: false")
    logger.warning("%s: nothing is synced", message)
    return DataSyncResult()


def _routes(
    request: DataSyncRequest, source: Place, destination: Place, found: Source
) -> Iterator[tuple[Route, Iterable[Item]]]:
    """Yield the routes, with the items that take them.

    There are two if a key names both an object and what lies below it.
    """
    prefix = request.source_path_prefix
    rest = iter(found.below)
    first = next(rest, None)
    if found.single and first and not isinstance(destination, S3Path):
        raise ValueError(
            f"{source} is an object and has objects below it: a local path cannot be a file and "
            f"a folder; name {source}/ to sync what lies below"
        )
    if found.single:
        yield single_route(source, destination, prefix), [found.single]
    if first or not found.single:
        below = chain([first] if first else [], rest)
        yield folder_route(source, destination, prefix), below


def _demand(
    request: DataSyncRequest, route: Route, keeps: Keeps | None, taken: frozenset[str]
) -> Demand:
    return Demand(
        keeps=keeps,
        rules=Rules() if route.is_local else Rules(request.force, request.size_only),
        mirror=request.delete and not route.single and not route.is_local,
        retain=request.retain_source_data or route.is_remote_to_local,
        protects_excluded=bool(request.protect_excluded),
        taken=taken,
    )


def _check_deletions(request: DataSyncRequest, plans: Sequence[Plan]) -> None:
    count = sum(len(plan.extras) for plan in plans)
    if request.max_delete is not None and count > int(request.max_delete):
        raise ValueError(
            f"{count} items would be deleted at {request.destination_path}, and max_delete allows "
            f"{request.max_delete}: nothing was changed; check the paths, or allow more"
        )


@contextmanager
def _staging(
    request: DataSyncRequest, route: Route, plans: Sequence[Plan]
) -> Iterator[str | None]:
    config = request.remote_to_local_config
    is_used = config.use_custom_tmp_dir and route.single and route.is_remote_to_local
    if not is_used or request.dry_run or not any(len(plan.steps) for plan in plans):
        yield None
        return
    chosen = config.custom_tmp_dir
    root = find_staging_root(route.target.path) if chosen is None else resolve(chosen)
    with staging_folder(str(root)) as folder:
        yield folder


def _remove_sources(plans: Sequence[Plan], means: Means, *, is_whole: bool) -> int:
    if any(plan.route.is_remote_to_local for plan in plans):
        logger.warning("The source stays: objects are not removed after a sync to local files")
        return 0
    return remove_sources(plans, means, is_whole=is_whole)
