"""Error messages and log lines on stderr."""

import logging
import re
import sys
from errno import EMFILE

from aibs_informatics_aws_lambda.common.cli.errors import CommandError, error_message
from aibs_informatics_aws_lambda.common.cli.output import escaped

PACKAGE_LOGGER = "aibs_informatics_aws_lambda"
"""The parent of all loggers of the toolkit."""


# Messages of the engine name fields of a request. The command has options instead. A field is
# matched with its surroundings: a path in the same message may contain its name.
_OPTIONS = {
    r"(\*.*) does not exist: correct the path, or set fail_if_missing: false$": (
        r"\1 does not exist, and wildcards are not expanded here: use --include GLOB, or cp"
    ),
    r"\bset fail_if_missing: false$": "use --ignore-missing",
    r"\bset skip_archived: true$": "use --skip-archived",
    r"\bset delete: false and retain_source_data: true$": "neither delete nor move files",
    r"\bset delete: false or retain_source_data: true$": "leave out --delete or --move",
    r"\bthe inventory, or set retain_source_data: true$": "--inventory or --move",
    r"\bSet retain_source_data: true$": "Copy instead of moving",
    r"\bleave out backup_path$": "leave out --backup-dir",
    r"(?<!\S)max_delete(?= allows )": "--max-delete",
    r"\bset custom_tmp_dir$": "choose another --staging-folder",
    r"^source_path_prefix(?= ')": "--source-prefix",
    r"^files_from and inventory(?= are mutually exclusive)": "--files-from and --inventory",
    r"^switch and files_from(?= are mutually exclusive)": "--switch and --files-from",
    r"^switch and inventory(?= are mutually exclusive)": "--switch and --inventory",
    r"^switch and skip_archived(?= are mutually exclusive)": "--switch and --skip-archived",
    r"\bfilter_root (.*), to which the paths of files_from are relative$": (
        r"--filter-root \1, to which the paths of --files-from are relative"
    ),
    r"\bCheck AWS_PROFILE\.$": "Check --profile or AWS_PROFILE, and ~/.aws/config",
}
# Advice about fields for which cp and mv have no option.
_ADVICE_FOR_SYNCS = (
    r"(, or set fail_if_missing: false|\. To sync all other objects, set skip_archived: true)$"
)

# How a message begins that names a field of a request, or of the connection of one side.
_MODEL = r"^(?:S3Connection|DataSyncRequest): (?:object_settings\.|(\w+)_connection\.)?"
_FIELD = rf"{_MODEL}(\w+)(?:\.[^:]*)?: (?:Value error, )?"


def invalid_argument(error: ValueError, side: str = "") -> str:
    """Return the message about a field of a request as one about the option that sets it.

    Args:
        error: the error of the model.
        side: the side whose connection the field belongs to.
    """

    def name(field: re.Match[str]) -> str:
        words = (field[1] or side, field[2].replace("_", "-"))
        return f"argument --{'-'.join(filter(None, words))}: "

    return re.sub(_FIELD, name, error_message(error))


def format_error(error: BaseException, verb: str = "sync") -> str:
    """Return an error of a verb in one line."""
    if isinstance(error, OSError) and error.strerror:
        if error.strerror.startswith("cannot "):
            # It names the path: a name of a file is that of one below it.
            return f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
        if error.filename is not None:
            text = f"{error.filename}: {error.strerror}"
            return f"{text}. Raise the limit (ulimit -n)" if error.errno == EMFILE else text
    text = error_message(error)
    if verb in ("cp", "mv"):
        text = re.sub(_ADVICE_FOR_SYNCS, "", text)
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
        sys.stderr.write(f"{self._program}: {level}{escaped(record.getMessage())}\n")


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
