"""The plan of a sync: both sides are listed and compared, and nothing is changed."""

import heapq
import logging
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from aibs_informatics_aws_lambda.common.s3 import MAX_KEY_BYTES

from ..entries import Entry, EntryKind
from ..evidence import is_absent
from ..local.files import is_seen_twice
from ..local.walk import OnFailure, list_destination
from ..s3.client import S3
from ..s3.listing import find_object, list_below
from ..stores import ENDINGS, Rule, find_rule, in_entry_folder
from .archived import must_restore
from .diff import DiffOptions, Pair, Step, decide, merge
from .filters import PathFilter
from .key_paths import FileFolderConflicts, NonCanonicalKeys, as_local_pairs
from .move_marker import MOVE_MARKER
from .resumption import Resumption
from .rewrites import Rewrites
from .routes import Route
from .spool import Arrivals, Spool
from .steps import Steps

_DEFAULT_DIFF = DiffOptions()

logger = logging.getLogger(__name__)


class PlanOptions(NamedTuple):
    """The options of a plan.

    Args:
        selects: the filter of entries; `None` to select all.
        diff: the options of the comparison.
        mirror: whether extraneous entries at the destination are deleted.
        retain: whether the source stays.
        protects_excluded: whether entries at the destination that the filter excludes stay.
        reserved_paths: keys or paths at the destination that are targets of other plans.
        lists_all: whether unchanged entries are steps as well, so that each can be reported.
        entry_files_through: the entry file of a store that an earlier call of the same sync has
            finished last.
        on_failure: called with each entry whose name is not valid at the destination, instead of
            raising the error.
        backs_up: whether what is replaced at the destination is kept, and so must be known.
        lists_targets: whether the destination is listed even if all entries are transferred, so
            that it is known what is replaced.
        entry_files: ``skip`` to leave out the entry files of stores; ``finish`` if other syncs
            have transferred and counted all other files.
        there: the entries at the destination, in order, if they are not those that are listed
            there.
    """

    selects: PathFilter | None = None
    diff: DiffOptions = _DEFAULT_DIFF
    mirror: bool = False
    retain: bool = True
    protects_excluded: bool = False
    reserved_paths: frozenset[str] = frozenset()
    lists_all: bool = False
    entry_files_through: str | None = None
    on_failure: OnFailure | None = None
    backs_up: bool = False
    lists_targets: bool = False
    entry_files: Literal["skip", "finish"] | None = None
    there: Iterable[Entry] | None = None


@dataclass
class Plan:
    """The plan for the entries of one route.

    Args:
        route: the route.
        steps: the entries to transfer, compare or touch, or to remove from the source later, in
            the order of their targets.
        extraneous: the entries to delete from the destination.
        archived: the entries that would be transferred, and must be restored before.
        arrivals: the ETags of what was transferred, if the source is removed.
        rewrites: the stores that are rewritten in place.
        resumption: what earlier calls of the same sync have done.
        entry_files_through: the entry file of a store that an earlier call has finished last, if
            it is among the steps.
        finishes: whether other syncs have counted all entries but entry files of stores.
        unchanged: the number of unchanged entries that are no steps.
        unchanged_bytes: their size.
        pending: the number of entries to transfer or compare.
        pending_bytes: their size.
        there: the number of files or objects at the destination, without symlinks that files
            replace.
        mirror: whether extraneous entries were to be deleted from the destination.
        is_filtered: whether a filter may have left out entries of the source.
        resumes_move: whether an earlier move to the destination was interrupted.
    """

    route: Route
    steps: Steps = field(default_factory=Steps)
    extraneous: Steps = field(default_factory=Steps)
    archived: Spool = field(default_factory=Spool)
    arrivals: Arrivals = field(default_factory=Arrivals)
    rewrites: Rewrites = field(default_factory=Rewrites)
    resumption: Resumption | None = None
    entry_files_through: str | None = None
    finishes: bool = False
    unchanged: int = 0
    unchanged_bytes: int = 0
    pending: int = 0
    pending_bytes: int = 0
    there: int = 0
    mirror: bool = False
    is_filtered: bool = False
    resumes_move: bool = False

    def was_counted(self, step: Step) -> bool:
        """Return whether an earlier call, or another sync, has counted an entry."""
        is_done = self.resumption is not None and self.resumption.has_done(step.target)
        return (is_done or self.finishes) and rule_at(self.route, step.target) is None

    def was_in_other_sync(self, step: Step) -> bool:
        """Return whether another sync has counted an entry."""
        return self.finishes and rule_at(self.route, step.target) is None

    def add(self, steps: Steps, step: Step) -> None:
        """Add a step to the steps or the extraneous entries."""
        rule = None if self.route.single else rule_at(self.route, step.target)
        if rule is None:
            steps.append(step)
        else:
            steps.append_entry_file(step, rule)

    def keep_deletions(self, patterns: Sequence[re.Pattern[str]]) -> None:
        """Drop all steps, and the extraneous entries whose paths no pattern matches in full."""
        self.keep(
            lambda step: (
                step.action == "extraneous"
                and any(pattern.fullmatch(step.target) for pattern in patterns)
            )
        )

    def keep(self, selects: Callable[[Step], bool]) -> None:
        """Drop all steps and extraneous entries that are not selected."""
        steps, extraneous = Steps(), Steps()
        self.unchanged = self.unchanged_bytes = self.pending = self.pending_bytes = 0
        for step in self.steps:
            if selects(step):
                self.add(steps, step)
                self.count(step)
        for step in filter(selects, self.extraneous):
            self.add(extraneous, step)
        archived = Spool()
        for step in filter(selects, self.archived):
            archived.append(step)
        self.close()
        self.steps, self.extraneous, self.archived = steps, extraneous, archived

    def keep_transfers(self) -> None:
        """Drop the extraneous entries: none is deleted."""
        self.extraneous.close()
        self.extraneous = Steps()

    def keep_data(self) -> None:
        """Drop the extraneous entries, and the entry files of stores whose data may be missing."""
        self.keep_transfers()
        self.keep(lambda step: rule_at(self.route, step.target) is None)

    def count(self, step: Step) -> None:
        """Count a step that is not an unchanged entry."""
        if step.action != "keep":
            self.pending += 1
            self.pending_bytes += step.entry.size

    def close(self) -> None:
        """Free memory and disk space."""
        self.steps.close()
        self.archived.close()
        self.extraneous.close()
        self.arrivals.close()


