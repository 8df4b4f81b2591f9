"""Listings of a sync that begin before the models and the engine are imported."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.s3 import S3Path

from .connection import given_side_options

if TYPE_CHECKING:
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
    """Listings whose first pages are requested.

    Args:
        clients: returns the S3 client for a number of connections; the listings are in one.
        started: the time at which the first listing began, in seconds since 1970 UTC.
    """

    clients: Callable[..., S3]
    started: float


def begin_listings(options: argparse.Namespace) -> BegunListings | None:
    """Request the first pages of the listings that a sync with these options reads.

    Returns:
        The listings; `None` if there are none, or if the options do not tell which. If the
        configuration is invalid, the error is raised where a client is needed.
    """
    prefixes = list(find_prefixes(options))
    if not prefixes:
        return None
    # Not for local paths: it takes time.
    from ..s3.client import DEFAULT_CONNECTIONS, S3
    from ..s3.listing import begin_listing

    begun = BegunListings(cache(S3), time.time())
    try:
        s3 = begun.clients(DEFAULT_CONNECTIONS)
    except AWSError as error:
        # The endpoint may be the reason, which is being looked at.
        return begun._replace(clients=partial(_raise, error))
    for prefix in prefixes:
        begin_listing(s3, prefix.bucket, prefix.key)
    return begun


def _raise(error: AWSError, *_: object, **__: object) -> NoReturn:
    raise error


def find_prefixes(options: argparse.Namespace) -> Iterator[S3Path]:
    """Yield the prefixes that a sync with these options lists, whatever there is."""
    given = vars(options)
    if options.jobs > 1 or any(given.get(name) is not None for name in _OTHER_LISTINGS):
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
    """Tell whether the destination is listed even if all files are transferred."""
    return bool(options.delete or options.verify or options.backup_path)
