"""Contents of a path: its entries, totals and nodes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.locations import DataLocation

from ..entries import Entry, Listing
from ..local.walk import find_files
from ..locations import find_root, resolve
from ..sync.filters import matches
from ..tree import Coverage, Node, NodeKind, fold, node_of

if TYPE_CHECKING:
    # Those who list disks need neither models nor S3.
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection

    from ..s3.client import S3

# Long listings are read by ranges of keys, side by side.
_CONNECTIONS = 32


def find_contents(path: DataLocation, connection: S3Connection | None = None) -> Listing:
    """Return the entries at and below a path. ``below`` is an empty tuple if there are none.

    A symbolic link to a local file counts as that file. Symbolic links to folders, dangling links,
    pipes, sockets and devices are skipped. ``path`` itself may be a symbolic link.

    Args:
        path: the path.
        connection: the connection to S3, if not that of the environment.

    Raises:
        OSError: a local path cannot be read.
        AWSError: the bucket does not exist, or a request to S3 failed.
    """
    location = resolve(path)
    if isinstance(location, S3Path):
        return _with_empty_tuple(_find_in_s3(location, connection))
    return _with_empty_tuple(find_files(location))


def find_chosen_contents(
    path: DataLocation, inventory: DataLocation | None, files_from: DataLocation | None
) -> Listing:
    """Return the files at and below a path, by an S3 Inventory report or a list if one is given.

    Raises:
        ValueError: as `find_listed_contents` and `find_named_contents`.
        OSError: a local path cannot be read, or a listed file does not exist.
        AWSError: the bucket does not exist, or a request to S3 failed.
    """
    if inventory is not None:
        return find_listed_contents(path, inventory)
    if files_from is not None:
        return find_named_contents(path, files_from)
    return find_contents(path)


def find_listed_contents(path: DataLocation, inventory: DataLocation) -> Listing:
    """Return the objects at and below a path by an S3 Inventory report, without a listing.

    Raises:
        ValueError: the path is not in S3, or the report cannot be used.
        OSError: a local file of the report cannot be read.
        AWSError: the report cannot be read from S3.
    """
    # Few paths are listed by one.
    from ..inventory.listing import find_in_inventory

    location = resolve(path)
    if not isinstance(location, S3Path):
        raise ValueError(f"an inventory lists objects, and {path} is a local path")
    found = find_in_inventory(resolve(inventory), make_s3, location.bucket, location.key)
    return _with_empty_tuple(found)


def find_named_contents(path: DataLocation, files_from: DataLocation) -> Listing:
    """Return the files at and below a path that a list names, without a listing.

    Raises:
        ValueError: a line of the list is not a path below the path.
        FileNotFoundError: the path, the list or a listed file does not exist.
        OSError: the list or a listed file cannot be read.
        AWSError: a request to S3 failed.
    """
    # Few paths are listed by one.
    from ..sync.named_files import find_named

    found = find_named(resolve(files_from), make_s3, find_root(path), "", None)
    if not found.exists:
        raise FileNotFoundError(
            f"{path} does not exist, and {files_from} lists files below it: correct the path"
        )
    return _with_empty_tuple(found)


def _find_in_s3(path: S3Path, connection: S3Connection | None) -> Listing:
    # Not imported by functions that only read disks.
    from ..s3.listing import find_in_s3

    return find_in_s3(make_s3(connection), path.bucket, path.key)


def make_s3(connection: S3Connection | None = None) -> S3:
    """Return a client for listings and small objects."""
    from ..s3.client import S3

    return S3(_CONNECTIONS, connection)


def sum_up_children(
    found: Listing, visit: Callable[[Node], None] | None = None
) -> tuple[Node, dict[str, Node]]:
    """Return the node of a path with its totals and, by name, those of its immediate children.

    Args:
        found: the contents of the path.
        visit: called with each file and folder below the path, and with the file at the path
            itself; a folder comes after what it contains.
    """
    children: dict[str, Node] = {}

    def take(child: Node) -> None:
        children[child.relative.removesuffix("/")] = child

    return sum_up(found, take, visit), children


def sum_up(
    found: Listing, take: Callable[[Node], None], visit: Callable[[Node], None] | None = None
) -> Node:
    """Return the node of a path with its totals. Memory is needed for none of its children.

    Args:
        found: the contents of the path.
        take: called with each immediate child, in no particular order. Of an object and a folder
            of one name, the folder comes last.
        visit: as for `sum_up_children`.
    """

    def is_child(node: Node) -> bool:
        if visit is not None:
            visit(node)
        if node.depth == 1 and node.kind != "lone":
            take(node)
        return False

    def cover(folder: Node) -> Coverage:
        is_child(folder)
        return Coverage.NOTHING

    root, _ = fold(_all_entries(found), cover, is_child)
    return root


def list_nodes(
    found: Listing, include: Sequence[re.Pattern[str]], exclude: Sequence[re.Pattern[str]]
) -> list[Node]:
    """Return the nodes whose paths match, with the root, in no particular order.

    Patterns match from the start of the path relative to the root, whose own path is ``.``. A
    missing path is a single node.

    Args:
        found: the contents of the path.
        include: patterns, one of which must match; empty: all nodes.
        exclude: patterns that must not match.
    """

    def selects(node: Node) -> bool:
        path = node.relative.removesuffix("/") or "."
        return matches(path, include, exclude, match="start")

    root, nodes = fold(
        found.below,
        lambda node: Coverage.BOTH if selects(node) else Coverage.PARTS,
        lambda node: node.kind == "entry" and selects(node),
    )
    if root.object_count:
        nodes.append(root)
    if found.single or not root.object_count:
        nodes.append(node_of(found.single or Entry("", 0, 0.0)))
    return [node for node in nodes if node.relative or selects(node)]


def iter_nodes(
    found: Listing, include: Sequence[re.Pattern[str]], exclude: Sequence[re.Pattern[str]]
) -> Iterator[Node]:
    """Yield the nodes of `list_nodes` in path order, while they are found and without their sizes.

    Args:
        found: the contents of the path.
        include: patterns, one of which must match; empty: all nodes.
        exclude: patterns that must not match.
    """
    below = iter(found.below)
    first = next(below, None)
    if matches(".", include, exclude, match="start"):
        if found.single or first is None:
            yield Node("", 0, 0, 0.0, "entry")
        if first is not None:
            yield Node("", 0, 0, 0.0, "folder")
    for path, kind in _paths(chain([first] if first else [], below)):
        if matches(path.removesuffix("/") or ".", include, exclude, match="start"):
            yield Node(path, 0, 0, 0.0, kind)


def _paths(entries: Iterable[Entry]) -> Iterator[tuple[str, NodeKind]]:
    """Yield the paths of entries, in order, and before them those of the folders above."""
    folder = ""
    for entry in entries:
        relative = entry.relative
        while not relative.startswith(folder):
            folder = folder[: folder.rfind("/", 0, -1) + 1]
        end = relative.find("/", len(folder))
        while end >= 0:
            folder = relative[: end + 1]
            yield folder, "folder"
            end = relative.find("/", end + 1)
        # An object with the path of a folder is part of it.
        if relative != folder:
            yield relative, "entry"


def _all_entries(found: Listing) -> Iterable[Entry]:
    return chain([found.single] if found.single else [], found.below)


def _with_empty_tuple(source: Listing) -> Listing:
    entries = iter(source.below)
    first = next(entries, None)
    return source._replace(below=() if first is None else chain([first], entries))
