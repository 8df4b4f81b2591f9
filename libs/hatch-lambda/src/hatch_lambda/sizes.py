"""Where the bytes of an archive are, and whether they are too many."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from .errors import LambdaBuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from .archive import Entry
    from .distributions import Distribution

_NAMED_IN_ERRORS = 5
_RECORDS_OF_INSTALLATION = frozenset(
    ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json")
)


@dataclass(frozen=True)
class Sizes:
    """Sizes of a distribution, in bytes.

    Attributes:
        name: Normalized name.
        version: Version.
        installed: The files of its wheel, before anything was left out or compiled.
        unpacked: Its files in the archive, unpacked.
        bytecode: How much of that is bytecode.
        compressed: Its files in the archive, as they are there.
    """

    name: str
    version: str
    installed: int
    unpacked: int
    bytecode: int
    compressed: int


def installed_sizes(tree: Path, distributions: Iterable[Distribution]) -> dict[str, int]:
    """Add up the files of each distribution.

    Args:
        tree: Folder that was installed into.
        distributions: What is installed there.

    Returns:
        Bytes by name of the distribution.
    """
    return {
        item.name: sum(_size(tree / path) for path in item.files if _is_of_wheel(path))
        for item in distributions
    }


def _is_of_wheel(path: str) -> bool:
    # What the installer writes has paths of this machine in it, so its size is not reproducible.
    place = PurePosixPath(path)
    is_script = place.parts[0] == "bin" or ".." in place.parts
    return not is_script and place.name not in _RECORDS_OF_INSTALLATION


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def measure(
    distributions: Iterable[Distribution],
    installed: Mapping[str, int],
    entries: Iterable[Entry],
    owners: Mapping[str, str],
) -> list[Sizes]:
    """Say how much of an archive each distribution takes.

    Args:
        distributions: Distributions in it.
        installed: What they took when they were installed, by name.
        entries: Files of the archive.
        owners: Name of the distribution of each file, by path.

    Returns:
        The distributions, those that take most first.
    """
    files: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        files[owners[entry.path]].append(entry)
    found = [
        Sizes(
            name=item.name,
            version=item.version,
            installed=installed[item.name],
            unpacked=sum(entry.size for entry in files[item.name]),
            bytecode=sum(entry.size for entry in files[item.name] if entry.is_bytecode),
            compressed=sum(entry.compressed for entry in files[item.name]),
        )
        for item in distributions
    ]
    return sorted(found, key=lambda sizes: (-sizes.compressed, sizes.name))


def report(archive: Path, sizes: Sequence[Sizes]) -> dict[str, Any]:
    """Make the size report of an archive.

    Args:
        archive: Path of the archive.
        sizes: Sizes of its distributions.

    Returns:
        The document, ready for JSON.
    """
    return {
        "archive": archive.name,
        "bytes": archive.stat().st_size,
        "unpacked": sum(item.unpacked for item in sizes),
        "distributions": [asdict(item) for item in sizes],
    }


def check_budget(archive: Path, name: str, sizes: Sequence[Sizes], budget: int | None) -> None:
    """Refuse an archive that is larger than it may be.

    Args:
        archive: Path of the archive.
        name: How it is called in the error.
        sizes: Sizes of its distributions, the largest first.
        budget: Bytes it may have, if there is a limit.

    Raises:
        LambdaBuildError: It has more.
    """
    size = archive.stat().st_size
    if budget is None or size <= budget:
        return
    largest = "\n".join(
        f"  {item.name} {item.version}: {item.compressed}" for item in sizes[:_NAMED_IN_ERRORS]
    )
    message = (
        f"{name} would have {size} bytes, {size - budget} more than the {budget} of `max-bytes`. "
        f"The largest distributions in it, in bytes compressed:\n{largest}\n"
        f"Leave out what the function does not use with `exclude-dependencies` or "
        f"`exclude-files`, or raise `max-bytes`."
    )
    raise LambdaBuildError(message)
