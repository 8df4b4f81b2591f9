"""What the methods of transfer have in common: upload, download, and both kinds of copies."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from ...progress import CheckDeadline, OnBytes
from ..diff import Step
from ..report import Evidence


class TransferMethod(Protocol):
    """Transfers and compares the entries of one route."""

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[Any]:
        """Start to transfer an entry."""

    def publish(self, step: Step, result: Any) -> Evidence:
        """Check what was transferred, and make it visible at its target."""

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool | None:
        """Tell whether the target has the content of an entry; `None` if no checksum tells.

        ``check`` is called now and then; an error that it raises ends the comparison.
        """

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether the target has the content of an entry, by reading both."""

    def discard(self, received: Sequence[tuple[Step, Any]]) -> None:
        """Delete what is left of transfers that did not end.

        Args:
            received: those of which `start` has ended, with its result.
        """
