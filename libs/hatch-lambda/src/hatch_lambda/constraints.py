"""Read a constraints file with pinned and hashed versions, and enforce it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from .errors import LambdaBuildError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HASH = re.compile(r"--hash[=\s]+sha256:([0-9a-f]{64})")
_RENEW = "Renew it with `python -m hatch_lambda.lock`"


@dataclass(frozen=True)
class Pin:
    """A pinned distribution.

    Attributes:
        requirement: Name and version.
        hashes: SHA-256 hashes of its files.
    """

    requirement: Requirement
    hashes: frozenset[str]


def read_pins(text: str) -> dict[str, list[Pin]]:
    """Parse a constraints file.

    Args:
        text: Content of the file, as written by `uv pip compile --generate-hashes` or pip-tools.

    Returns:
        Pins by normalized name; several where the version depends on the platform.

    Raises:
        LambdaBuildError: A line is not a valid requirement.
    """
    pins: dict[str, list[Pin]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        specification = re.split(r"\s+#|^#|\s--hash", line, maxsplit=1)[0].strip()
        if not specification or specification.startswith("-"):
            continue
        try:
            requirement = Requirement(specification)
        except InvalidRequirement as error:
            message = f"Invalid requirement in the constraints: `{line}`. {error}"
            raise LambdaBuildError(message) from error
        pin = Pin(requirement, frozenset(_HASH.findall(line)))
        pins.setdefault(canonicalize_name(requirement.name), []).append(pin)
    return pins


def pinned_hashes(
    name: str,
    version: str,
    hashes: Mapping[str, str],
    pins: Mapping[str, Sequence[Pin]],
    file_name: str,
) -> Mapping[str, str]:
    """Return the hashes that the constraints allow for a distribution.

    Args:
        name: Normalized name of the distribution.
        version: Its version.
        hashes: File names by SHA-256, from the package index; may be empty.
        pins: Pins of the constraints file.
        file_name: Name of the constraints file, for error messages.

    Returns:
        File names by SHA-256: the hashes in both; those of the constraints if the index has none.

    Raises:
        LambdaBuildError: The distribution is not pinned, or no hash matches.
    """
    pinned = {
        digest
        for pin in pins.get(name, ())
        if _is_exact(pin.requirement)
        and pin.requirement.specifier.contains(version, prereleases=True)
        for digest in pin.hashes
    }
    if not pinned:
        message = f"`{file_name}` does not pin `{name}=={version}` with a hash. {_RENEW}."
        raise LambdaBuildError(message)
    common = {digest: file for digest, file in hashes.items() if digest in pinned}
    if hashes and not common:
        message = (
            f"The hash of `{name}` {version} on the package index does not match `{file_name}`: "
            f"either the file or the release has changed. {_RENEW} once you know which."
        )
        raise LambdaBuildError(message)
    return common or dict.fromkeys(sorted(pinned), "")


def _is_exact(requirement: Requirement) -> bool:
    return any(specifier.operator in ("==", "===") for specifier in requirement.specifier)
