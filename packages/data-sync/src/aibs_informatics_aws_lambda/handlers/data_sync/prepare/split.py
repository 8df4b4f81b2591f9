"""Splitting a sync into smaller syncs of parts of its source."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.batch import PrepareBatchDataSyncRequest
from aibs_informatics_aws_lambda.storage.data_sync.filters import DataSyncFilterConfig
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..entries import Entry, is_placeholder
from ..local.walk import BegunWalk, OnFailure
from ..locations import Root, add_suffix, find_root
from ..sync.key_paths import local_path_of
from ..sync.resolve import resolve_sync
from ..sync.routes import Route, folder_route, single_route
from ..tree import Coverage, Node, fold, node_of
from .divided_stores import SplitParts, set_entry_files_apart
from .flat_folders import FlatFolders
from .limits import BatchLimits

if TYPE_CHECKING:
    from ..s3.client import S3

logger = logging.getLogger(__name__)

_EMPTY = Node("", 0, 0, 0.0, "folder")
_NOT_OF_PARTS = (
    "batch_size_bytes_limit",
    "batch_object_count_limit",
    "batch_seconds_limit",
    "temporary_request_payload_path",
    "source_path_prefix",
    "continuation",
)


class NothingSelectedError(ValueError):
    """The filters exclude all files of a source."""


def find_parts(
    request: PrepareBatchDataSyncRequest,
    limits: BatchLimits,
    s3: Callable[[], S3],
    on_failure: OnFailure | None = None,
    flat: FlatFolders | None = None,
    on_split: Callable[[], None] | None = None,
    begun: BegunWalk | None = None,
) -> list[Node]:
    """Return the parts of a source that are synced separately, in path order.

    Args:
        request: the sync.
        limits: the limits of a part; see `partition`.
        s3: creates the S3 client; called only for a source in S3.
        on_failure: called with each file that cannot be read or has an invalid name, which is
            then part of no part, instead of raising the error.
        flat: the folders that are not divided; see `partition`.
        on_split: called while the source is listed, once it exceeds the limits of a part.
        begun: a walk of a local source, if one has begun.

    Raises:
        NothingSelectedError: the filters exclude all files.
        ValueError: the request or a source name is invalid.
        OSError: a local source cannot be read.
        AWSError: S3 refuses or cannot be reached, or has no such bucket.
    """
    resolved = resolve_sync(request, s3, on_failure, begun)
    if not resolved.exists:
        logger.info("%s does not exist: the sync will report it", request.source_path)
        return [_EMPTY]
    single, below, selects = resolved.single, resolved.below, resolved.selects
    if selects is not None:
        single = single if single and selects("") else None
        below = (entry for entry in below if selects(entry.relative))
    if resolved.limits is not None:
        allows = resolved.limits.allow
        single = single if single and allows(single) else None
        below = filter(allows, below)
    if resolved.source.bucket is not None and resolved.destination.bucket is None:
        below = _check_local_paths(below, resolved.source, on_failure)
    if on_split is not None:
        below = _watch(below, limits, on_split)
    parts = _parts(single, below, limits, flat)
    if (resolved.single or resolved.below) and not parts[0].object_count:
        _report_nothing_selected(request)
    return parts


def _watch(
    entries: Iterable[Entry], limits: BatchLimits, on_split: Callable[[], None]
) -> Iterator[Entry]:
    """Yield entries, and call a function once they exceed the limits of a part."""
    rest, size = iter(entries), 0
    for count, entry in enumerate(rest, 1):
        size += entry.size
        yield entry
        # Not at each of millions.
        if not count % 64 and not limits.fit(Node("", size, count, 0.0, "folder")):
            on_split()
            break
    yield from rest


def _parts(
    single: Entry | None, below: Iterable[Entry], limits: BatchLimits, flat: FlatFolders | None
) -> list[Node]:
    if single is None:
        return partition(below, limits, flat)
    rest = iter(below)
    first = next(rest, None)
    if first is None:
        return [node_of(single)]
    # The path is both a key and a prefix. No request can select only the object: one part.
    [folder] = partition(chain([first], rest), BatchLimits(2**64))
    return [
        Node(
            "",
            single.size + folder.size_bytes,
            1 + folder.object_count,
            max(single.modified, folder.last_modified),
            "entry",
        )
    ]


class SubRequests:
    """Builds the requests that sync the parts of a source.

    Args:
        request: the sync of the whole source.
    """

    def __init__(self, request: PrepareBatchDataSyncRequest) -> None:
        self._request = request
        fields = request.model_dump(exclude=set(_NOT_OF_PARTS))
        root = request.filter_root
        fields["filter_root"] = str(request.source_path) if root is None else root
        self._whole = DataSyncRequest(**fields)

    def sync(self, node: Node) -> DataSyncRequest:
        """Return the request that syncs a part."""
        paths = {
            "source_path": self.source_path(node),
            "destination_path": self.destination_path(node),
        }
        alone = self._alone(paths["source_path"]) if node.kind == "lone" else {}
        own = {**self._report(node), **self._backup(node), **self._inventory(node)}
        return self._whole.model_copy(update={**paths, **alone, **own})

    def split(self, parts: Sequence[Node]) -> SplitParts:
        """Return the parts, and separately those that are synced after all others."""
        changes_nothing = self._whole.dry_run or self._whole.verify
        if len(parts) == 1 or changes_nothing:
            return SplitParts(list(parts), [])
        return set_entry_files_apart(parts, self.target_folder)

    def part(self, node: Node, split: SplitParts) -> DataSyncRequest:
        """Return the request that syncs a part; of a split store, without its entry files.

        There it deletes nothing at either side: entry files still name what it would delete.
        """
        fields = {"entry_files": "skip", "delete": False, "retain_source_data": True}
        sync = self.sync(node)
        return sync.model_copy(update=fields) if split.is_split(node) else sync

    def finish(self, node: Node) -> DataSyncRequest:
        """Return the request that completes a store, once all of its parts are synced."""
        return self.sync(node).model_copy(update={"entry_files": "finish"})

    def deletion(self, patterns: list[str], number: int) -> DataSyncRequest:
        """Return a request that deletes extraneous entries and transfers nothing.

        Args:
            patterns: regular expressions of the paths to delete, relative to the destination.
            number: makes its report path unique among the deletions.
        """
        folder = Node("", 0, 1, 0.0, "folder")
        path = self._whole.report_path
        fields = {
            "source_path": self.source_path(folder),
            "destination_path": self.destination_path(folder),
            "delete_only": patterns,
            **self._backup(folder),
            "retain_source_data": True,
            "max_delete": None,
            "report_path": path and add_suffix(path, f"deletions-{number}"),
        }
        return self._whole.model_copy(update=fields)

    def _backup(self, node: Node) -> dict[str, Any]:
        """Return the ``backup_path`` field of a part: files keep their paths in the backup."""
        path = self._whole.backup_path
        if path is None:
            return {}
        relative = self._kept_prefix + node.relative
        # A single file is kept under its name.
        folder = relative.rstrip("/") if node.kind == "folder" else relative.rpartition("/")[0]
        return {"backup_path": _joined(path, folder) if folder else path}

    def _alone(self, path: DataLocation) -> dict[str, object]:
        if self._whole.files_from is not None:
            raise ValueError(
                f"{path} is an object and also a key prefix: name it in a separate list"
            )
        return _alone(path)

    def _inventory(self, node: Node) -> dict[str, Any]:
        """Return the ``inventory`` field of a part, and whether the part must exist.

        Parts are listed: each would read the report of the whole bucket. What was deleted since
        the report is left out, as in a sync of the whole.
        """
        if self._whole.inventory is None or not node.relative:
            return {}
        return {"inventory": None, "fail_if_missing": False}

    def _report(self, node: Node) -> dict[str, Any]:
        """Return the ``report_path`` field of a part, unique among the parts."""
        path = self._whole.report_path
        if path is None or not node.relative:
            return {}
        name = hashlib.sha256(node.relative.encode(errors="surrogateescape")).hexdigest()[:12]
        return {"report_path": add_suffix(path, name)}

    def source_path(self, node: Node) -> DataLocation:
        """Return the source path of a part. Folders in S3 and on EFS end in a slash.

        The path of the whole source is as requested, unless it is a non-empty folder.
        """
        source = self._request.source_path
        if not node.relative and (node.kind == "entry" or not node.object_count):
            return source
        return _joined(source, node.relative)

    def destination_path(self, node: Node) -> DataLocation:
        """Return the destination path of a part. Folders in S3 end in a slash."""
        destination = self._request.destination_path
        if not node.relative and node.kind == "entry" and not self._cuts_prefix:
            return destination
        if not node.relative and not node.object_count:
            return destination
        if isinstance(destination, S3Path):
            return self._key_of(node, destination)
        if not node.relative:
            return destination
        return _joined(destination, node.relative.removesuffix("/"))

    def _key_of(self, node: Node, destination: S3Path) -> S3Path:
        if node.relative or node.kind != "entry":
            return S3Path.build(destination.bucket, self.target_folder + node.relative)
        request = self._request
        source, prefix = find_root(request.source_path), request.source_path_prefix
        route = single_route(source, find_root(destination), prefix)
        return S3Path.build(destination.bucket, route.target.path)

    @property
    def _cuts_prefix(self) -> bool:
        paths = (self._request.source_path, self._request.destination_path)
        return bool(self._request.source_path_prefix) and all(isinstance(p, S3Path) for p in paths)

    @cached_property
    def target_folder(self) -> str:
        """The path of the destination, with a slash at its end, or the beginning of its keys."""
        return self._route.target.path + self._kept_prefix

    @property
    def _kept_prefix(self) -> str:
        """The part of source keys after ``source_path_prefix``, with a slash at its end."""
        return self._route.kept_prefix

    @cached_property
    def _route(self) -> Route:
        request = self._request
        source, destination = find_root(request.source_path), find_root(request.destination_path)
        return folder_route(source, destination, request.source_path_prefix)


def _joined(path: DataLocation, relative: str) -> DataLocation:
    if isinstance(path, Path):
        return path / relative
    return type(path)(f"{path.rstrip('/')}/{relative}")


def _alone(path: DataLocation) -> dict[str, object]:
    """Return the request fields that limit a sync to the object with exactly this key.

    The key is also the path of a folder: a filter excludes the folder's contents, and nothing is
    deleted.
    """
    if not isinstance(path, S3Path):
        raise ValueError(f"{path} is both a file and a folder")
    return {
        "filter_root": str(path.parent),
        "filter_config": DataSyncFilterConfig(include=re.escape(path.name)),
        "delete": False,
    }


def _check_local_paths(
    entries: Iterable[Entry], source: Root, on_failure: OnFailure | None
) -> Iterator[Entry]:
    """Yield the entries that become local files; raise `ValueError` for an invalid key."""
    uri = source.name() if source.path.endswith("/") or not source.path else f"{source.name()}/"
    for entry in entries:
        if is_placeholder(entry):
            continue
        try:
            local_path_of(entry.relative, uri)
        except ValueError as error:
            if on_failure is None:
                raise
            on_failure(f"{uri}{entry.relative}", error)
        else:
            yield entry


def _report_nothing_selected(request: PrepareBatchDataSyncRequest) -> None:
    config = request.filter_config or DataSyncFilterConfig()
    message = (
        f"the filters (include {config.include!r}, exclude {config.exclude!r}) exclude all files "
        f"of {request.source_path}"
    )
    if request.fail_if_missing:
        raise NothingSelectedError(
            f"{message}: correct the patterns, or set fail_if_missing: false"
        )
    logger.warning("%s", message)


def partition(
    entries: Iterable[Entry], limits: BatchLimits, flat: FlatFolders | None = None
) -> list[Node]:
    """Return the largest folders that are within the limits, and the entries outside them.

    An entry that exceeds a limit is still a part. So is a folder of any size that has keys which
    no request can name: those with an empty segment, ``folder//key``. An object whose key is also
    the path of a folder is a part of kind ``lone``, unless one part contains both.

    Args:
        entries: the entries of the tree, in listing order.
        limits: the limits of a part.
        flat: notes the folders with too many small files to divide: of any size, each is in one
            part. Memory is needed for the nodes of few of these files.

    Returns:
        The parts, in path order; only the root if it is within the limits or empty.
    """
    whole: set[str] = set()

    def covers(folder: Node) -> Coverage:
        path = folder.relative
        if path == "/" or path.endswith("//"):
            whole.add(path[:-1])
        is_flat = flat is not None and flat.close(path)
        fits = is_flat or limits.fit(folder) or path in whole
        return Coverage.WHOLE if fits else Coverage.PARTS

    root, parts = fold(entries, covers, None if flat is None else flat.add)
    if covers(root) is Coverage.WHOLE:
        return [root]
    return list(_with_lone_ones(parts))


def _with_lone_ones(parts: list[Node]) -> Iterator[Node]:
    """Yield the parts; an entry ``a`` becomes a ``lone`` one if any ``a/...`` is a part too."""
    shared: set[str] = set()
    beginnings: list[str] = []
    for part in parts:
        while beginnings and not part.relative.startswith(beginnings[-1]):
            beginnings.pop()
        shared.update(
            beginning for beginning in beginnings if part.relative.startswith("/", len(beginning))
        )
        if part.kind == "entry":
            beginnings.append(part.relative)
    for part in parts:
        yield part._replace(kind="lone") if part.relative in shared else part
