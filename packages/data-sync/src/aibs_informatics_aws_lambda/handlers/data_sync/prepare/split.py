"""One sync divided into syncs of its parts."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.batch import PrepareBatchDataSyncRequest
from aibs_informatics_aws_lambda.storage.data_sync.filters import DataSyncFilterConfig
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..entries import Entry, Listing, is_placeholder
from ..locations import Location, resolve
from ..sources import find_source
from ..sync.filters import check_filters_supported, make_filter
from ..sync.key_paths import local_path_of
from ..sync.report import with_suffix
from ..sync.routes import check_overlap, folder_route, single_route
from ..tree import Coverage, Node, fold, node_of

if TYPE_CHECKING:
    from ..s3.client import S3

logger = logging.getLogger(__name__)

_EMPTY: Final = Node("", 0, 0, 0.0, "folder")
_NOT_OF_PARTS: Final = (
    "batch_size_bytes_limit",
    "temporary_request_payload_path",
    "source_path_prefix",
    "continuation",
)


def find_parts(
    request: PrepareBatchDataSyncRequest, limit: int, s3: Callable[[], S3]
) -> list[Node]:
    """Return the parts of a source that are to be synced one by one, in the order of their paths.

    Args:
        request: the sync.
        limit: of the size of a part, in bytes; see `partition.partition`.
        s3: makes what S3 is asked with; called only for a source on S3.

    Raises:
        ValueError: the request, or a name in the source, makes no sense, or the filters keep
            nothing of what there is.
        OSError: a local source cannot be read.
        AWSError: S3 cannot be asked, or has no such bucket.
    """
    source, destination = resolve(request.source_path), resolve(request.destination_path)
    check_filters_supported(request.filter_config, source, destination)
    selects = make_filter(request.filter_config, source, request.filter_root)
    found = find_source(source, s3)
    if not found.exists:
        logger.info("There is nothing at %s: the sync will say so", source)
        return [_EMPTY]
    single, below = _without_lone_placeholder(found)
    _check_locations(request, source, destination, single, below)
    kept_single = single if single and (selects is None or selects("")) else None
    kept_below = (
        below if selects is None else (entry for entry in below if selects(entry.relative))
    )
    if isinstance(source, S3Path) and not isinstance(destination, S3Path):
        kept_below = _checked(kept_below, source)
    parts = _parts(kept_single, kept_below, limit)
    if (single or below) and not parts[0].object_count:
        _report_nothing_kept(request)
    return parts


def _parts(single: Entry | None, below: Iterable[Entry], limit: int) -> list[Node]:
    if single is None:
        return partition(below, limit)
    rest = iter(below)
    first = next(rest, None)
    if first is None:
        return [node_of(single)]
    # The path names both. No request names the object alone, so they stay together.
    [folder] = partition(chain([first], rest), limit=2**64)
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
    """Makes the requests that sync parts of a source.

    Args:
        request: the sync of the whole.
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
        alone = _alone(paths["source_path"]) if node.kind == "lone" else {}
        return self._whole.model_copy(update={**paths, **alone, **self._report(node)})

    def _report(self, node: Node) -> dict[str, Any]:
        """Return a location for the report of a part that no other part has."""
        path = self._whole.report_path
        if path is None or not node.relative:
            return {}
        name = hashlib.sha256(node.relative.encode(errors="surrogateescape")).hexdigest()[:12]
        return {"report_path": with_suffix(path, name)}

    def source_path(self, node: Node) -> DataLocation:
        """Return the path of a part at the source; those of folders on S3 and EFS end in a slash.

        That of the whole source is as requested, unless it is a folder with something in it.
        """
        source = self._request.source_path
        if not node.relative and (node.kind == "entry" or not node.object_count):
            return source
        return _joined(source, node.relative)

    def destination_path(self, node: Node) -> DataLocation:
        """Return where a part goes; the paths of folders on S3 end in a slash."""
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
            return S3Path.build(destination.bucket, self._target_folder + node.relative)
        source, prefix = resolve(self._request.source_path), self._request.source_path_prefix
        route = single_route(source, destination, prefix)
        return S3Path.build(destination.bucket, route.target.path)

    @property
    def _cuts_prefix(self) -> bool:
        paths = (self._request.source_path, self._request.destination_path)
        return bool(self._request.source_path_prefix) and all(isinstance(p, S3Path) for p in paths)

    @cached_property
    def _target_folder(self) -> str:
        request = self._request
        source, destination = resolve(request.source_path), resolve(request.destination_path)
        route = folder_route(source, destination, request.source_path_prefix)
        return route.target.path + route.kept_prefix


