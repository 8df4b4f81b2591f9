"""Local files to local files."""

from __future__ import annotations

import errno
import os
import random
import shutil
import time
from concurrent.futures import Executor, Future
from typing import Final

from aibs_informatics_aws_lambda.common.files import filename_in_errors

from ...local.files import Folders, check_unchanged, flush, temporary_path
from ...progress import CheckDeadline, OnBytes
from ...s3.etags import same_content
from ..diff import Step
from ..report import NO_EVIDENCE, Evidence
from ..routes import Route

_BLOCK_BYTES: Final = 2**20

# NFS, and so EFS, reports a broken connection so; waits double from the first one, cut by chance.
_ATTEMPTS: Final = 10
_FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 10.0


class LocalCopy:
    """Copies files, with their permissions, beside their targets and renames them there.

    Args:
        route: where files come from and go to.
        pool: the threads that copy.
        check: is called at each block; what it raises ends the copy.
        fsync: whether a file is flushed to the disk before it is renamed.
    """

    def __init__(
        self, route: Route, pool: Executor, check: CheckDeadline, *, fsync: bool = False
    ) -> None:
        self._route = route
        self._pool = pool
        self._check = check
        self._fsync = fsync
        self._folders = Folders()

    def start(self, step: Step, on_bytes: OnBytes | None) -> Future[None]:
        """Copy a file."""
        target = self._route.target.at(step.target)
        self._folders.make_parent(target)
        return self._pool.submit(self._copy, step, target, on_bytes)

    def finish(self, step: Step, _: None) -> Evidence:  # noqa: ARG002
        """Do nothing: the copy is in its location."""
        return NO_EVIDENCE

    def is_same(self, step: Step, check: CheckDeadline) -> bool:
        """Tell whether the file at the target has the same content."""
        source = self._route.source.at(step.entry.relative)
        return same_content(source, self._route.target.at(step.target), check)

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:  # noqa: ARG002
        """Tell that it has not: all of it was read before."""
        return False

    def abandon(self) -> None:
        """Do nothing: a copy that fails takes itself away."""

    def _copy(self, step: Step, target: str, on_bytes: OnBytes | None) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                self._copy_once(step, target, on_bytes)
            except OSError as error:
                if error.errno != errno.EIO or attempt == _ATTEMPTS - 1:
                    raise
                wait = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
                time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311
            else:
                return

    def _copy_once(self, step: Step, target: str, on_bytes: OnBytes | None) -> None:
        source = self._route.source.at(step.entry.relative)
        temporary = temporary_path(target)
        try:
            self._write(source, temporary, on_bytes)
            shutil.copymode(source, temporary)
            if self._fsync:
                flush(temporary)
            check_unchanged(source, step.entry)
            os.replace(temporary, target)  # noqa: PTH105
        except BaseException:
            if os.path.lexists(temporary):
                os.unlink(temporary)  # noqa: PTH108
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
