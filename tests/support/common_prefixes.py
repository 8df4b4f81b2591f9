"""Common prefixes, as a service lists them with a delimiter."""

from collections.abc import Iterable


def common_prefixes(folder: str, names: Iterable[str], after: str) -> list[str]:
    """Return the folders in another one that have names after a name, in order."""
    start = len(folder)
    found = {
        name[: name.index("/", start) + 1]
        for name in names
        if name > after and name.startswith(folder) and "/" in name[start:]
    }
    return sorted(found)