def _joined(path: DataLocation, relative: str) -> DataLocation:
    if isinstance(path, Path):
        return path / relative
    return type(path)(f"{path.rstrip('/')}/{relative}")


def _alone(path: DataLocation) -> dict[str, object]:
    """Return what makes a request for a path sync the one object that has that very key.

    Its name is that of a folder: a filter leaves out what is in there, and nothing is deleted.
    """
    if not isinstance(path, S3Path):
        raise ValueError(f"{path} is a file and a folder")
    return {
        "filter_root": str(path.parent),
        "filter_config": DataSyncFilterConfig(include=re.escape(path.name)),
        "delete": False,
    }


def _without_lone_placeholder(found: Listing) -> tuple[Entry | None, Iterable[Entry]]:
    """Return what is synced: the placeholder of the source itself is nothing if it is alone."""
    entries = iter(found.below)
    beginning = [entry for _, entry in zip(range(2), entries, strict=False)]
    if len(beginning) == 1 and not beginning[0].relative and is_placeholder(beginning[0]):
        beginning = []
    return found.single, chain(beginning, entries) if beginning else ()


def _check_locations(
    request: PrepareBatchDataSyncRequest,
    source: Location,
    destination: Location,
    single: Entry | None,
    below: Iterable[Entry],
) -> None:
    """Refuse what the sync of the whole would refuse, and that of a part might not."""
    if single and below and not isinstance(destination, S3Path):
        raise ValueError(
            f"{source} is an object and has objects below it: a local path cannot be a file and "
            f"a folder; name {source}/ to sync what lies below"
        )
    make_route = single_route if single else folder_route
    route = make_route(source, destination, request.source_path_prefix)
    check_overlap(route, delete=request.delete, retain=request.retain_source_data)


def _checked(entries: Iterable[Entry], source: S3Path) -> Iterator[Entry]:
    """Yield what becomes local files; refuse a key that cannot."""
    folder = source.with_folder_suffix
    for entry in entries:
        if not is_placeholder(entry):
            local_path_of(entry.relative, folder)
            yield entry


def _report_nothing_kept(request: PrepareBatchDataSyncRequest) -> None:
    config = request.filter_config or DataSyncFilterConfig()
    message = (
        f"the filters (include {config.include!r}, exclude {config.exclude!r}) keep nothing of "
        f"{request.source_path}"
    )
    if request.fail_if_missing:
        raise ValueError(f"{message}: mend the patterns, or give fail_if_missing: false")
    logger.warning("%s", message)


def partition(entries: Iterable[Entry], limit: int) -> list[Node]:
    """Return the largest folders whose size is within the limit, and the entries outside of them.

    An entry above the limit is a part all the same, and so is a folder with keys that no request
    can name: those with an empty segment, ``folder//key``. An object that has the name of a folder
    is a part of the kind ``lone``, unless both are in one.

    Args:
        entries: what is in the tree, in order.
        limit: of a part, in bytes.

    Returns:
        The parts, in the order of their paths: the root alone if it is within the limit, or empty.
    """
    whole: set[str] = set()

    def covers(folder: Node) -> Coverage:
        path = folder.relative
        if path == "/" or path.endswith("//"):
            whole.add(path[:-1])
        fits = folder.size_bytes <= limit or path in whole
        return Coverage.WHOLE if fits else Coverage.PARTS

    root, parts = fold(entries, covers)
    if covers(root) is Coverage.WHOLE:
        return [root]
    return list(_with_lone_ones(parts))


def _with_lone_ones(parts: list[Node]) -> Iterator[Node]:
    """Yield the parts; an entry ``a`` that is followed by some ``a/...`` becomes a lone one."""
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
