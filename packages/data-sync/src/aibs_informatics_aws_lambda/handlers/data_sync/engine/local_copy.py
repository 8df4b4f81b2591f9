"""Local files to local files."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import Executor, Future

from aibs_informatics_aws_lambda.handlers.data_sync.engine.checksums import same_content
from aibs_informatics_aws_lambda.handlers.data_sync.engine.files import (
    Folders,
    check_unchanged,
    temporary_path,
)
from aibs_informatics_aws_lambda.handlers.data_sync.engine.plan import Step
from aibs_informatics_aws_lambda.handlers.data_sync.engine.routes import Route

__all__ = ["LocalCopy"]


class LocalCopy:
    """Copies files, with their permissions, beside their targets and renames them there.

    Args:
        route: where files come from and go to.
        pool: the threads that copy.
    """

    def __init__(self, route: Route, pool: Executor) -> None:
        self._route = route
        self._pool = pool
        self._folders = Folders()

    def start(self, step: Step) -> Future[None]:
        """Copy a file."""
        target = self._route.target.at(step.target)
        self._folders.make_parent(target)
        return self._pool.submit(self._copy, step, target)

    def finish(self, step: Step, _: None) -> None:
        """Do nothing: the copy is in its place."""

    def is_same(self, step: Step) -> bool:
        """Tell whether the file at the target has the same content."""
        source = self._route.source.at(step.item.relative)
        return same_content(source, self._route.target.at(step.target))

    def abandon(self) -> None:
        """Do nothing: a copy that fails takes itself away."""

    def _copy(self, step: Step, target: str) -> None:
        source = self._route.source.at(step.item.relative)
        temporary = temporary_path(target)
        try:
            shutil.copyfile(source, temporary)
            shutil.copymode(source, temporary)
            check_unchanged(source, step.item)
            os.replace(temporary, target)  # noqa: PTH105
        except BaseException:
            if os.path.lexists(temporary):
                os.unlink(temporary)  # noqa: PTH108
            raise
