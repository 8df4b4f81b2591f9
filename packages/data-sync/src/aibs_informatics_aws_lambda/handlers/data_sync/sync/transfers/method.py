"""What the methods of transfer have in common: upload, download, and both kinds of copies."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from ...local.folders import Folder
from ...progress import CheckDeadline, OnBytes
from ..diff import Step
from ..report import Evidence
from ..window import AnyFuture

Buffered = Sequence[tuple[int, float]]

T = TypeVar("T")
U = TypeVar("U")


class TransferMethod(Protocol):
    """Transfers and compares the entries of one route.

    Attributes:
        buffered: how many times the content of an entry is in memory while it is in flight, as
            pairs of a maximum size and this number, by size. Larger entries pass in parts, whose
            memory is limited elsewhere.
    """

    buffered: Buffered

    def start(self, step: Step, on_bytes: OnBytes | None) -> AnyFuture[Any]:
        """Start to transfer an entry."""

    def publish(self, step: Step, result: Any) -> Evidence:
        """Check what was transferred, and make it visible at its target."""

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool | None:
        """Return whether the target has the content of an entry; `None` if no checksum tells.

        ``check`` is called now and then; an error that it raises ends the comparison.
        """

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Return whether the target has the content of an entry, by reading both."""

    def restore(self, step: Step, folder: Folder | None, name: str) -> None:
        """Give the target the attributes of an entry that has the same content, if they differ.

        Args:
            step: the entry.
            folder: the directory of a local target.
            name: the name of a local target in it.
        """

    def discard(self, received: Sequence[tuple[Step, Any]]) -> None:
        """Delete what is left of transfers that did not end.

        Args:
            received: those of which `start` has ended, with its result.
        """


def after(first: Future[T], follow: Callable[[T], Future[U]]) -> Future[U]:
    """Return the future that follows another one, and takes its result.

    An error of either is that of the future that is returned.
    """
    following: Future[U] = Future()

    def start(ended: Future[T]) -> None:
        try:
            started = follow(ended.result())
        except Exception as error:
            following.set_exception(error)
        else:
            started.add_done_callback(lambda done: _pass_on(done, following))

    first.add_done_callback(start)
    return following


def together(futures: Sequence[Future[T]]) -> Future[list[T]]:
    """Return a future of the results of all futures, of which there is at least one."""
    joined: Future[list[T]] = Future()
    lock, left = threading.Lock(), len(futures)
    # Not the futures themselves: with their callbacks, they would keep their results for good.
    awaited = list(futures)

    def count(_: Future[T]) -> None:
        nonlocal left
        with lock:
            left -= 1
            is_last = not left
        if not is_last:
            return
        ended = awaited.copy()
        awaited.clear()
        try:
            joined.set_result([future.result() for future in ended])
        except Exception as error:
            joined.set_exception(error)

    for future in futures:
        future.add_done_callback(count)
    return joined


def _pass_on(ended: Future[U], following: Future[U]) -> None:
    error = ended.exception()
    if error is None:
        following.set_result(ended.result())
    else:
        following.set_exception(error)
