"""Temporary files, in which content is assembled before it is renamed to its target."""

import itertools
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# Longer than from one write of a file to the next. Older files are left over from killed syncs.
_LEFTOVER_SECONDS = 86400.0

_TEMPORARY_NAME = re.compile(r"\..{0,48}\.[0-9a-f]{12}-\d+-\d+\.tmp", re.DOTALL)

# With the process id and a number, a name that no other machine gives either.
_OWN = os.urandom(6).hex()
_numbers = itertools.count()


def temporary_path(target: str) -> str:
    """Return a hidden path beside a file, at which it can be written before it is renamed."""
    folder, _, name = target.rpartition("/")
    # Names have at most 255 bytes, and a character up to four.
    return f"{folder}/.{name[:48]}.{_OWN}-{os.getpid()}-{next(_numbers)}.tmp"


def is_temporary(path: str) -> bool:
    """Return whether a file has the name of a temporary file of a sync."""
    return path.endswith(".tmp") and bool(_TEMPORARY_NAME.fullmatch(path.rpartition("/")[2]))


def is_in_use(path: str, modified: float) -> bool:
    """Return whether a file may be the temporary file of a sync that is running.

    Args:
        path: its path.
        modified: when it was last modified, in seconds since 1970 UTC.
    """
    return is_temporary(path) and time.time() - modified < _LEFTOVER_SECONDS


@dataclass
class Staging:
    """Gives out temporary paths, and makes missing parents of their targets, each once.

    Args:
        directory: the directory for the temporary file of a single object; by default each lies
            beside its target.
    """

    directory: str | None = None
    _parents: set[str] = field(default_factory=set, init=False)

    def path_for(self, target: str) -> str:
        """Return the path of the temporary file for a target.

        Raises:
            OSError: the directory of the target cannot be made.
        """
        parent = target.rpartition("/")[0]
        if parent not in self._parents:
            make_directories(parent or "/")
            self._parents.add(parent)
        return f"{self.directory}/object" if self.directory else temporary_path(target)


def make_directories(path: str) -> None:
    """Make a directory and its missing parents, however many.

    Raises:
        OSError: one of them cannot be made.
    """
    missing = []
    # Not pathlib, which calls itself for each parent.
    while not os.path.isdir(path):  # noqa: PTH112
        missing.append(path)
        path = os.path.dirname(path)  # noqa: PTH120
    for directory in reversed(missing):
        try:
            os.mkdir(directory)  # noqa: PTH102
        except FileExistsError:
            # Made by another sync meanwhile, or a file.
            if not os.path.isdir(directory):  # noqa: PTH112
                raise


def find_staging_root(destination: str) -> str:
    """Return the mount point that a path lies at, or its first directory where that is ``/``."""
    path = Path(destination)
    for parent in path.parents:
        if os.path.ismount(parent) and parent != Path("/"):
            return str(parent)
    return str(Path(*path.parts[:2]))


@contextmanager
def staging_folder(root: str) -> Iterator[str]:
    """Make a private directory in another one, and delete it at the end.

    Raises:
        FileNotFoundError: the other directory does not exist.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(
            f"cannot stage the object in {root}: no such directory. Make it, or set custom_tmp_dir"
        )
    with tempfile.TemporaryDirectory(prefix=".data-sync-", dir=root) as folder:
        yield folder
