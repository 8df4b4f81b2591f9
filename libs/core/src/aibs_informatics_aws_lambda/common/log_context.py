"""The log keys and the log level of one invocation, kept apart from those of others."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter


@dataclass(eq=False)
class _Scope:
    """The log context of an invocation, or of a part of it such as a record of a batch."""

    keys: dict[str, Any]
    level: int


class ContextFormatter(LambdaPowertoolsFormatter):
    """A formatter whose keys belong to the invocation that appends them.

    Invocations in several threads, or tasks, do not see the keys of each other, and the keys are
    gone at the end of an invocation. A thread that an invocation starts logs with the keys of the
    invocation as long as that is the only one of the process. Keys that are appended outside
    invocations belong to the process.
    """

    def __init__(self, **options: Any) -> None:
        # The scopes of the current invocation, outermost first.
        self._scopes: ContextVar[list[_Scope]] = ContextVar("log_scopes")
        self._invocations: dict[int, list[_Scope]] = {}
        self._process_keys: dict[str, Any] = {}
        super().__init__(**options)

    @property
    def log_format(self) -> dict[str, Any]:
        """The keys of the current invocation."""
        scope = self._current()
        return self._process_keys if scope is None else scope.keys

    @log_format.setter
    def log_format(self, value: dict[str, Any]) -> None:
        scope = self._current()
        if scope is None:
            self._process_keys = value
        else:
            scope.keys = value

    @property
    def has_other_invocations(self) -> bool:
        """Whether invocations other than the current one are running."""
        return len(self._invocations) > 1

    @contextmanager
    def invocation(self) -> Iterator[None]:
        """Start an invocation: the keys that are appended in the block are its own."""
        own = self._scopes.get([])
        if own:
            # One handler has called another.
            with self.scope():
                yield
            return
        scopes = [_Scope(dict(self._process_keys), logging.NOTSET)]
        token = self._scopes.set(scopes)
        self._invocations[id(scopes)] = scopes
        try:
            yield
        finally:
            del self._invocations[id(scopes)]
            self._scopes.reset(token)

    @contextmanager
    def scope(self, **keys: Any) -> Iterator[None]:
        """Append keys for the block; remove them, and all that are appended inside, at its end."""
        outer = self._current()
        scope = _Scope({**self.log_format, **keys}, outer.level if outer else logging.NOTSET)
        # A thread that an invocation has started has no scopes yet.
        scopes = self._scopes.get([])
        token = self._scopes.set(scopes)
        scopes.append(scope)
        try:
            yield
        finally:
            scopes.remove(scope)
            self._scopes.reset(token)

    def set_level(self, level: int) -> None:
        """Set the level of the current invocation; records below it are not written."""
        scope = self._current()
        if scope is not None:
            scope.level = level

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is at or above the level of the current invocation."""
        scope = self._current()
        return scope is None or record.levelno >= scope.level

    def _current(self) -> _Scope | None:
        own = self._scopes.get([])
        if own:
            return own[-1]
        invocations = list(self._invocations.values())
        return invocations[0][-1] if len(invocations) == 1 else None
