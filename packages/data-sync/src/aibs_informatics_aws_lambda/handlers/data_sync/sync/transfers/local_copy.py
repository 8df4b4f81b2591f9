"""Copy of local files."""

import errno
import os
import random
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from aibs_informatics_aws_lambda.common.files import filename_in_errors

from ...local.delete import delete_file
from ...local.files import check_length, check_unchanged, flush, same_content, set_modified
from ...local.staging import Staging
from ...progress import CheckDeadline, OnBytes
from ..context import ExecutionContext
from ..diff import Step
from ..report import NO_EVIDENCE, Evidence
from ..routes import Route

_BLOCK_BYTES = 2**20

# EIO is how NFS, and so EFS, reports a broken connection; waits double, with jitter.
_ATTEMPTS = 10
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 10.0


class LocalCopy:
    """Copies files, with their permissions, to temporary files, and renames these when complete.

    Args:
        route: the route.
        context: the threads that copy, and the options of the sync.
    """

    def __init__(self, route: Route, context: ExecutionContext) -> None:
        self._route = route
        self._context = context
        self._check = context.budget.check
        self._staging = Staging()

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[None]:
        """Start to copy a file."""
        target = self._route.target.at(step.target)
        temporary = self._staging.path_for(target)
        return self._context.pool.submit(self._copy, step, temporary, target, on_bytes)

    def publish(self, step: Step, _: None) -> Evidence:  # noqa: ARG002
        """Do nothing: the thread that copies has renamed the file."""
        return NO_EVIDENCE

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether the file at the target has the same content."""
        source = self._route.source.at(step.entry.relative)
        return same_content(source, self._route.target.at(step.target), check)

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:  # noqa: ARG002
        """Return false: all bytes were compared in place of checksums."""
        return False

    def discard(self, received: Sequence[tuple[Step, Any]]) -> None:
        """Do nothing: a copy that fails deletes its temporary file."""

    def _copy(self, step: Step, temporary: str, target: str, on_bytes: OnBytes | None) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                self._copy_once(step, temporary, target, on_bytes)
            except OSError as error:
                if error.errno != errno.EIO or attempt == _ATTEMPTS - 1:
                    raise
                wait = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
                time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311
            else:
                return

    def _copy_once(
        self, step: Step, temporary: str, target: str, on_bytes: OnBytes | None
    ) -> None:
        source = self._route.source.at(step.entry.relative)
        try:
            self._write(source, temporary, on_bytes)
            shutil.copymode(source, temporary)
            if self._context.size_only:
                set_modified(temporary, self._context.time_of_copy(step.entry))
            if self._context.fsync:
                flush(temporary)
            check_unchanged(source, step.entry)
            check_length(source, step.entry.size, os.stat(temporary).st_size)  # noqa: PTH116
            os.replace(temporary, target)  # noqa: PTH105
        except BaseException:
            delete_file(temporary)
            raise

    def _write(self, source: str, target: str, on_bytes: OnBytes | None) -> None:
        # Not shutil.copyfile, which cannot be stopped half-way through a large file.
        block = memoryview(bytearray(_BLOCK_BYTES))
        with (
            filename_in_errors(source),
            open(source, "rb", 0) as reader,  # noqa: PTH123
            open(target, "xb", 0) as writer,  # noqa: PTH123
        ):
            while count := reader.readinto(block):
                self._check()
                rest = block[:count]
                with filename_in_errors(target):
                    while rest:
                        rest = rest[writer.write(rest) :]
                if on_bytes:
                    on_bytes(count)
