"""Errors that callers of this toolkit can catch by type."""

from __future__ import annotations


class ApplicationException(Exception):  # noqa: N818 - the name is part of the public contract
    """The application is set up in a way that leaves it unable to work."""


class ValidationError(ValueError):
    """Data does not fit the model, or text does not fit the form, that was asked for."""


class AWSError(ValueError):
    """An AWS service refused or failed; the text names the resource and the cause."""


class ResourceNotFoundError(AWSError):
    """The AWS resource that was named does not exist."""
