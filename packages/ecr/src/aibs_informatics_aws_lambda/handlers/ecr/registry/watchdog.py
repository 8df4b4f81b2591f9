"""Warnings about registries that do not respond for a while."""

import logging
import threading
from collections.abc import Iterator
from time import monotonic
from types import TracebackType
from typing import Self

_WARN_SECONDS = 15.0

logger = logging.getLogger(__name__)


class Watchdog:
    """Warns after each 15 seconds in which a registry neither sends nor takes anything.

    Args:
        action: what is waited for, to follow "waiting to" in a message.
    """

    def __init__(self, action: str) -> None:
        self._action = action
        self._since: float | None = monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()

    def received(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the chunks that arrive; the time that their reader takes is no silence."""
        while True:
            self._since = monotonic()
            chunk = next(chunks, None)
            self._since = None
            if chunk is None:
                return
            yield chunk

    def sent(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the chunks to send; the time that it takes to read them is no silence."""
        while True:
            self._since = None
            chunk = next(chunks, None)
            self._since = monotonic()
            if chunk is None:
                return
            yield chunk

    def _watch(self) -> None:
        wait = _WARN_SECONDS
        while not self._ended.wait(wait):
            since, now = self._since, monotonic()
            wait = _WARN_SECONDS if since is None else since + _WARN_SECONDS - now
            if since is not None and wait <= 0:
                logger.warning(
                    "Nothing for %.0f seconds: waiting to %s", now - since, self._action
                )
                wait = _WARN_SECONDS
