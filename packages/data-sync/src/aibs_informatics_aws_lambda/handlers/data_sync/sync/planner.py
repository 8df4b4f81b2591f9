"""Making the plan of a sync: both sides are listed, nothing is changed."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..entries import Item, Kind, is_placeholder
from ..local.walk import list_destination
from ..s3.client import S3
from ..s3.listing import find_object, list_below
from .diff import Pair, Rules, Step, decide, merge
from .filters import Keeps
from .key_paths import Nesting, OddPaths, as_local_pairs
from .routes import Route
from .spool import Spool

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_MAX_KEY_BYTES = 1024

_BY_DEFAULT = Rules()

MOVE_MARKER: Final = ".data-sync-move"
"""The object below a destination that says that the source of a move is being removed. Without it,
a move that is run again after it was killed would delete what it had moved."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Demand:
    """What is asked of a sync.

    Args:
        keeps: tells which items are synced; `None` for all.
        rules: what decides on a transfer.
        mirror: whether what the destination has beyond the source is to go.
        retain: whether the source stays.
        protects_excluded: whether what ``keeps`` leaves out stays at the destination as well.
        taken: paths at the destination, from the bucket on, at which other items land.
        lists_all: whether items in sync are steps as well, so that each can be told of.
    """

    keeps: Keeps | None = None
    rules: Rules = _BY_DEFAULT
    mirror: bool = False
    retain: bool = True
    protects_excluded: bool = False
    taken: frozenset[str] = frozenset()
    lists_all: bool = False


@dataclass
class Plan:
    """What a sync is going to do.

    Args:
        route: from where to where.
        steps: the items that something is to be done with, at the source or at the destination.
        extras: what is to be removed at the destination.
        ordered: how many of the steps, from the first on, come in the order of their targets.
        through: up to which target an earlier call of the same sync has done everything.
        unchanged: how many items are in sync already, and are no steps.
        unchanged_bytes: their size.
        pending: how many items are to be transferred or compared.
        pending_bytes: their size.
        there: how many files or objects the destination has.
        mirror: whether what is extra was to be removed at the destination.
        resumes_move: whether an earlier move to the destination was interrupted.
    """

    route: Route
    steps: Spool = field(default_factory=Spool)
    extras: Spool = field(default_factory=Spool)
    ordered: int = 0
    through: str | None = None
    unchanged: int = 0
    unchanged_bytes: int = 0
    pending: int = 0
    pending_bytes: int = 0
    there: int = 0
    mirror: bool = False
    resumes_move: bool = False

    def was_counted(self, step: Step) -> bool:
        """Tell whether an earlier call has counted an item that is in sync."""
        return self.through is not None and step.target <= self.through

    def close(self) -> None:
        """Give the memory and the disk space back."""
        self.steps.close()
        self.extras.close()


def make_plan(route: Route, items: Iterable[Item], demand: Demand, s3: S3 | None) -> Plan:
    """Return the plan for the items of one route.

    Args:
        route: from where to where.
        items: the items of the source, in order.
        demand: what is asked for.
        s3: what lists a destination on S3.

    Raises:
        ValueError: an item cannot land at its target.
        OSError: a local folder cannot be read, or a file or folder is in the way.
        AWSError: the destination cannot be listed.
    """
    found = items if route.single else _without_lone_placeholder(items)
    kept = (item for item in found if demand.keeps is None or demand.keeps(item.relative))
    with ExitStack() as stack:
        plan = Plan(route, through=demand.rules.through, mirror=demand.mirror)
        stack.callback(plan.close)
        _fill(plan, kept, demand, s3)
        stack.pop_all()
        return plan


def _fill(plan: Plan, items: Iterable[Item], demand: Demand, s3: S3 | None) -> None:
    route, odd = plan.route, OddPaths()
    pairs = _as_pairs(route, items, odd)
    there = _counted(_list_targets(route, demand, s3), plan)
    nesting = Nesting(route.target.path)
    is_needed = demand.lists_all or not demand.retain or route.target.bucket is None
    for step in merge(pairs, there, demand.rules):
        if route.target.bucket is None:
            nesting.check(step)
        if demand.taken and route.target.at(step.target) in demand.taken:
            _check_taken(route, step)
        elif not _is_protected(route, step, demand):
            _take(plan, step, is_needed=is_needed, mirror=demand.mirror)
    plan.ordered = 0 if route.single else len(plan.steps)
    for pair in odd:
        target = _find_file(route.target.at(pair.target))
        step = decide(*pair, target, demand.rules._replace(through=None))
        _take(plan, step, is_needed=is_needed, mirror=False)
    _keep_odd_paths(plan, odd)
    if plan.resumes_move and plan.extras:
        _keep_extras(plan)