def rule_at(route: Route, target: str) -> Rule | None:
    """Return the rule for a target that is an entry file of a store; else `None`."""
    # With the path of the destination, which may be within a store.
    return find_rule(route.target.path + target)


def make_plan(
    route: Route,
    entries: Iterable[Entry],
    options: PlanOptions,
    target_s3: S3 | None,
    source_s3: S3 | None = None,
) -> Plan:
    """Return the plan for the entries of one route.

    Args:
        route: the route.
        entries: the entries of the source, in order.
        options: the options.
        target_s3: the S3 client, for a destination in S3.
        source_s3: the S3 client, for a source in S3.

    Raises:
        ValueError: an entry cannot be written to its target.
        OSError: a local folder cannot be read, or a file or folder is in the way.
        AWSError: the destination cannot be listed.
    """
    if not _lists_targets(route, options):
        options = options._replace(diff=options.diff._replace(is_listed=False))
    planner = _Planner(route, options, source_s3)
    try:
        planner.add_all(entries, _list_targets(route, options, target_s3))
    except BaseException:
        planner.plan.close()
        raise
    return planner.plan


class _Planner:
    """Makes a plan in one pass over both listings."""

    def __init__(self, route: Route, options: PlanOptions, source_s3: S3 | None) -> None:
        self._source_s3 = source_s3
        self.plan = Plan(
            route,
            resumption=options.diff.resumption,
            mirror=options.mirror,
            is_filtered=options.selects is not None or options.diff.allows is not None,
            finishes=options.entry_files == "finish",
        )
        self._route = route
        self._options = options
        self._target_path = route.target.path
        self._diff = options.diff
        if self.plan.finishes:
            # Before sources are removed, contents are compared once more.
            by_size = options.retain or options.diff.size_only
            self._diff = self._diff._replace(force=False, size_only=by_size)
        is_local = route.target.bucket is None
        self._removes_files = route.is_local and not options.retain
        self._lists_unchanged = options.lists_all or not options.retain or is_local
        self._non_canonical = NonCanonicalKeys()
        self._conflicts = FileFolderConflicts(route.target.path) if is_local else None

    def add_all(self, entries: Iterable[Entry], there: Iterable[Entry]) -> None:
        """Plan all entries of the source, given those at the destination."""
        plan, selects = self.plan, self._options.selects
        if selects is not None:
            entries = (entry for entry in entries if selects(entry.relative))
        if self._options.entry_files == "skip":
            entries = (entry for entry in entries if not self._is_entry_file(entry.relative))
        steps = merge(self._pairs(entries), there, self._diff)
        for step in map(self._finished, steps) if plan.finishes else steps:
            self._add(step)
        if self._non_canonical:
            self._add_non_canonical()
        before = self._options.entry_files_through
        if before is not None and plan.steps.has_entry_file(before):
            plan.entry_files_through = before
        if plan.resumes_move and plan.extraneous:
            self._keep_extraneous()

    def _is_entry_file(self, relative: str) -> bool:
        return rule_at(self._route, self._route.kept_prefix + relative) is not None

    def _finished(self, step: Step) -> Step:
        """Return the step on an entry file as the options have it, not those for other files."""
        if step.action == "extraneous" or rule_at(self._route, step.target) is None:
            return step
        return decide(step.target, step.entry, step.there, self._options.diff)

    def _pairs(self, entries: Iterable[Entry]) -> Iterator[Pair]:
        """Yield entries and targets in order; non-canonical keys are set aside."""
        route = self._route
        if route.single:
            return (Pair("", entry) for entry in entries)
        if route.is_remote_to_local:
            non_canonical, on_failure = self._non_canonical, self._options.on_failure
            return as_local_pairs(entries, route.source, non_canonical, on_failure)
        if route.source.bucket is None and route.target.bucket is not None:
            return _as_key_pairs(route, entries, self._options.on_failure)
        kept_prefix = route.kept_prefix
        return (Pair(kept_prefix + entry.relative, entry) for entry in entries)

    def _add(self, step: Step) -> None:
        if step.target == MOVE_MARKER and self._route.target.bucket is not None:
            # It is not data: a source that has one is itself the destination of a move.
            self.plan.resumes_move = step.there is not None or step.action != "transfer"
            return
        if step.action in ("extraneous", "excluded"):
            self._add_extraneous(step)
            return
        self.plan.there += step.there is not None
        if self._removes_files and step.there is not None:
            self._check_two_files(step, step.there)
        reserved = self._options.reserved_paths
        if reserved and self._route.target.at(step.target) in reserved:
            raise ValueError(_two_sources(self._route, step))
        if self._is_archived(step):
            self.plan.archived.append(step)
            return
        path = self._target_path + step.target
        rule = None
        if path.endswith(ENDINGS) or in_entry_folder(path):
            rule = None if self._route.single else find_rule(path)
            if rule is not None:
                self.plan.rewrites.note_entry_file(path, rule)
        elif step.there is not None and step.action == "transfer":
            self.plan.rewrites.note_replaced(path)
        if self._count(step):
            if self._conflicts is not None:
                self._conflicts.check(step)
            if rule is not None:
                self.plan.steps.append_entry_file(step, rule)
            else:
                self.plan.steps.append(step)

    def _check_two_files(self, step: Step, there: Entry) -> None:
        """Check that a source file, which is to be removed, is not the file at its own target."""
        entry = step.entry
        if (entry.inode, entry.size, entry.modified) != (there.inode, there.size, there.modified):
            return
        path, target = self._route.source.at(entry.relative), self._route.target.at(step.target)
        if is_seen_twice(path, target):
            raise ValueError(
                f"{path} and {target} are the same file, by two mounts of its file system: "
                "removing the source would lose the data. Set retain_source_data: true"
            )

    def _is_archived(self, step: Step) -> bool:
        if step.entry.storage_class is None or step.action != "transfer":
            return False
        bucket, s3 = self._route.source.bucket, self._source_s3
        if bucket is None or s3 is None or self._options.diff.verify:
            return False
        key = self._route.source.at(step.entry.relative)
        return must_restore(s3, bucket, key, step.entry)

    def _count(self, step: Step) -> bool:
        """Count a step, and tell whether it is part of the plan."""
        plan = self.plan
        plan.count(step)
        if step.action == "keep" and not self._lists_unchanged:
            if not plan.was_counted(step):
                plan.unchanged += 1
                plan.unchanged_bytes += step.entry.size
            return False
        return True

    def _add_extraneous(self, step: Step) -> None:
        if self._conflicts is not None:
            self._conflicts.check(step)
        if step.entry.kind == "folder":
            return
        self.plan.there += 1
        if self._options.mirror and not self._is_protected(step):
            self.plan.add(self.plan.extraneous, step._replace(action="extraneous"))

    def _is_protected(self, step: Step) -> bool:
        options, route = self._options, self._route
        if options.reserved_paths and route.target.at(step.target) in options.reserved_paths:
            return True
        if not options.protects_excluded:
            return False
        if step.action == "excluded" or not options.diff.selects(step.entry):
            return True
        relative = step.target.removeprefix(route.kept_prefix)
        return options.selects is not None and not options.selects(relative)

    def _add_non_canonical(self) -> None:
        """Add the keys that were set aside, once all other targets are known."""
        plan, non_canonical, added = self.plan, self._non_canonical, []
        for target, entry in non_canonical:
            if not self._options.diff.selects(entry):
                continue
            there = _find_file(self._route.target.at(target))
            step = decide(target, entry, there, self._diff)
            if self._is_archived(step):
                plan.archived.append(step)
                continue
            added.append(step)
            self._count(step)
        steps, extraneous = Steps(), Steps()
        for step in heapq.merge(plan.steps, added, key=_target_of):
            non_canonical.check(step)
            plan.add(steps, step)
        for step in plan.extraneous:
            if step.target not in non_canonical:
                plan.add(extraneous, step)
        plan.steps.close()
        plan.extraneous.close()
        plan.steps, plan.extraneous = steps, extraneous

    def _keep_extraneous(self) -> None:
        logger.warning(
            "%s shows that a move was interrupted: what it moved looks extraneous, so nothing is "
            "deleted at the destination until a move completes or this object is deleted",
            self._route.target.name(MOVE_MARKER),
        )
        self.plan.keep_transfers()


