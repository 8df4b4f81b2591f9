"""Failures of single files, which do not end the rest of a sync."""

import errno
from threading import Lock
from typing import NamedTuple

from aibs_informatics_aws_lambda.common.exceptions import AWSError

MOST_LISTED = 100
"""The number of failed files that a response lists, at most."""

# If none of so many files can be transferred, the reason is none of theirs.
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


class Failures:
    """The files that could not be synced.

    Attributes:
        count: the number of them.
        listed: the first of them.
    """

    def __init__(self) -> None:
        self.count = 0
        self.listed: list[FailedFile] = []
        self._lock = Lock()

    def note(self, path: str, error: Exception) -> None:
        """Add a file, from any thread."""
        with self._lock:
            self.count += 1
            if len(self.listed) < MOST_LISTED:
                message = str(error) or type(error).__name__
                if isinstance(error, OSError) and error.strerror:
                    message = f"{error.filename or path}: {error.strerror}"
                self.listed.append(FailedFile(path, message))

    def tolerate(self, error: Exception, transferred: int) -> bool:
        """Return whether a sync goes on after the error of one file.

        Args:
            error: the error.
            transferred: the number of files transferred so far.
        """
        if self.count >= _MOST_IN_VAIN and not transferred:
            return False
        if isinstance(error, OSError):
            return error.errno not in _GENERAL
        is_general = isinstance(error, AWSError) and error.is_general
        return isinstance(error, ValueError) and not is_general
