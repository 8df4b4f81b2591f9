"""The method of a transfer: upload, download, copy within S3, or copy of local files."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Protocol

from ...progress import CheckDeadline, OnBytes
from ..context import ExecutionContext
from ..diff import Step
from ..report import Evidence
from ..routes import Route
from .download import Download
from .local_copy import LocalCopy
from .s3_copy import S3Copy
from .upload import Upload


class TransferMethod(Protocol):
    """Transfers and compares the entries of one route."""

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[Any]:
        """Start to transfer an entry."""

    def publish(self, step: Step, result: Any) -> Evidence:
        """Check what was transferred, and make it visible at its target."""

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether the target has the content of an entry, as far as checksums tell.

        ``check`` is called now and then; an error that it raises ends the comparison.
        """

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether the target has the content of an entry, by reading both."""

    def discard(self) -> None:
        """Delete what is left of transfers that did not end."""


def choose_method(route: Route, context: ExecutionContext) -> TransferMethod:
    """Return the method for a route."""
    reports = context.report.is_read
    s3 = context.s3
    if s3 is None:
        return LocalCopy(route, context.pool, context.budget.check, fsync=context.fsync)
    if route.target.bucket is None:
        return Download(route, s3, context.staging, fsync=context.fsync, reports=reports)
    if route.source.bucket is None:
        return Upload(route, s3, reports=reports)
    return S3Copy(route, s3, context.pool, reports=reports)