def _target_of(step: Step) -> str:
    return step.target


def _two_sources(route: Route, step: Step) -> str:
    return (
        f"{route.source.name()!r} and {route.source.name(step.entry.relative)!r} would both be "
        f"written to {route.target.name(step.target)!r}: exclude one, or change the destination"
    )


def _as_key_pairs(
    route: Route, entries: Iterable[Entry], on_failure: OnFailure | None
) -> Iterator[Pair]:
    capacity = MAX_KEY_BYTES - len(route.target.path.encode())
    for entry in entries:
        path = route.source.at(entry.relative)
        try:
            _check_key(path, entry.relative, capacity)
        except ValueError as error:
            if on_failure is None:
                raise
            on_failure(path, error)
        else:
            yield Pair(entry.relative, entry)


def _check_key(path: str, relative: str, capacity: int) -> None:
    """Raise `ValueError` if a file cannot be an object of a key with so many bytes."""
    try:
        size = len(relative.encode())
    except UnicodeEncodeError:
        raise ValueError(
            f"the name of {path!r} is not UTF-8 and cannot be an object key: rename or exclude "
            "the file"
        ) from None
    if size > capacity:
        raise ValueError(
            f"the object key of {path!r} would have more than {MAX_KEY_BYTES} bytes: rename or "
            "exclude the file"
        )


