"""The error a user can mend."""

from __future__ import annotations


class LambdaBuildError(Exception):
    """Says what was wrong, where, and what to do; shown without a traceback."""
