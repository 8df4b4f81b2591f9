"""A folder in which a single object is put together before it becomes a local file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def find_staging_root(destination: str) -> str:
    """Return the mount point that a path lies at, or its first folder where that is ``/``."""
    path = Path(destination)
    for parent in path.parents:
        if os.path.ismount(parent) and parent != Path("/"):
            return str(parent)
    return str(Path(*path.parts[:2]))


@contextmanager
def staging_folder(root: str) -> Iterator[str]:
    """Make a folder of one's own in another one, and remove it at the end.

    Raises:
        FileNotFoundError: the other folder is not there.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(
            f"there is no folder {root} to stage the object in: make it, or name another one as "
            "custom_tmp_dir"
        )
    with tempfile.TemporaryDirectory(prefix=".data-sync-", dir=root) as folder:
        yield folder
