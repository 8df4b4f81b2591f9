"""Report the size of an archive by distribution, and enforce its budget."""

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
    from .prune import Dropped

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
        installed: Size of the files of its wheel, before pruning and compilation.
        unpacked: Uncompressed size of its files in the archive.
        bytecode: Uncompressed size of its bytecode, part of `unpacked`.
        compressed: Compressed size of its files in the archive.
    """

    name: str
    version: str
    installed: int
    unpacked: int
    bytecode: int
    compressed: int


def installed_sizes(tree: Path, distributions: Iterable[Distribution]) -> dict[str, int]:
    """Return the size of the files of each distribution.

    Args:
        tree: Folder with the installed distributions.
        distributions: Distributions in the folder.

    Returns:
        Bytes by name of the distribution.
    """
    return {
        item.name: sum(_size(tree / path) for path in item.files if _is_of_wheel(path))
        for item in distributions
    }


def _is_of_wheel(path: str) -> bool:
    # Files written by the installer contain paths of this machine, so their size differs.
    file = PurePosixPath(path)
    is_script = file.parts[0] == "bin" or ".." in file.parts
    return not is_script and file.name not in _RECORDS_OF_INSTALLATION


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def measure(
    distributions: Iterable[Distribution],
    installed: Mapping[str, int],
    entries: Iterable[Entry],
    owners: Mapping[str, str],
) -> list[Sizes]:
    """Return the size of each distribution in an archive.

    Args:
        distributions: Distributions in the archive.
        installed: Installed size in bytes, by name of the distribution.
        entries: Files of the archive.
        owners: Name of the distribution of each file, by path.

    Returns:
        Sizes, largest first.
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


def report(archive: Path, sizes: Sequence[Sizes], dropped: Sequence[Dropped]) -> dict[str, Any]:
    """Make the size report of an archive.

    Args:
        archive: Path of the archive.
        sizes: Sizes of its distributions.
        dropped: Files that are left out.

    Returns:
        The report as a JSON document.
    """
    return {
        "archive": archive.name,
        "bytes": archive.stat().st_size,
        "unpacked": sum(item.unpacked for item in sizes),
        "distributions": [asdict(item) for item in sizes],
        "dropped": [asdict(item) for item in dropped],
    }


def check_budget(archive: Path, name: str, sizes: Sequence[Sizes], budget: int | None) -> None:
    """Check that an archive does not exceed its budget.

    Args:
        archive: Path of the archive.
        name: Name of the archive, for error messages.
        sizes: Sizes of its distributions, largest first.
        budget: Maximum size in bytes, or `None`.

    Raises:
        LambdaBuildError: The archive is larger.
    """
    size = archive.stat().st_size
    if budget is None or size <= budget:
        return
    largest = "\n".join(
        f"  {item.name} {item.version}: {item.compressed}" for item in sizes[:_NAMED_IN_ERRORS]
    )
    message = (
        f"{name} is {size} bytes, {size - budget} more than `max-bytes` ({budget}). "
        f"Largest distributions, in compressed bytes:\n{largest}\n"
        f"Leave out unused distributions or files with `exclude-dependencies` or "
        f"`exclude-files`, or increase `max-bytes`."
    )
    raise LambdaBuildError(message)
