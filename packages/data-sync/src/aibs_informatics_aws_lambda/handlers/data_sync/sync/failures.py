"""Failures of single files, which do not end the rest of a sync."""

import errno
from threading import Lock
from typing import NamedTuple

from aibs_informatics_aws_lambda.common.exceptions import AWSError

MOST_LISTED = 100
"""The number of failed files that a response lists, at most."""

# If none of so many files can be transferred, the reason is probably not one of theirs.
_MOST_IN_VAIN = 100

# Errors of this machine, not of one file.
_GENERAL = frozenset(
    {
        errno.EDQUOT,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EPIPE,
        errno.EROFS,
    }
)


class FailedFile(NamedTuple):
    """A file that could not be synced.

    Args:
        path: the path or S3 URI of the file.
        error: the error.
    """

    path: str
    error: str


class NothingTransferredError(ValueError):
    """Many files failed, and none could be transferred: others are not tried."""


class Failures:
    """The files that could not be synced.

    Attributes:
        count: the number of them.
        listed: the first of them.
    """

    def __init__(self) -> None:
        self.count = 0
        self.listed: list[FailedFile] = []
        self._in_vain = 0
        self._lock = Lock()

    def note(self, path: str, error: Exception) -> None:
        """Add a file, from any thread."""
        with self._lock:
            self.count += 1
            if len(self.listed) < MOST_LISTED:
                self.listed.append(FailedFile(path, _describe(error, path)))

    def check(
        self, path: str, error: Exception, transferred: int, *, is_of_source: bool = False
    ) -> None:
        """Raise an error if the sync ends at the failure of one file.

        Args:
            path: the file.
            error: the error, which is raised if it is not about this file alone.
            transferred: the number of files transferred so far.
            is_of_source: whether the error is that of a local source file.

        Raises:
            NothingTransferredError: many files have failed before, and none was transferred.
        """
        if _is_general(error):
            raise error
        if transferred or is_of_source:
            return
        self._in_vain += 1
        if self._in_vain > _MOST_IN_VAIN:
            raise NothingTransferredError(
                f"no file was transferred, and {self._in_vain} failed: the others are not tried, "
                "as the reason is probably the same for all. The last error: "
                f"{_describe(error, path)}"
            ) from error


def _is_general(error: Exception) -> bool:
    """Return whether an error is not about one file."""
    if isinstance(error, OSError):
        return error.errno in _GENERAL
    return not isinstance(error, ValueError) or (isinstance(error, AWSError) and error.is_general)


def _describe(error: Exception, path: str) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or path}: {error.strerror}"
    return str(error) or type(error).__name__
