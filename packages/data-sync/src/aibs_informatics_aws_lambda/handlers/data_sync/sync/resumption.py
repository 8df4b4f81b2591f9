"""The point at which a sync resumes that stopped at its deadline."""

from collections.abc import Mapping
from typing import NamedTuple


class Resumption(NamedTuple):
    """What earlier calls of a sync have done, in the order of targets.

    Transfers end out of order: behind a large file that is not finished, many small ones are.

    Args:
        through: the target up to which everything is done; `None` if nothing is.
        started: the last target that was started, if that is beyond ``through``.
        unfinished: the targets from ``through`` up to ``started`` that are not done.
        compared: the target up to which contents were compared once more, where times leave open
            whether a source entry changed after its transfer.
    """

    through: str | None = None
    started: str | None = None
    unfinished: frozenset[str] = frozenset()
    compared: str | None = None

    def has_done(self, target: str) -> bool:
        """Return whether an earlier call has transferred an entry, or found it in sync."""
        if self.through is not None and target <= self.through:
            return True
        if self.started is None or target > self.started:
            return False
        return target not in self.unfinished

    def has_compared(self, target: str) -> bool:
        """Return whether an earlier call has compared the contents of an entry once more."""
        return self.compared is not None and target <= self.compared

    def after(
        self,
        reached: str | None,
        unfinished: Mapping[str, str | None],
        too_recent: Mapping[str, str | None],
    ) -> "Resumption":
        """Return the point after a further call, which is never before this one.

        Args:
            reached: the last target that the call has started; `None` if it has started none.
            unfinished: the targets that it has started and not finished, in order, each with the
                target before it.
            too_recent: entries whose comparison was too early to be the last one, likewise.
        """
        if reached is None:
            return self
        new = {
            target: before for target, before in unfinished.items() if not self.has_done(target)
        }
        rest = frozenset(new.keys() | {target for target in self.unfinished if target > reached})
        through = latest(self.through, new.get(min(rest), reached) if rest else reached)
        started = latest(self.started, reached)
        compared = self._compared(reached, {**unfinished, **too_recent}, new)
        if rest:
            return Resumption(through, started, rest, compared)
        return Resumption(latest(through, started), compared=compared)

    def _compared(
        self, reached: str, open_: Mapping[str, str | None], new: Mapping[str, str | None]
    ) -> str | None:
        """Return the target up to which all that was done before was compared once more."""
        first = min(open_.keys() - new.keys(), default=None)
        compared = reached if first is None else open_[first]
        if compared is None or self.through is None:
            return self.compared
        # Beyond, entries are done since this call: they are compared by the next one.
        return latest(self.compared, min(compared, self.through))


def latest(one: str | None, other: str | None) -> str | None:
    """Return the later one of two targets; `None` is before all of them."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
