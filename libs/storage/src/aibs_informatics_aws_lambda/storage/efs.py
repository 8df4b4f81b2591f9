"""Paths on Amazon EFS file systems."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import ClassVar

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError

_SCHEME = "efs://"
_ID = r"fs-[0-9a-f]{8,40}"
_HOST = rf"({_ID})(?:\.efs\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)?"
_WITH_SCHEME = re.compile(rf"{_SCHEME}{_HOST}(?::?(/.*)|:(.*)|)", re.DOTALL)
_WITHOUT_SCHEME = re.compile(rf"{_HOST}:(.*)", re.DOTALL)


class EFSPath(CheckedText):
    """A path on an EFS file system.

    Accepted forms are ``efs://fs-ID:/a``, ``efs://fs-ID/a`` and ``fs-ID:/a``, each also with the
    DNS name of the file system instead of its ID. The text is kept as given; two paths are equal
    if their file system IDs and paths are equal.

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
    def build(cls, file_system_id: str, path: str | PurePosixPath = "/") -> EFSPath:
        """Return a path on a file system."""
        return cls(f"{_SCHEME}{file_system_id}:{PurePosixPath('/', path)}")

    @property
    def file_system_id(self) -> str:
        """The ID of the file system, ``fs-...``."""
        return _parts(self)[0]

    @property
    def path(self) -> PurePosixPath:
        """The absolute path on the file system."""
        return _parts(self)[1]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, EFSPath):
            return _parts(self) == _parts(other)
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(_parts(self))


def _match(text: str) -> re.Match[str] | None:
    return _WITH_SCHEME.fullmatch(text) or _WITHOUT_SCHEME.fullmatch(text)


def _parts(path: EFSPath) -> tuple[str, PurePosixPath]:
    match = _match(path)
    file_system_id, *rest = match.groups() if match else ("",)
    # POSIX gives two leading slashes a meaning of their own (POSIX.1-2017, 4.13).
    return file_system_id, PurePosixPath("/" + next(filter(None, rest), "").lstrip("/"))
