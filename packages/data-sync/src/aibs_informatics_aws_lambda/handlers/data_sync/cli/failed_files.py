"""The files that could not be synced, of one sync or of many."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode
from aibs_informatics_aws_lambda.common.cli.output import escaped

from ..sync.failures import FailedFile, Failures
from ..sync.result import Counts, SyncResponse
from .arguments import PROGRAM
from .output import format_count

_MOST_SHOWN = 20


class FailedFiles:
    """The files that could not be synced.

    Attributes:
        count: the number of them.
        messages: an error for each of the first ones, by their paths.
    """

    def __init__(self) -> None:
        self.count = 0
        self.messages: dict[str, str] = {}

    def add(self, response: SyncResponse) -> None:
        """Add the failed files of a sync."""
        self.count += response.result.files_failed or 0
        self._list(response.result.failed_files or ())

    def extend(self, other: FailedFiles) -> None:
        """Add the failed files of other syncs."""
        self.count += other.count
        self.messages.update(other.messages)

    def merge(self, failures: Failures) -> None:
        """Add failed files that may have been added before."""
        self.count += len({file.path for file in failures.listed} - self.messages.keys())
        self._list(failures.listed)

    def _list(self, files: Iterable[FailedFile]) -> None:
        for file in files:
            is_named = file.path in file.error
            message = file.error if is_named else f"{file.path}: {file.error}"
            self.messages[file.path] = message

    def print(self, *, deletes: bool = False) -> None:
        """Print an error for each of the first files, and their number, to stderr.

        Args:
            deletes: whether files were to be deleted as well, which are kept.
        """
        for message in list(self.messages.values())[:_MOST_SHOWN]:
            sys.stderr.write(f"{PROGRAM}: error: {escaped(message)}\n")
        if self.count > _MOST_SHOWN:
            sys.stderr.write(f"{PROGRAM}: error: and {self.count - _MOST_SHOWN:,} more\n")
        if self.count:
            kept = ", so nothing was deleted" if deletes else ""
            sys.stderr.write(
                f"{PROGRAM}: error: {format_count(self.count)} not synced{kept}: correct this, "
                "and run the same command again\n"
            )

    def exit_code(self, counts: Counts) -> ExitCode:
        """Return the exit status, given the counts of all other files."""
        if not self.count:
            return ExitCode.DONE
        is_partial = counts.files_transferred or counts.files_unchanged
        return ExitCode.PARTLY_FAILED if is_partial else ExitCode.FAILED
