"""Structured logs in JSON, by AWS Lambda Powertools, for handlers and libraries."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools.logging import Logger

from .base import HandlerMixins
from .log_context import ContextFormatter

SERVICE_NAME = "aibs"


def get_service_logger(
    service: str | None = None, child: bool = False, add_to_root: bool = False
) -> Logger:
    """Return the logger of a service.

    Args:
        service: the value of the key ``service``, by default ``POWERTOOLS_SERVICE_NAME``.
        child: whether to return a child of that logger, which shares its handler and its keys.
        add_to_root: whether to add its handler to the root logger as well.
    """
    stream = _Stdout()
    formatter = ContextFormatter()
    service_logger = Logger(
        service=service,
        child=child,
        stream=stream,  # type: ignore[arg-type]
        logger_formatter=formatter,
    )
    # A service has one handler, with the formatter of its first logger.
    if not child and service_logger.registered_formatter is formatter:
        service_logger.registered_handler.addFilter(formatter)
    if add_to_root:
        add_handler_to_logger(service_logger)
    return service_logger


def add_handler_to_logger(
    source_logger: Logger, target_logger: str | logging.Logger | None = None
) -> None:
    """Add the handler of ``source_logger`` to another logger; each record is written once.

    Args:
        source_logger: the logger whose handler is added.
        target_logger: a logger, the name of one, or `None` for the root logger. The level of a
            logger given by name, and of the root logger, becomes the lower of both levels.
    """
    target = (
        target_logger
        if isinstance(target_logger, logging.Logger)
        else logging.getLogger(target_logger)
    )
    if target is not target_logger:
        target.setLevel(min(target.level or logging.CRITICAL, source_logger.log_level))
    if target is logging.getLogger():
        _remove_runtime_handlers(target)
    for handler in source_logger.handlers:
        target.addHandler(handler)
    source = logging.getLogger(source_logger.name)
    if target in _loggers_above(source):
        source.propagate = False


def format_library_records(source_logger: Logger) -> None:
    """Write the records of libraries in the format and with the keys of ``source_logger``.

    One handler of the root logger does this for the whole process. If the root logger has another
    handler already, as in the managed Lambda runtimes, nothing is changed.
    """
    root = logging.getLogger()
    if _library_handler not in root.handlers:
        if root.handlers:
            return
        root.addHandler(_library_handler)
    _library_handler.setFormatter(source_logger.registered_formatter)


@contextmanager
def temporary_keys(source_logger: Logger, **keys: object) -> Iterator[None]:
    """Append keys to a logger for the block; remove keys that were appended inside it, too."""
    # The logger would search for its handler at each access.
    formatter = source_logger.registered_formatter
    if isinstance(formatter, ContextFormatter):
        with formatter.scope(**keys):
            yield
        return
    before = dict(formatter.get_current_keys())
    formatter.append_keys(**keys)
    try:
        yield
    finally:
        formatter.remove_keys(formatter.get_current_keys().keys() - before.keys())
        formatter.append_keys(**before)


@contextmanager
def invocation_keys(source_logger: Logger) -> Iterator[None]:
    """Keep the keys that an invocation appends to a logger apart from those of others."""
    formatter = source_logger.registered_formatter
    with (
        formatter.invocation()
        if isinstance(formatter, ContextFormatter)
        else temporary_keys(source_logger)
    ):
        yield


LOGGING_ATTR = "_logger"
"""The attribute in which a handler keeps its logger."""


class LoggingMixins(HandlerMixins):
    """Gives a handler its own logger, created on first use."""

    _logger: Logger | None = None

    @property
    def log(self) -> Logger:
        """The logger of this handler's service."""
        if self._logger is None:
            self._logger = self.get_logger(self.service_name())
        return self._logger

    @log.setter
    def log(self, value: Logger) -> None:
        self._logger = value

    logger = log

    @classmethod
    def get_logger(cls, service: str | None = None, add_to_root: bool = False) -> Logger:
        """Return the logger of a service, as `get_service_logger` does."""
        return get_service_logger(service, add_to_root=add_to_root)

    def add_logger_to_root(self) -> None:
        """Add the handler of this logger to the root logger."""
        add_handler_to_logger(self.log)


def _has_own_handler(record: logging.LogRecord) -> bool:
    """Return whether a logger below the root has written this record already."""
    found = logging.Logger.manager.loggerDict.get(record.name)
    above = [found, *_loggers_above(found)] if isinstance(found, logging.Logger) else []
    return any(above_one.handlers for above_one in above if above_one.parent)


def _loggers_above(found: logging.Logger) -> list[logging.Logger]:
    above = []
    while found.parent:
        found = found.parent
        above.append(found)
    return above


def _remove_runtime_handlers(root: logging.Logger) -> None:
    # The handler of the managed runtime would write each record of a library again.
    for handler in list(root.handlers):
        if type(handler).__module__.startswith("awslambdaric"):
            root.removeHandler(handler)


class _Stdout:
    """The current `sys.stdout`, which the command redirects.

    It has the methods that `logging.StreamHandler` uses.
    """

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        if sys.stdout is not None:
            sys.stdout.flush()


_library_handler = logging.StreamHandler(_Stdout())
_library_handler.addFilter(lambda record: not _has_own_handler(record))

logger = get_service_logger(SERVICE_NAME)
