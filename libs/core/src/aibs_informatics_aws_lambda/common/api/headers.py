"""The headers of clients, and their environment variable."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from aws_lambda_powertools.logging import Logger

CLIENT_VERSION_KEY: Final = "x-client-version"
API_SERVICE_LOG_LEVEL_KEY: Final = "x-log-level"
API_SERVICE_LOG_LEVEL_ENV_VAR: Final = "API_LOG_LEVEL"


def requested_log_level(headers: Mapping[str, str], logger: Logger) -> int | None:
    """Return the log level that a request asks for; an unknown level is logged and ignored.

    Args:
        headers: the headers by lowercase name.
        logger: the logger for a warning about an unknown level.
    """
    name = headers.get(API_SERVICE_LOG_LEVEL_KEY)
    if not name:
        return None
    level = logging.getLevelNamesMapping().get(name.upper())
    if level is None:
        logger.warning("The header %s is ignored: not a log level", API_SERVICE_LOG_LEVEL_KEY)
    return level
