"""Error messages and log lines on stderr."""

import logging
import re
import sys
from errno import EMFILE

from aibs_informatics_aws_lambda.common.cli.errors import CommandError, error_message

PACKAGE_LOGGER = "aibs_informatics_aws_lambda"
"""The parent of all loggers of the toolkit."""


# Messages of the engine name fields of a request. The command has options instead. A field is
# matched with its surroundings: a path in the same message may contain its name.
_OPTIONS = {
    r"\bset fail_if_missing: false$": "use --ignore-missing",
    r"\bset skip_archived: true$": "use --skip-archived",
    r"(?<!\S)max_delete(?= allows )": "--max-delete",
}


def format_error(error: BaseException) -> str:
    """Return an error in one line."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
        return f"{text}. Raise the limit (ulimit -n)" if error.errno == EMFILE else text
    text = error_message(error)
    for field, option in _OPTIONS.items():
        text = re.sub(field, option, text)
    name = type(error).__name__
    return text if is_self_explanatory(error) or text == name else f"{name}: {text}"


def is_self_explanatory(error: BaseException) -> bool:
    """Return whether the message of an error is written for users of the command."""
    return isinstance(error, CommandError | ValueError | OSError | KeyboardInterrupt)


def configure_logging(program: str, *, verbose: bool, form: str = "text") -> None:
    """Write warnings to stderr, one line each, and with ``verbose`` informational messages too.

    Args:
        program: the program and the verb.
        verbose: whether to write informational messages.
        form: ``text``, or ``json`` for JSON objects with ``time``, ``level`` and ``message``.
    """
    logger = logging.getLogger(PACKAGE_LOGGER)
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.addHandler(_JsonHandler(program) if form == "json" else _StderrHandler(program))


class _StderrHandler(logging.Handler):
    """Looks `sys.stderr` up for each line: a progress bar replaces it while it is shown."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def emit(self, record: logging.LogRecord) -> None:
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        sys.stderr.write(f"{self._program}: {level}{record.getMessage()}\n")


class _JsonHandler(_StderrHandler):
    """Writes each record as a JSON object."""

    def emit(self, record: logging.LogRecord) -> None:
        # Most commands log nothing.
        import json
        from datetime import UTC, datetime

        document = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "program": self._program,
            "message": record.getMessage(),
        }
        sys.stderr.write(f"{json.dumps(document)}\n")
