"""The Lambda platforms that archives can be built for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.requirements import Requirement

RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
ARCHITECTURES = ("arm64", "x86_64")

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}

# python3.11 runs on Amazon Linux 2 with glibc 2.26; the newest manylinux tag in use that it can
# load is 2_17. Later runtimes run on Amazon Linux 2023 with glibc 2.34.
_GLIBC = {"python3.11": "2_17"}
_GLIBC_OF_LATER_RUNTIMES = "2_34"


@dataclass(frozen=True)
class Platform:
    """A Lambda runtime on an architecture.

    Attributes:
        runtime: Identifier of the Lambda runtime, such as `python3.13`.
        architecture: Instruction set architecture, `arm64` or `x86_64`.
    """

    runtime: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.runtime}-{self.architecture}"

    @property
    def python_version(self) -> str:
        """Minor version of Python, such as `3.13`."""
        return self.runtime.removeprefix("python")

    @property
    def uv_platform(self) -> str:
        """Value for `uv --python-platform`."""
        glibc = _GLIBC.get(self.runtime, _GLIBC_OF_LATER_RUNTIMES)
        return f"{_MACHINES[self.architecture]}-manylinux_{glibc}"

    def applies(self, requirement: Requirement, extras: Iterable[str]) -> bool:
        """Return whether a requirement applies on this platform.

        Args:
            requirement: Requirement of a distribution.
            extras: Requested extras of that distribution.

        Returns:
            Whether the environment marker of the requirement is true; true without a marker.
        """
        marker = requirement.marker
        if marker is None:
            return True
        environment = self._marker_environment()
        return any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras))

    def _marker_environment(self) -> dict[str, str]:
        # The patch release is unknown; uv also assumes the first one of the minor version.
        full_version = f"{self.python_version}.0"
        return {
            "implementation_name": "cpython",
            "implementation_version": full_version,
            "os_name": "posix",
            "platform_machine": _MACHINES[self.architecture],
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full_version,
            "python_version": self.python_version,
            "sys_platform": "linux",
        }


PLATFORMS = {
    str(platform): platform
    for platform in (
        Platform(runtime, architecture) for runtime in RUNTIMES for architecture in ARCHITECTURES
    )
}
