"""A switch: a sync writes to a new tree, which is put at the destination when it is complete."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ..local import new_tree
from ..locations import Root
from .context import ExecutionContext
from .diff import Step
from .planner import Plan
from .report import NO_EVIDENCE, Evidence, Report, ReportAction
from .request import SyncRequest
from .resolve import ResolvedSync
from .result import Outcome
from .routes import Route

logger = logging.getLogger(__name__)

# With another value of one of these, another tree would be built.
_PURPOSE = (
    "source_path_prefix",
    "filter_config",
    "filter_root",
    "delete",
    "force",
    "size_only",
    "ignore_times",
    "existing",
    "protect_excluded",
    "local_mirror",
    "retain_source_data",
)


def check_possible(request: SyncRequest, resolved: ResolvedSync) -> None:
    """Check that a sync with a switch makes one complete tree.

    Raises:
        ValueError: it does not.
    """
    if len(resolved.branches) > 1:
        raise ValueError(
            f"{resolved.source.name()} is an object and also a key prefix, which cannot be "
            f"switched at once: to sync the objects below it, name {resolved.source.name()}/"
        )
    for name, is_given in (
        ("entry_files", request.entry_files),
        ("delete_only", request.delete_only is not None),
        ("skip_archived", request.skip_archived),
    ):
        if is_given:
            raise ValueError(
                f"switch and {name} are mutually exclusive: the new tree would not be complete. "
                "Leave one of them out"
            )


class LocalSwitch:
    """The switch of a local destination.

    Args:
        request: the sync.
        route: its route.
        purpose: what a new tree is built for.
        tree: the new tree that an earlier run has begun, if there is one.
    """

    def __init__(
        self, request: SyncRequest, route: Route, purpose: str, tree: new_tree.NewTree | None
    ) -> None:
        self._route = route
        self._purpose = purpose
        self._tree = tree
        self._fsync = bool(request.fsync)
        self._moves = not request.retain_source_data
        self._plans: Sequence[Plan] = ()
        self.is_resumed = tree is not None
        self.is_done = False

    def redirect(self, resolved: ResolvedSync) -> ResolvedSync:
        """Return a sync that is compared with the tree that an earlier run has begun, if any."""
        if self._tree is None:
            return resolved
        route = self._to_tree(self._tree)
        branches = [branch._replace(route=route) for branch in resolved.branches]
        return resolved._replace(branches=branches)

    def there(self) -> None:
        """Return `None`: what is at the destination is listed there."""

    def prepare(self, plans: Sequence[Plan], context: ExecutionContext) -> Outcome | None:
        """Make the new tree if there is anything to do, and let the plans write to it.

        Args:
            plans: the plans.
            context: the context of their execution.

        Returns:
            `None`: it is complete.

        Raises:
            OSError: the new tree cannot be made.
            OutOfTimeError: the deadline passed before all files were linked.
        """
        self._plans = plans
        if self._tree is None and any(plan.pending or len(plan.extraneous) for plan in plans):
            self._tree = new_tree.create(self._route.target.path.rstrip("/"))
            self._tree.build(self._purpose, context.budget.check)
            for plan in plans:
                plan.route = self._to_tree(self._tree)
        return None

    def publish(self, outcome: Outcome) -> None:
        """Put the new tree, which is complete, at the destination.

        Args:
            outcome: what was transferred and deleted.

        Raises:
            SwitchError: the destination has changed in the meantime.
            OSError: the tree cannot be renamed.
        """
        self.is_done = True
        if self._tree is None:
            return
        for plan in self._plans:
            plan.route = self._route
        is_changed = outcome.counts.files_transferred or outcome.counts.files_deleted
        if not (is_changed or self.is_resumed or self._moves):
            # Comparisons have shown that nothing differs.
            self._tree.discard()
            return
        self._tree.switch(fsync=self._fsync)

    def renamed(self, report: Report) -> Report:
        """Return a report that names the destination in place of the new tree."""
        return _Renamed(report, self._route)

    def finish(self) -> None:
        """Delete the old tree after the switch; without one, say where the new tree is."""
        tree, name = self._tree, self._route.target.name()
        if tree is None:
            return
        if not self.is_done:
            logger.warning(
                "%s is unchanged, since the sync is not complete: sync again to complete the new "
                "tree, which is in %s",
                name,
                tree.folder,
            )
            return
        try:
            new_tree.warn_of_kept(tree, tree.finish())
        except OSError as error:
            logger.warning(
                "%s is in sync, but the old tree cannot be deleted from %s: %s. The next sync "
                "with --switch deletes it",
                name,
                tree.folder,
                error,
            )

    def give_up(self, *, is_void: bool) -> None:
        """Delete the new tree if no run can complete it.

        Args:
            is_void: whether the destination is not what the tree was built from.
        """
        if self._tree is not None and (is_void or self._tree.state() == "unfinished"):
            self._tree.discard()

    def close(self) -> None:
        """Let others have the new tree."""
        if self._tree is not None:
            self._tree.close()

    def _to_tree(self, tree: new_tree.NewTree) -> Route:
        return replace(self._route, target=Root(None, tree.path))


@contextmanager
def local_switch(request: SyncRequest, route: Route) -> Iterator[LocalSwitch]:
    """Give the switch of a local destination, and delete the old tree if it was done.

    If the sync fails or its time is up, the new tree is left to the next run.

    Args:
        request: the sync.
        route: its route.

    Raises:
        SwitchError: the destination is a mount point, another run is building a new tree, or the
            destination has changed.
        OSError: a file or folder cannot be written or deleted.
    """
    purpose = find_purpose(request, route)
    tree = new_tree.recover(route.target.path.rstrip("/"), purpose)
    switch = LocalSwitch(request, route, purpose, tree)
    try:
        yield switch
    except BaseException as error:
        switch.give_up(is_void=isinstance(error, new_tree.SwitchError))
        raise
    else:
        switch.finish()
    finally:
        switch.close()


def find_purpose(request: SyncRequest, route: Route) -> str:
    """Return what a new tree is built for: another purpose would build another tree."""
    values: dict[str, Any] = request.to_dict()
    chosen = {name: values.get(name) for name in _PURPOSE}
    source = route.source
    name = source.name() if source.bucket is not None else os.path.realpath(source.path)
    text = json.dumps([name, chosen], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class _Renamed(Report):
    """Passes on what it receives, with another route."""

    def __init__(self, receiver: Report, route: Route) -> None:
        self.is_read = receiver.is_read
        self._receiver = receiver
        self._route = route

    def add(
        self,
        route: Route,  # noqa: ARG002
        step: Step,
        action: ReportAction,
        evidence: Evidence = NO_EVIDENCE,
        error: BaseException | None = None,
    ) -> None:
        self._receiver.add(self._route, step, action, evidence, error)

    def secure(self) -> None:
        self._receiver.secure()
