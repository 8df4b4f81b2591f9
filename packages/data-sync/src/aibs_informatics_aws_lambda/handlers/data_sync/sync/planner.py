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

from ..entries import Entry, EntryKind, is_placeholder
from ..local.walk import list_destination
from ..s3.client import S3
from ..s3.listing import find_object, list_below
from .diff import DiffOptions, Pair, Step, decide, merge
from .filters import PathFilter
from .key_paths import FileFolderConflicts, NonCanonicalKeys, as_local_pairs
from .routes import Route
from .spool import Spool

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_MAX_KEY_BYTES = 1024

_BY_DEFAULT = DiffOptions()

MOVE_MARKER: Final = ".data-sync-move"
"""The object below a destination that says that the source of a move is being removed. Without it,
a move that is run again after it was killed would delete what it had moved."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlanOptions:
    """What is asked of a sync.

    Args:
        selects: tells which entries are synced; `None` for all.
        diff: what decides on a transfer.
        mirror: whether what the destination has beyond the source is to go.
        retain: whether the source stays.
        protects_excluded: whether what ``selects`` leaves out stays at the destination as well.
        reserved_paths: paths at the destination, from the bucket on, at which other entries land.
        lists_all: whether entries in sync are steps as well, so that each can be told of.
    """

    selects: PathFilter | None = None
    diff: DiffOptions = _BY_DEFAULT
    mirror: bool = False
    retain: bool = True
    protects_excluded: bool = False
    reserved_paths: frozenset[str] = frozenset()
    lists_all: bool = False


@dataclass
class Plan:
    """What a sync is going to do.

    Args:
        route: from where to where.
        steps: the entries that something is to be done with, at the source or at the destination.
        extraneous: what is to be removed at the destination.
        ordered: how many of the steps, from the first on, come in the order of their targets.
        resume_after: up to which target an earlier call of the same sync has done everything.
        unchanged: how many entries are in sync already, and are no steps.
        unchanged_bytes: their size.
        pending: how many entries are to be transferred or compared.
        pending_bytes: their size.
        there: how many files or objects the destination has.
        mirror: whether what is extraneous was to be removed at the destination.
        resumes_move: whether an earlier move to the destination was interrupted.
    """

    route: Route
    steps: Spool = field(default_factory=Spool)
    extraneous: Spool = field(default_factory=Spool)
    ordered: int = 0
    resume_after: str | None = None
    unchanged: int = 0
    unchanged_bytes: int = 0
    pending: int = 0
    pending_bytes: int = 0
    there: int = 0
    mirror: bool = False
    resumes_move: bool = False

    def was_counted(self, step: Step) -> bool:
        """Tell whether an earlier call has counted an entry that is in sync."""
        return self.resume_after is not None and step.target <= self.resume_after

    def close(self) -> None:
        """Give the memory and the disk space back."""
        self.steps.close()
        self.extraneous.close()


def make_plan(route: Route, entries: Iterable[Entry], options: PlanOptions, s3: S3 | None) -> Plan:
    """Return the plan for the entries of one route.

    Args:
        route: from where to where.
        entries: the entries of the source, in order.
        options: what is asked for.
        s3: what lists a destination on S3.

    Raises:
        ValueError: an entry cannot land at its target.
        OSError: a local folder cannot be read, or a file or folder is in the way.
        AWSError: the destination cannot be listed.
    """
    found = entries if route.single else _without_lone_placeholder(entries)
    kept = (entry for entry in found if options.selects is None or options.selects(entry.relative))
    with ExitStack() as stack:
        plan = Plan(route, resume_after=options.diff.resume_after, mirror=options.mirror)
        stack.callback(plan.close)
        _fill(plan, kept, options, s3)
        stack.pop_all()
        return plan


def _fill(plan: Plan, entries: Iterable[Entry], options: PlanOptions, s3: S3 | None) -> None:
    route, non_canonical = plan.route, NonCanonicalKeys()
    pairs = _as_pairs(route, entries, non_canonical)
    there = _counted(_list_targets(route, options, s3), plan)
    nesting = FileFolderConflicts(route.target.path)
    is_needed = options.lists_all or not options.retain or route.target.bucket is None
    for step in merge(pairs, there, options.diff):
        if route.target.bucket is None:
            nesting.check(step)
        if options.reserved_paths and route.target.at(step.target) in options.reserved_paths:
            _check_reserved_paths(route, step)
        elif not _is_protected(route, step, options):
            _take(plan, step, is_needed=is_needed, mirror=options.mirror)
    plan.ordered = 0 if route.single else len(plan.steps)
    for pair in non_canonical:
        target = _find_file(route.target.at(pair.target))
        step = decide(*pair, target, options.diff._replace(resume_after=None))
        _take(plan, step, is_needed=is_needed, mirror=False)
    _keep_non_canonical(plan, non_canonical)
    if plan.resumes_move and plan.extraneous:
        _keep_extraneous(plan)


def _take(plan: Plan, step: Step, *, is_needed: bool, mirror: bool) -> None:
    if step.action == "extraneous":
        if mirror and step.entry.kind != "folder":
            plan.extraneous.append(step)
        return
    if step.action != "keep":
        plan.pending += 1
        plan.pending_bytes += step.entry.size
    elif not is_needed:
        plan.unchanged += 1
        plan.unchanged_bytes += step.entry.size
        return
    plan.steps.append(step)


def _keep_extraneous(plan: Plan) -> None:
    marker = plan.route.target.name(MOVE_MARKER)
    logger.warning(
        "%s shows that a move was interrupted: what it moved looks extraneous, so nothing is "
        "deleted at the destination until a move completes or this object is deleted",
        marker,
    )
    plan.extraneous.close()
    plan.extraneous = Spool()


def _counted(there: Iterable[Entry], plan: Plan) -> Iterator[Entry]:
    for entry in there:
        if entry.relative == MOVE_MARKER:
            plan.resumes_move = True
            continue
        if entry.kind != "folder":
            plan.there += 1
        yield entry


def _is_protected(route: Route, step: Step, options: PlanOptions) -> bool:
    if step.action != "extraneous" or not options.protects_excluded or options.selects is None:
        return False
    return not options.selects(step.target.removeprefix(route.kept_prefix))


def _check_reserved_paths(route: Route, step: Step) -> None:
    if step.action != "extraneous":
        raise ValueError(
            f"{route.source.name()!r} and {route.source.name(step.entry.relative)!r} would both "
            f"become {route.target.name(step.target)!r}: exclude one, or name another destination"
        )


def _keep_non_canonical(plan: Plan, non_canonical: NonCanonicalKeys) -> None:
    if not non_canonical:
        return
    for step in plan.steps:
        non_canonical.check(step)
    extraneous = Spool()
    for step in plan.extraneous:
        if step.target not in non_canonical:
            extraneous.append(step)
    plan.extraneous.close()
    plan.extraneous = extraneous


def _as_pairs(
    route: Route, entries: Iterable[Entry], non_canonical: NonCanonicalKeys
) -> Iterator[Pair]:
    if route.single:
        return (Pair("", entry) for entry in entries)
    if route.is_remote_to_local:
        return as_local_pairs(entries, route.source.name(), non_canonical)
    if route.is_local:
        return (Pair(entry.relative, entry) for entry in entries)
    if route.source.bucket is None:
        return _as_key_pairs(route, entries)
    kept_prefix = route.kept_prefix
    return (Pair(kept_prefix + entry.relative, entry) for entry in entries)


def _as_key_pairs(route: Route, entries: Iterable[Entry]) -> Iterator[Pair]:
    room = _MAX_KEY_BYTES - len(route.target.path.encode())
    for entry in entries:
        try:
            size = len(entry.relative.encode())
        except UnicodeEncodeError:
            raise ValueError(
                f"the name of {route.source.at(entry.relative)!r} is not UTF-8 and cannot be a "
                "key: rename or exclude it"
            ) from None
        if size > room:
            raise ValueError(
                f"{route.source.at(entry.relative)!r} would have a key of more than "
                f"{_MAX_KEY_BYTES} bytes: rename or exclude it"
            )
        yield Pair(entry.relative, entry)


def _without_lone_placeholder(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries; the placeholder of the source itself is none if it is all there is."""
    rest = iter(entries)
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


def _list_targets(route: Route, options: PlanOptions, s3: S3 | None) -> Iterable[Entry]:
    target = route.target
    if target.bucket is not None and s3 is not None:
        if route.single:
            found = find_object(s3, target.bucket, target.path)
            return [found] if found else []
        if options.diff.force and not options.mirror:
            return []
        return list_below(s3, target.bucket, target.path)
    if not route.single:
        return _list_folder(target.path)
    found = _find_file(target.path)
    return [found] if found else []


def _list_folder(path: str) -> Iterable[Entry]:
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file, and a folder does not replace a file")
    return list_destination(folder)


def _find_file(path: str) -> Entry | None:
    """Return the file or link at a path, with an empty ``relative``, if there is one."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"{path} is a folder, and a file does not replace a folder")
    kind: EntryKind = "file" if stat.S_ISREG(found.st_mode) else "symlink"
    return Entry("", found.st_size, found.st_mtime, None, kind)