def _list_targets(route: Route, options: PlanOptions, s3: S3 | None) -> Iterable[Entry]:
    target = route.target
    if options.there is not None:
        return options.there
    if target.bucket is not None and s3 is not None:
        if not _lists_targets(route, options):
            return ()
        if route.single:
            found = find_object(s3, target.bucket, target.path)
            return [found] if found else []
        return list_below(s3, target.bucket, target.path)
    if not route.single:
        return _list_folder(target.path)
    found = _find_file(target.path)
    return [found] if found else []


def _lists_targets(route: Route, options: PlanOptions) -> bool:
    """Return whether what is at the destination is known: else all entries are transferred."""
    if not options.diff.force or route.target.bucket is None:
        return True
    mirrors = options.mirror and not route.single
    is_needed = mirrors or options.backs_up or options.lists_targets
    is_needed = is_needed or options.diff.existing != "replace"
    is_resumed = options.diff.resumption is not None or options.entry_files == "finish"
    return is_needed or is_resumed or options.there is not None


def _list_folder(path: str) -> Iterator[Entry]:
    folder = Path(path)
    try:
        found = folder.stat()
    except OSError as error:
        if not is_absent(error):
            raise
        return
    if not stat.S_ISDIR(found.st_mode):
        raise FileExistsError(f"{folder} is a file: a folder does not replace a file")
    yield from list_destination(folder)


def _find_file(path: str) -> Entry | None:
    """Return the file or symlink at a path, with an empty ``relative``, if there is one."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"{path} is a folder: a file does not replace a folder")
    if not stat.S_ISREG(found.st_mode) and _is_special(path):
        raise FileExistsError(
            f"{path} is a device, a pipe or a socket: a file does not replace it. Choose another "
            "destination"
        )
    kind: EntryKind = "file" if stat.S_ISREG(found.st_mode) else "symlink"
    return Entry("", found.st_size, found.st_mtime, None, kind)


def _is_special(path: str) -> bool:
    """Return whether a path leads to a device, a pipe or a socket."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
