"""Open files of this process."""

from pathlib import Path


def descriptors_below(folder: Path) -> int:
    """Return how many descriptors lead to a folder or below it, deleted files included.

    Sockets and files of earlier tests are not counted: they may be closed at any time.
    """
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = descriptor.readlink()
        except FileNotFoundError:
            # The one that lists them, or one that was closed meanwhile.
            continue
        count += target.is_relative_to(folder)
    return count
