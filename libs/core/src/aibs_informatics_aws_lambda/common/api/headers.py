"""The headers of clients, and their environment variable."""

import logging
import os
from collections.abc import Mapping

from aws_lambda_powertools.logging import Logger

from ..constants import HANDLER_LOG_LEVEL_HEADER_KEY
from ..log_context import ContextFormatter

CLIENT_VERSION_KEY = "x-client-version"
API_SERVICE_LOG_LEVEL_KEY = "x-log-level"
API_SERVICE_LOG_LEVEL_ENV_VAR = "API_LOG_LEVEL"


class RequestLogLevel:
    """Sets the level of a logger for the requests that ask for more details.

    A request can lower the level, for its own records only, and never raise it: the records that
    the configured level lets through are always written. ``HANDLER_LOG_LEVEL_HEADER=off`` ignores
    the header.
    """

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._configured: int | None = None

    def reset(self) -> None:
        """Start a request at the configured level."""
        if self._configured is None:
            return
        formatter = self._logger.registered_formatter
        if isinstance(formatter, ContextFormatter) and formatter.has_other_invocations:
            # One of them may have a lower level; the records of this request are filtered.
            formatter.set_level(self._configured)
            return
        self._logger.setLevel(self._configured)
        self._configured = None

    def set(self, headers: Mapping[str, str]) -> None:
        """Set the level that a request asks for; an unknown level is logged and ignored.

        Args:
            headers: the headers by lowercase name.
        """
        level = self._requested(headers)
        configured = self._logger.log_level if self._configured is None else self._configured
        if level is None or level >= configured:
            return
        self._configured = configured
        self._logger.setLevel(min(level, self._logger.log_level))
        formatter = self._logger.registered_formatter
        if isinstance(formatter, ContextFormatter):
            formatter.set_level(level)

    def _requested(self, headers: Mapping[str, str]) -> int | None:
        name = headers.get(API_SERVICE_LOG_LEVEL_KEY)
        if not name or _is_off(os.environ.get(HANDLER_LOG_LEVEL_HEADER_KEY)):
            return None
        level = logging.getLevelNamesMapping().get(name.upper())
        if level is None:
            text = "The header %s is ignored: not a log level"
            self._logger.warning(text, API_SERVICE_LOG_LEVEL_KEY)
        return level or None


def _is_off(value: str | None) -> bool:
    return (value or "").lower() in ("0", "false", "no", "off")
