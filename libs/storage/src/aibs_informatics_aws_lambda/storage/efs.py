"""Paths on Amazon EFS file systems."""

from __future__ import annotations

import re
from pathlib import PurePath, PurePosixPath
from typing import ClassVar

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError

_SCHEME = "efs://"
_ID = r"fs-[0-9a-f]{8,40}"
_HOST = rf"({_ID})(?:\.efs\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)?"
_WITH_SCHEME = rf"{_SCHEME}{_HOST}(?::?(/.*)|:(.*)|)"
_WITHOUT_SCHEME = rf"{_HOST}:(.*)"


class EFSPath(CheckedText):
    """A path on an EFS file system.

    Accepted forms are ``efs://fs-ID:/a``, ``efs://fs-ID/a`` and ``fs-ID:/a``, each also with the
    DNS name of the file system instead of its ID. The text is kept as given. A path equals another
    one, and any text in one of these forms, if the file system IDs and paths are equal; its hash
    is that of the form ``fs-ID:/a``. Sets and dicts find paths in any form, and texts in that one.

    Raises:
        ValidationError: the text is not an EFS path.
    """

    __slots__ = ()

    json_schema: ClassVar = {"examples": ["efs://fs-0123456789abcdef0:/folder/file"]}

    @classmethod
    def _checked(cls, text: str) -> str:
        if not _match(text):
            raise ValidationError(
                f"{text!r} is not an EFS path: expected efs://fs-ID:/PATH, where ID has 8 to 40 "
                "hexadecimal digits"
            )
        return text

    @classmethod
    def build(cls, resource_id: str, path: str | PurePath = "/") -> EFSPath:
        """Return a path on a file system, in the form ``fs-ID:/a``.

        Args:
            resource_id: the ID or DNS name of the file system.
            path: the path; relative paths start at the root.

        Raises:
            ValidationError: ``resource_id`` is neither an ID nor a DNS name.
        """
        checked = cls(f"{resource_id}:{PurePosixPath('/', path)}")
        return cls(_canonical(checked))

    @property
    def file_system_id(self) -> str:
        """The ID of the file system, ``fs-...``."""
        return _parts(self)[0]

    @property
    def path(self) -> PurePosixPath:
        """The absolute path on the file system."""
        return _parts(self)[1]

    @property
    def raw_path(self) -> str:
        """The absolute path on the file system, as a string."""
        return str(self.path)

    @property
    def root(self) -> PurePosixPath:
        """The root directory of the file system."""
        return PurePosixPath("/")

    @property
    def name(self) -> str:
        """The last segment of the path; empty for the root."""
        return self.path.name

    @property
    def suffix(self) -> str:
        """The extension of the name, such as ``.csv``; empty without one."""
        return self.path.suffix

    @property
    def parent(self) -> EFSPath:
        """The parent directory; the root is its own parent."""
        return self._at(self.path.parent)

    def with_suffix(self, suffix: str) -> EFSPath:
        """Return this path with another extension, as `pathlib.PurePath.with_suffix` does.

        Raises:
            ValueError: the path is the root, or ``suffix`` is invalid.
        """
        return self._at(self.path.with_suffix(suffix))

    def as_uri(self) -> str:
        """Return ``efs://fs-ID:/a``."""
        return f"{_SCHEME}{_canonical(self)}"

    def as_dns_uri(self, region: str) -> str:
        """Return ``efs://fs-ID.efs.REGION.amazonaws.com:/a``."""
        return f"{_SCHEME}{self.file_system_id}.efs.{region}.amazonaws.com:{self.path}"

    def _at(self, path: PurePosixPath) -> EFSPath:
        return type(self)(f"{self.file_system_id}:{path}")

    def __truediv__(self, other: str | PurePath) -> EFSPath:
        if not isinstance(other, str | PurePath):
            return NotImplemented
        return self._at(self.path / _relative(other))

    def __floordiv__(self, other: str | PurePath) -> EFSPath:
        if not isinstance(other, str | PurePath):
            return NotImplemented
        return self._at(PurePosixPath("/", _relative(other)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return False
        if isinstance(other, EFSPath) or _match(other):
            return _canonical(self) == _canonical(other)
        return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(_canonical(self))


def _match(text: str) -> re.Match[str] | None:
    form = _WITH_SCHEME if text.startswith(_SCHEME) else _WITHOUT_SCHEME
    return re.fullmatch(form, text, re.DOTALL)


def _canonical(path: str) -> str:
    """Return the form ``fs-ID:/a`` of an EFS path."""
    file_system_id, location = _parts(path)
    return f"{file_system_id}:{location}"


def _relative(path: str | PurePath) -> str:
    """Return the path to append for a string, a path or the path of another EFS path."""
    text = str(path.path) if isinstance(path, EFSPath) else str(path)
    return text.lstrip("/")


def _parts(path: str) -> tuple[str, PurePosixPath]:
    match = _match(path)
    file_system_id, *rest = match.groups() if match else ("",)
    # POSIX gives two leading slashes a meaning of their own (POSIX.1-2017, 4.13).
    return file_system_id, PurePosixPath("/" + next(filter(None, rest), "").lstrip("/"))
