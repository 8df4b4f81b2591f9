"""The handler that runs one sync, and what it shares with that of a batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from contextvars import copy_context
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.json_io import JSON
from aibs_informatics_aws_lambda.storage.data_sync.sync import (
    DataSyncCounts,
    DataSyncRequest,
    DataSyncResponse,
)

from .metrics import emit_age, emit_result
from .settings import SYNC_VARIABLES

if TYPE_CHECKING:
    from .sync.engine import Engine

IAM_ACTIONS = (
    "s3:ListBucket",
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
)


# Between two log lines of progress.
_LOG_SECONDS = 30.0


class LoggedProgress:
    """Logs the progress of a sync every 30 seconds, also while nothing happens.

    The lines are structured: their fields are those of `fields`. It starts at once, and ends when
    it is closed.

    Args:
        log: writes a line, given its message, in which the fields are named, and the fields.
        on_line: called with the seconds since the start, whenever a line is logged.
        seconds: the interval.
    """

    def __init__(
        self,
        log: Callable[[str, dict[str, Any]], None],
        on_line: Callable[[float], None] = lambda _: None,
        seconds: float = _LOG_SECONDS,
    ) -> None:
        self._log = log
        self._on_line = on_line
        self._seconds = seconds
        self._files_planned = self._bytes_planned = self._files_done = self._bytes_done = 0
        self._ended = Event()
        self._start = time.monotonic()
        # With the log keys of the invocation.
        self._writer = Thread(target=copy_context().run, args=(self._write,), daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Log no more lines."""
        self._ended.set()
        self._writer.join()

    def plan(self, files: int, size: int) -> None:
        """Add to the planned amount."""
        self._files_planned += files
        self._bytes_planned += size

    def advance(self, files: int, size: int) -> None:
        """Add to the completed amount."""
        self._files_done += files
        self._bytes_done += size

    @property
    def seconds_elapsed(self) -> float:
        """The seconds since the start."""
        return time.monotonic() - self._start

    def fields(self, seconds: float, before: int) -> dict[str, Any]:
        """Return the fields of a log line.

        Args:
            seconds: the seconds since the start.
            before: the bytes that were done at the previous line.
        """
        left = self._bytes_planned - self._bytes_done
        return {
            "record": "sync_progress",
            "files_done": self._files_done,
            "files_planned": self._files_planned,
            "bytes_done": self._bytes_done,
            "bytes_planned": self._bytes_planned,
            "bytes_per_second": round((self._bytes_done - before) / self._seconds),
            "seconds_elapsed": round(seconds, 1),
            "seconds_left": round(left * seconds / self._bytes_done) if self._bytes_done else None,
        }

    def log_line(self, seconds: float, before: int) -> None:
        """Log a line; see `fields` for the arguments."""
        fields = self.fields(seconds, before)
        self._log(
            "Syncing: %(files_done)s of %(files_planned)s files, %(bytes_done)s of "
            "%(bytes_planned)s bytes, %(bytes_per_second)s bytes/s, %(seconds_left)s s left",
            fields,
        )
        self._on_line(fields["seconds_elapsed"])

    def _write(self) -> None:
        before = 0
        while not self._ended.wait(self._seconds):
            done = self._bytes_done
            self.log_line(self.seconds_elapsed, before)
            before = done


class DataSyncHandler(LambdaHandler[DataSyncRequest, DataSyncResponse]):
    """Sync files and objects between S3, EFS and local disks."""

    description = HandlerDescription(
        example={"source_path": "s3://bucket/run-1/", "destination_path": "/mnt/efs/run-1"},
        environment=SYNC_VARIABLES,
        iam_actions=IAM_ACTIONS,
        output_fields=("report_path", "include_detailed_response"),
        limits=(
            "A Lambda function runs for up to 15 minutes: set `deadline` to `auto` and continue, "
            "split the sync into batches, or run it on AWS Batch.",
            "The plan of more than 10,000 files is kept on disk: about 200 bytes for each file to "
            "transfer, below `TMPDIR`.",
        ),
        cost="S3: one LIST request per 1,000 objects on each side, one PUT or GET request per "
        "file, and one per part of large files; a copy within S3 takes a HEAD request as well. "
        "Without changes, only the listing is charged.",
    )

    def handle(self, request: DataSyncRequest) -> DataSyncResponse:
        """Run one sync.

        Raises:
            FileNotFoundError: the source is missing, and ``fail_if_missing`` is set.
            ValueError: the request or a source name is invalid. Nothing was changed.
            OSError: a file cannot be read or written. Nothing was deleted.
            AWSError: a request to S3 failed.
        """
        with closing(logged_progress(self)) as progress:
            response = make_engine(self, progress).sync(request).to_model()
        result = response.result
        self.log.info(
            "%s %s to %s: %s files transferred, %s unchanged, %s deleted",
            "Stopped at the deadline syncing" if response.incomplete else "Synced",
            request.source_path,
            request.destination_path,
            result.files_transferred,
            result.files_unchanged,
            result.files_deleted,
            extra=summary_fields(
                result,
                progress,
                incomplete=bool(response.incomplete),
                files_failed=result.files_failed or 0,
            ),
        )
        emit_result(
            self,
            result,
            seconds=progress.seconds_elapsed,
            files_failed=result.files_failed or 0,
            is_incomplete=bool(response.incomplete),
        )
        return response

    @classmethod
    def partly_failed(cls, response: JSON) -> bool:
        """Return whether a response reports failed files."""
        result = response.get("result") if isinstance(response, dict) else None
        return isinstance(result, dict) and bool(result.get("files_failed"))


def logged_progress(handler: LambdaHandler[Any, Any]) -> LoggedProgress:
    """Start to log the progress of the syncs of a handler."""

    def log(message: str, fields: dict[str, Any]) -> None:
        handler.log.info(message, fields, extra=fields)

    return LoggedProgress(log, partial(emit_age, handler))


def summary_fields(
    counts: DataSyncCounts, progress: LoggedProgress, *, incomplete: bool, **failed: int
) -> dict[str, int | float | str]:
    """Return the fields of the log line at the end of a call."""
    return {
        "record": "sync_summary",
        "files_transferred": counts.files_transferred,
        "bytes_transferred": counts.bytes_transferred,
        "files_unchanged": counts.files_unchanged,
        "files_deleted": counts.files_deleted,
        "seconds_elapsed": round(progress.seconds_elapsed, 1),
        "incomplete": incomplete,
        **failed,
    }


def make_engine(handler: LambdaHandler[Any, Any], progress: LoggedProgress) -> Engine:
    """Return the engine that runs the syncs of a handler."""
    # Imported once the request is valid: it takes as long as all other imports together.
    from .sync.engine import Engine

    return Engine(
        # Runs that show their progress have it in their context.
        getattr(handler.context, "progress", progress),
        seconds_left=lambda: handler.context.get_remaining_time_in_millis() / 1000,
    )
