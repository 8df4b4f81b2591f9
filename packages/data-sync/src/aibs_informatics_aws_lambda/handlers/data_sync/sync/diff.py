"""Comparison of two listings: what to do with each entry."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from ..entries import Entry
from ..evidence import is_digest
from .resumption import Resumption

Action: TypeAlias = Literal["transfer", "compare", "keep", "extraneous", "excluded"]
"""Transfer; transfer if the contents differ; leave unchanged; only at the destination; at the
destination, of a source entry that is not selected."""


class Pair(NamedTuple):
    """An entry of the source with its target, the path below the destination."""

    target: str
    entry: Entry


class Step(NamedTuple):
    """A planned action on an entry.

    Args:
        action: the action.
        reason: the reason for a transfer, in one word.
        target: the path below the destination.
        entry: the source entry; the destination entry if it is extraneous or excluded.
        there: the file or object at the target, if there is one; `None` if it is extraneous.
    """

    action: Action
    reason: str
    target: str
    entry: Entry
    there: Entry | None = None

    @property
    def target_etag(self) -> str | None:
        """The ETag of the object at the target, if there is one."""
        return self.there.etag if self.there else None


CHANGED: Final = frozenset({"missing", "size", "newer"})
"""The reasons to transfer an entry that an earlier call of the same sync has finished."""


class DiffOptions(NamedTuple):
    """Options of the comparison.

    Args:
        force: transfer all entries, also unchanged ones.
        size_only: do not compare contents; newer source entries are transferred all the same.
        verify: compare contents only, not times.
        resumption: what earlier calls of the same sync have done. Those entries are not copied
            again, not even by ``force``, and only read again if they may have changed since.
        clock_skew: the seconds that the clocks of both sides may differ by.
        is_entry_file: returns whether a target is an entry file of a store, which is not among
            those that ``resumption`` is about.
        allows: returns whether an entry is selected by its size and time; `None` if all are.
        ignore_times: transfer what differs in content, and not what is newer.
        preserve: compare files of one size, whatever their times: these are preserved.
        existing: what is done with files at the destination that differ.
        moves: whether the source is removed: then the content decides whether a file that may not
            be replaced is that of the source, which otherwise stays.
        is_listed: whether the destination was listed. Otherwise all is transferred, and nothing is
            known of what is replaced.
    """

    force: bool = False
    size_only: bool = False
    verify: bool = False
    resumption: Resumption | None = None
    clock_skew: int = 1
    is_entry_file: Callable[[str], bool] = lambda _: False
    allows: Callable[[Entry], bool] | None = None
    ignore_times: bool = False
    preserve: bool = False
    existing: Literal["replace", "update", "ignore", "immutable"] = "replace"
    moves: bool = False
    is_listed: bool = True

    def selects(self, entry: Entry) -> bool:
        """Return whether an entry is selected by its size and time."""
        return self.allows is None or self.allows(entry)


def merge(pairs: Iterable[Pair], there: Iterable[Entry], options: DiffOptions) -> Iterator[Step]:
    """Yield a step for each entry of source and destination, by a merge join.

    Both must be in the order of their paths below the destination.
    """
    rest = iter(there)
    found = next(rest, None)
    for target, entry in pairs:
        while found is not None and found.relative < target:
            yield _extraneous(found)
            found = next(rest, None)
        is_selected = options.selects(entry)
        if found is not None and found.relative == target:
            yield decide(target, entry, found, options) if is_selected else _excluded(found)
            found = next(rest, None)
        elif is_selected:
            yield decide(target, entry, None, options)
    while found is not None:
        yield _extraneous(found)
        found = next(rest, None)


def decide(target: str, entry: Entry, there: Entry | None, options: DiffOptions) -> Step:
    """Return the step for a source entry, given the entry at its target, if any."""
    if there is None or there.kind != "file":
        reason = "missing" if options.is_listed else "forced"
        return Step("transfer", reason, target, entry)
    if options.existing != "replace" and not options.verify:
        kept = _decide_existing(target, entry, there, options)
        if kept is not None:
            return kept
    before = options.resumption
    is_done = before is not None and before.has_done(target)
    if is_done and options.is_entry_file(target):
        is_done = False
    if options.force and not is_done:
        return Step("transfer", "forced", target, entry, there)
    if entry.size != there.size:
        return Step("transfer", "size", target, entry, there)
    if options.preserve and not (options.verify or options.size_only):
        return Step("compare", "checksum", target, entry, there)
    age = int(there.modified) - int(entry.modified)
    if age < 0 and not (options.verify or options.ignore_times):
        return Step("transfer", "newer", target, entry, there)
    if not entry.size or (options.size_only and not options.verify):
        return Step("keep", "", target, entry, there)
    if before is not None and is_done and _is_settled(target, age, before, options):
        return Step("keep", "", target, entry, there)
    if entry.etag is not None and there.etag is not None:
        return _by_etag(target, entry, there)
    etag = there.etag if entry.etag is None else entry.etag
    if etag is not None and not is_digest(etag) and not options.verify:
        # The ETag of an object says nothing of its content: size and time decide.
        return Step("keep", "", target, entry, there)
    return Step("compare", "checksum", target, entry, there)


def _decide_existing(target: str, entry: Entry, there: Entry, options: DiffOptions) -> Step | None:
    """Return the step for an entry that may not be replaced, or `None` to decide as usual.

    Raises:
        FileExistsError: files at the destination are immutable, and this one has another size.
    """
    if options.existing == "ignore":
        return _keep_existing(target, entry, there, options)
    if options.existing == "update":
        is_newer = there.modified > entry.modified
        return _keep_existing(target, entry, there, options) if is_newer else None
    if entry.size != there.size:
        raise FileExistsError(
            f"{target!r} exists at the destination with another size, and existing files are "
            "immutable: nothing was changed"
        )
    if _have_same_etag(entry, there) or not entry.size or options.size_only:
        return Step("keep", "", target, entry, there)
    return Step("compare", "immutable", target, entry, there)


def _keep_existing(target: str, entry: Entry, there: Entry, options: DiffOptions) -> Step:
    """Return the step for an entry whose target stays as it is, whatever its content."""
    if options.moves and not _have_same_etag(entry, there):
        return Step("compare", "existing", target, entry, there)
    return Step("keep", "", target, entry, there)


def _have_same_etag(entry: Entry, there: Entry) -> bool:
    return entry.etag is not None and entry.etag == there.etag


def _is_settled(target: str, age: int, before: Resumption, options: DiffOptions) -> bool:
    """Return whether an entry, which was done, has not changed since."""
    return options.verify or age > options.clock_skew or before.has_compared(target)


def _by_etag(target: str, entry: Entry, there: Entry) -> Step:
    # The same content has another ETag if it was uploaded in other parts, or encrypted.
    action: Action = "keep" if entry.etag == there.etag else "compare"
    return Step(action, "checksum" if action == "compare" else "", target, entry, there)


def _excluded(found: Entry) -> Step:
    return Step("excluded", "", found.relative, found)


def _extraneous(found: Entry) -> Step:
    return Step("extraneous", "", found.relative, found)
