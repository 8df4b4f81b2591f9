"""Resolution of a request: both locations, the filter, the source listing and the routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from aibs_informatics_aws_lambda.storage.locations import DataLocation

from ..entries import Entry, Listing, is_placeholder
from ..local.walk import BegunWalk, OnFailure, find_local
from ..locations import Root, find_root, resolve
from ..s3.client import S3
from ..s3.endpoint import find_endpoint, is_one_service
from ..s3.listing import find_in_s3
from .filters import (
    Limits,
    PathFilter,
    check_filters_supported,
    filter_root_name,
    find_limits,
    make_filter,
)
from .request import SyncRequest
from .routes import Route, check_overlap, folder_route, single_route


class Branch(NamedTuple):
    """Entries of the source that take one route."""

    route: Route
    entries: Iterable[Entry]


class ResolvedSync(NamedTuple):
    """A sync whose paths are resolved.

    Args:
        source: the source.
        destination: the destination.
        selects: the filter of paths, or `None` if all entries are selected.
        limits: the limits of sizes and times, if there are any.
        exists: whether the source exists.
        single: the file or object at the very source path, if there is one.
        below: the entries below the source; an empty tuple if there are none.
        branches: the routes, with their entries. There are two if the source names both an object
            and a key prefix; none if the source is missing, or is the destination itself.
    """

    source: Root
    destination: Root
    selects: PathFilter | None
    limits: Limits | None
    exists: bool
    single: Entry | None
    below: Iterable[Entry]
    branches: list[Branch]


def resolve_sync(
    request: SyncRequest,
    s3: Callable[[], S3],
    on_failure: OnFailure | None = None,
    begun: BegunWalk | None = None,
) -> ResolvedSync:
    """Resolve the paths of a request and begin to list its source.

    Args:
        request: the sync.
        s3: makes the S3 client; it is called only for a source in S3.
        on_failure: called with each file below a local source that cannot be read, instead of
            raising the error.
        begun: a walk of a local source, if one has begun.

    Raises:
        ValueError: the options contradict each other, or source and destination overlap.
        OSError: a local source cannot be read.
        AWSError: S3 refuses or cannot be reached, or has no such bucket.
    """
    source, destination = find_root(request.source_path), find_root(request.destination_path)
    if request.inventory is not None:
        _check_inventory(request, source)
    if request.files_from is not None and request.switch:
        raise ValueError(
            "switch and files_from are mutually exclusive: the new folder would be incomplete"
        )
    if source.bucket is None and destination.bucket is None:
        _check_local_mirror(request)
    elif destination.bucket is not None:
        _check_move_of_existing(request)
    selects, limits = None, None
    if request.filter_config is not None:
        limits = find_limits(request.filter_config)
        if not request.local_mirror:
            check_filters_supported(request.filter_config, source, destination)
        selects = make_filter(request.filter_config, source, request.filter_root)
    if request.files_from is not None:
        listing = _find_named(request, source, s3, on_failure)
    elif source.bucket is None:
        noted = _of_selected(on_failure, source, selects)
        listing = find_local(Path(source.path), noted, begun)
    elif request.inventory is not None:
        listing = _find_in_inventory(request.inventory, s3, source.bucket, source.path)
    else:
        listing = find_in_s3(s3(), source.bucket, source.path)
    single, below = listing.single, _without_lone_placeholder(listing.below)
    if single and below and destination.bucket is None:
        raise ValueError(
            f"{source.name()} is an object and also a key prefix: a local path cannot be a file "
            f"and a folder. To sync the objects below the prefix, name {source.name()}/"
        )
    branches = _branches(request, source, destination, listing._replace(below=below))
    return ResolvedSync(
        source, destination, selects, limits, listing.exists, single, below, branches
    )


def _find_named(
    request: SyncRequest, source: Root, s3: Callable[[], S3], on_failure: OnFailure | None
) -> Listing:
    # Few sources are listed by one.
    from .named_files import find_named

    if request.files_from is None:
        raise ValueError("there is no list of files")
    whole = source.name().rstrip("/")
    root = whole if request.filter_root is None else filter_root_name(request.filter_root)
    if not f"{whole}/".startswith(f"{root}/"):
        raise ValueError(
            f"{whole} is not below the filter_root {root}, to which the paths of files_from are "
            "relative"
        )
    return find_named(resolve(request.files_from), s3, source, whole[len(root) + 1 :], on_failure)


def _check_inventory(request: SyncRequest, source: Root) -> None:
    """Raise `ValueError` if a source cannot be listed by an S3 Inventory report."""
    if request.files_from is not None:
        raise ValueError("files_from and inventory are mutually exclusive: leave one of them out")
    if source.bucket is None:
        raise ValueError(f"an inventory lists objects, and {source.name()} is a local path")
    if not request.retain_source_data:
        raise ValueError(
            "a move needs a listing of what is there now, and an inventory is a snapshot: leave "
            "out the inventory, or set retain_source_data: true"
        )
    if request.switch:
        raise ValueError(
            "switch and inventory are mutually exclusive: the new folder would lack what was "
            "written since the inventory"
        )


def _find_in_inventory(path: DataLocation, s3: Callable[[], S3], bucket: str, key: str) -> Listing:
    # Few sources are listed by one.
    from ..inventory.listing import find_in_inventory

    return find_in_inventory(resolve(path), s3, bucket, key)


def _of_selected(
    on_failure: OnFailure | None, source: Root, selects: PathFilter | None
) -> OnFailure | None:
    """Return a callback that is not interested in dangling symlinks that the filter excludes."""
    if on_failure is None or selects is None:
        return on_failure
    note, start = on_failure, f"{source.path.rstrip('/')}/"

    def note_selected(path: str, error: Exception) -> None:
        # A directory that cannot be read may contain what is selected.
        if isinstance(error, OSError) or selects(path.removeprefix(start)):
            note(path, error)

    return note_selected


def _check_local_mirror(request: SyncRequest) -> None:
    if request.local_mirror and request.delete and not request.retain_source_data:
        # A move that is run again, after it was killed, would delete what it had moved.
        raise ValueError(
            "a move from one local path to another cannot delete extraneous files: set delete: "
            "false or retain_source_data: true"
        )


def _check_move_of_existing(request: SyncRequest) -> None:
    leaves_sources = not request.retain_source_data and request.existing in ("ignore", "update")
    if leaves_sources and request.delete and request.files_from is None:
        # All but what was left would be extraneous to a second one.
        raise ValueError(
            "a move that does not replace existing files leaves their sources, and cannot delete "
            "extraneous files: a second one would delete what the first one has moved. Set "
            "delete: false or existing: replace"
        )


def _branches(
    request: SyncRequest, source: Root, destination: Root, listing: Listing
) -> list[Branch]:
    if not listing.exists:
        return []
    prefix, branches = request.source_path_prefix, []
    delete, retain, is_apart = request.delete, request.retain_source_data, _are_apart(request)
    if listing.single:
        route = single_route(source, destination, prefix)
        if is_apart or not check_overlap(route, delete=delete, retain=retain):
            branches.append(Branch(route, [listing.single]))
    if listing.below or not listing.single:
        route = folder_route(source, destination, prefix)
        if is_apart or not check_overlap(route, delete=delete, retain=retain):
            branches.append(Branch(route, listing.below))
    return branches


def _are_apart(request: SyncRequest) -> bool:
    """Return whether source and destination are on two services, which may have a bucket each."""
    one, other = request.source_connection, request.destination_connection
    if one == other:
        return False
    return not is_one_service(find_endpoint(one), find_endpoint(other))


def _without_lone_placeholder(below: Iterable[Entry]) -> Iterable[Entry]:
    """Return the entries, or an empty tuple if there are none.

    The placeholder of the source itself is no entry if it is the only one: the source is empty.
    """
    entries = iter(below)
    first = list(islice(entries, 1))
    if first and not first[0].relative and is_placeholder(first[0]):
        first += islice(entries, 1)
        first = first if len(first) > 1 else []
    return chain(first, entries) if first else ()
