"""The error for problems that the user can fix."""

from __future__ import annotations


class LambdaBuildError(Exception):
    """A build error with a message for the user, shown without a traceback."""
