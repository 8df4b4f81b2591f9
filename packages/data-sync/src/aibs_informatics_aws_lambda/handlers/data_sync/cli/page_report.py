"""``--report FILE.html``: the report of a sync as a page."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.storage.locations import DataLocation
from aibs_informatics_aws_lambda.storage.quoted_names import quote_name

from ..s3.client import sent_requests
from ..sync.request import SyncRequest
from ..sync.result import SyncResponse
from .messages import format_error

if TYPE_CHECKING:
    from .pages.report_page import SyncRun
    from .pool import ParallelResult


class PageReport:
    """A sync whose report may be a page.

    Args:
        request: the request as given.
        lines: the file for the lines of the report; `None` if no page is written.

    Attributes:
        request: the request to run: its report, if a page is written, is a temporary file.
    """

    def __init__(self, request: SyncRequest, lines: Path | None = None) -> None:
        self._given = request
        self._lines = lines
        self._failed = 0
        self._failures: list[tuple[str, str]] = []
        self._is_incomplete = False
        self._requests: Counter[str] = Counter()
        self.request = request.model_copy(update={"report_path": lines}) if lines else request

    def finish(self, response: SyncResponse) -> SyncResponse:
        """Note the response, and return it with the location of the page as that of the report."""
        if self._lines is None:
            return response
        found = response.result
        self._failed = found.files_failed or 0
        self._failures = [(failed.path, failed.error) for failed in found.failed_files or ()]
        self._is_incomplete = bool(response.incomplete)
        result = replace(found, details=self._given.report_path)
        return replace(response, request=self._given, result=result)

    def finish_batches(self, result: ParallelResult) -> None:
        """Note the result of a sync in batches."""
        self._failed = result.failed_files.count + len(result.failed)
        failed = [(quote_name(str(it.request.source_path)), it.message) for it in result.failed]
        self._failures = [*result.failed_files.messages.items(), *failed]
        self._is_incomplete = bool(result.unfinished)
        self._requests.update(result.requests)

    def complete(self, run: SyncRun) -> None:
        """Add what was noted to a run, and the requests that this process has sent."""
        run.seconds = time.time() - run.started
        run.failed, run.failures = self._failed, self._failures
        run.is_incomplete = self._is_incomplete
        run.requests = self._requests + sent_requests


@contextmanager
def page_report(request: SyncRequest) -> Iterator[PageReport]:
    """Write the report of a sync that runs in the block as a page, if it is to be one.

    It is written too if the sync fails.

    Raises:
        ValueError: no page can be written to its location. Nothing has been done.
        OSError: the page cannot be written.
        AWSError: the page cannot be written.
    """
    location = request.report_path
    if location is None or not _is_page(location):
        yield PageReport(request)
        return
    from .pages.page import check_page_location, write_page
    from .pages.report_page import SyncRun, render_report

    check_page_location(location)
    run = SyncRun(
        source=_text(request.source_path),
        destination=_text(request.destination_path),
        mode=_mode(request),
        started=time.time(),
        existing=request.existing or "replace",
        has_filters=request.filter_config is not None,
    )
    with TemporaryDirectory(prefix="data-sync-") as folder:
        lines = Path(folder, "report.jsonl")
        report = PageReport(request, lines)
        try:
            yield report
        except BaseException as error:
            run.error = format_error(error) if isinstance(error, Exception) else "interrupted"
            raise
        finally:
            report.complete(run)
            lines.touch()
            with lines.open(encoding="ascii") as file:
                write_page(location, render_report(file, run))


def _is_page(location: DataLocation) -> bool:
    return str(location).lower().endswith((".html", ".htm"))


def _mode(request: SyncRequest) -> str:
    if request.verify:
        return "verify"
    return "dry run" if request.dry_run else "sync"


def _text(path: DataLocation) -> str:
    return quote_name(str(path)) if isinstance(path, Path) else str(path)
