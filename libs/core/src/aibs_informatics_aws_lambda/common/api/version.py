"""Versions of API clients."""

import re
from dataclasses import dataclass
from typing import ClassVar

from ..checked_text import CheckedText
from ..exceptions import ValidationError

_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\*|\d+))?", re.ASCII)


@dataclass(frozen=True)
class Version:
    """The numbers of a version; a missing number counts as 0 in comparisons."""

    major_version: int
    minor_version: int | None = None
    revision: int | None = None

    @property
    def numbers(self) -> tuple[int, int, int]:
        """The three numbers that are compared."""
        return self.major_version, self.minor_version or 0, self.revision or 0


class VersionStr(CheckedText):
    """A version of up to three numbers, ``v?N[.N][.N|.*]``, compared number by number.

    A part that is missing or ``*`` counts as 0: ``1``, ``v1.0`` and ``1.*`` are equal. Other
    strings are compared as versions; a string that is not a version is unequal to every version,
    and ordering against it raises `ValidationError`.

    Raises:
        ValidationError: the text is not a version.
    """

    __slots__ = ()

    json_schema: ClassVar = {"pattern": f"^{_VERSION.pattern}$", "examples": ["1.4.0"]}

    @classmethod
    def _checked(cls, text: str) -> str:
        if not _VERSION.fullmatch(text):
            raise ValidationError(
                f"{text!r} is not a version: expected up to three numbers such as 1.4.0 or v2.*"
            )
        return text

    @property
    def version(self) -> Version:
        """The numbers of this version."""
        major, *others = self.removeprefix("v").split(".")
        if others and others[-1] == "*":
            del others[-1]
        return Version(int(major), *map(int, others))

    @property
    def major_version(self) -> int:
        """The first number."""
        return self.version.major_version

    @property
    def minor_version(self) -> int | None:
        """The second number, if there is one."""
        return self.version.minor_version

    @property
    def revision(self) -> int | None:
        """The third number, if there is one."""
        return self.version.revision

    # `str` defines all six comparisons, so each of them is overridden.

    def __eq__(self, other: object) -> bool:
        return self.is_valid(other) and _numbers(self) == _numbers(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: str) -> bool:
        return _numbers(self) < _numbers(other)

    def __le__(self, other: str) -> bool:
        return _numbers(self) <= _numbers(other)

    def __gt__(self, other: str) -> bool:
        return _numbers(self) > _numbers(other)

    def __ge__(self, other: str) -> bool:
        return _numbers(self) >= _numbers(other)

    def __hash__(self) -> int:
        return hash(_numbers(self))


def _numbers(text: object) -> tuple[int, int, int]:
    return (text if isinstance(text, VersionStr) else VersionStr(str(text))).version.numbers