def _take(plan: Plan, step: Step, *, is_needed: bool, mirror: bool) -> None:
    if step.action == "extra":
        if mirror and step.item.kind != "folder":
            plan.extras.append(step)
        return
    if step.action != "keep":
        plan.pending += 1
        plan.pending_bytes += step.item.size
    elif not is_needed:
        plan.unchanged += 1
        plan.unchanged_bytes += step.item.size
        return
    plan.steps.append(step)


def _keep_extras(plan: Plan) -> None:
    marker = plan.route.target.name(MOVE_MARKER)
    logger.warning(
        "%s says that a move was interrupted: what it has moved looks extra, so that nothing is "
        "deleted at the destination until a move has ended, or the object is removed",
        marker,
    )
    plan.extras.close()
    plan.extras = Spool()


def _counted(there: Iterable[Item], plan: Plan) -> Iterator[Item]:
    for item in there:
        if item.relative == MOVE_MARKER:
            plan.resumes_move = True
            continue
        if item.kind != "folder":
            plan.there += 1
        yield item


def _is_protected(route: Route, step: Step, demand: Demand) -> bool:
    if step.action != "extra" or not demand.protects_excluded or demand.keeps is None:
        return False
    return not demand.keeps(step.target.removeprefix(route.shift))


def _check_taken(route: Route, step: Step) -> None:
    if step.action != "extra":
        raise ValueError(
            f"{route.source.name()!r} and {route.source.name(step.item.relative)!r} would both "
            f"become {route.target.name(step.target)!r}: exclude one, or name another destination"
        )


def _keep_odd_paths(plan: Plan, odd: OddPaths) -> None:
    if not odd:
        return
    for step in plan.steps:
        odd.check(step)
    extras = Spool()
    for extra in plan.extras:
        if extra.target not in odd:
            extras.append(extra)
    plan.extras.close()
    plan.extras = extras


def _as_pairs(route: Route, items: Iterable[Item], odd: OddPaths) -> Iterator[Pair]:
    if route.single:
        return (Pair("", item) for item in items)
    if route.is_remote_to_local:
        return as_local_pairs(items, route.source.name(), odd)
    if route.is_local:
        return (Pair(item.relative, item) for item in items)
    if route.source.bucket is None:
        return _as_key_pairs(route, items)
    shift = route.shift
    return (Pair(shift + item.relative, item) for item in items)


def _as_key_pairs(route: Route, items: Iterable[Item]) -> Iterator[Pair]:
    room = _MAX_KEY_BYTES - len(route.target.path.encode())
    for item in items:
        try:
            size = len(item.relative.encode())
        except UnicodeEncodeError:
            raise ValueError(
                f"the name of {route.source.at(item.relative)!r} is not UTF-8 and cannot be a "
                "key: rename or exclude it"
            ) from None
        if size > room:
            raise ValueError(
                f"{route.source.at(item.relative)!r} would have a key of more than "
                f"{_MAX_KEY_BYTES} bytes: rename or exclude it"
            )
        yield Pair(item.relative, item)


def _without_lone_placeholder(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items; the placeholder of the source itself is none if it is all there is."""
    rest = iter(items)
    first = next(rest, None)
    if first is not None and not first.relative and is_placeholder(first):
        second = next(rest, None)
        if second is None:
            return
        yield first
        yield second
    elif first is not None:
        yield first
    yield from rest


def _list_targets(route: Route, demand: Demand, s3: S3 | None) -> Iterable[Item]:
    target = route.target
    if target.bucket is not None and s3 is not None:
        if route.single:
            found = find_object(s3, target.bucket, target.path)
            return [found] if found else []
        if demand.rules.force and not demand.mirror:
            return []
        return list_below(s3, target.bucket, target.path)
    if not route.single:
        return _list_folder(target.path)
    found = _find_file(target.path)
    return [found] if found else []


def _list_folder(path: str) -> Iterable[Item]:
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file, and a folder does not replace a file")
    return list_destination(folder)


def _find_file(path: str) -> Item | None:
    """Return the file or link at a path, with an empty ``relative``, if there is one."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"{path} is a folder, and a file does not replace a folder")
    kind: Kind = "file" if stat.S_ISREG(found.st_mode) else "link"
    return Item("", found.st_size, found.st_mtime, None, kind)
