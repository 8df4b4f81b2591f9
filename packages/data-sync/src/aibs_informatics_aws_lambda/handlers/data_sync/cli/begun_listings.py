"""Listings of a sync that begin before the models and the engine are imported."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.s3 import S3Path

from .connection import given_side_options

if TYPE_CHECKING:
    from ..local.walk import BegunWalk
    from ..s3.client import S3

# With these, requests have limits, or another client; or listings are others.
_OTHER_LISTINGS = (
    "bandwidth",
    "deadline",
    "files_from",
    "inventory",
    "max_concurrency",
    "requests_per_second",
    "retries",
    "switch",
)


class BegunListings(NamedTuple):
    """Listings that have begun.

    Args:
        clients: returns the S3 client for a number of connections, in which those of prefixes are.
        started: the time at which the first listing began, in seconds since 1970 UTC.
        walks: those of local folders, by folder.
    """

    clients: Callable[..., S3] | None
    started: float
    walks: dict[str, BegunWalk]


def begin_listings(options: argparse.Namespace, stack: ExitStack) -> BegunListings:
    """Begin the listings that a sync with these options reads.

    The first pages of prefixes are requested, and folders of slow file systems are walked.

    Args:
        options: the options of the sync.
        stack: ends what is still listed.

    Returns:
        The listings, as far as the options tell which. If the configuration of S3 is invalid, the
        error is raised where a client is needed.
    """
    started = time.time()
    # Before requests, as the library for these starts threads, and only a single thread can fork.
    begun = BegunListings(None, started, _begin_walks(options, stack))
    prefixes = list(find_prefixes(options))
    if not prefixes:
        return begun
    # Not for local paths: it takes time.
    from ..s3.client import S3
    from ..s3.crt_clients import DEFAULT_CONNECTIONS
    from ..s3.listing import begin_listing

    clients = cache(S3)
    try:
        s3 = clients(DEFAULT_CONNECTIONS)
    except AWSError as error:
        # The endpoint may be the reason, which is being looked at.
        return begun._replace(clients=partial(_raise, error))
    for prefix in prefixes:
        begin_listing(s3, prefix.bucket, prefix.key)
    return begun._replace(clients=clients)


def _begin_walks(options: argparse.Namespace, stack: ExitStack) -> dict[str, BegunWalk]:
    """Return the walks of local folders that have begun, by folder."""
    source, destination = find_folders(options)
    if source is None and destination is None:
        return {}
    from ..local.walk import list_destination, list_source
    from ..local.walk_process import begin_walk

    begun = {}
    if source is not None:
        begun[str(source)] = begin_walk(source, partial(list_source, source), stack)
    if destination is not None:
        walk = begin_walk(destination, lambda _: list_destination(destination), stack)
        begun[str(destination)] = walk
    return {folder: walk for folder, walk in begun.items() if walk is not None}


def _raise(error: AWSError, *_: object, **__: object) -> NoReturn:
    raise error


def find_folders(options: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """Return the local source and the local destination, if a sync with these options walks it.

    The destination is without symlinks, as that of the sync.
    """
    source, destination = options.source_path, options.destination_path
    if _has_other_listings(options) or not _is_folder(source):
        return None, None
    target = None
    # With a lock, it is walked once that is held.
    if isinstance(destination, Path) and _is_folder(destination) and not options.require_lock:
        target = destination.resolve()
    # A folder and itself: walks are kept by their paths, and such a sync needs none.
    if source == target:
        return None, None
    return (source if isinstance(source, Path) else None), target


def _has_other_listings(options: argparse.Namespace) -> bool:
    given = vars(options)
    return options.jobs > 1 or any(given.get(name) is not None for name in _OTHER_LISTINGS)


def find_prefixes(options: argparse.Namespace) -> Iterator[S3Path]:
    """Yield the prefixes that a sync with these options lists, whatever there is."""
    if _has_other_listings(options):
        return
    source, destination = options.source_path, options.destination_path
    if isinstance(source, S3Path) and not given_side_options(options, "source"):
        yield source.with_folder_suffix
    if not isinstance(destination, S3Path) or given_side_options(options, "destination"):
        return
    # A single file goes to a key, which is looked up.
    if _is_folder(source) and (not options.force or _lists_all(options)):
        yield destination.with_folder_suffix


def _is_folder(source: object) -> bool:
    if isinstance(source, S3Path):
        return not source.key or source.has_folder_suffix()
    # Unlike the method of a path, without errors.
    return isinstance(source, Path) and os.path.isdir(source)  # noqa: PTH112


def _lists_all(options: argparse.Namespace) -> bool:
    """Return whether the destination is listed even if all files are transferred."""
    is_planned = options.dry_run or options.plan_file
    return bool(options.delete or options.verify or options.backup_path or is_planned)
