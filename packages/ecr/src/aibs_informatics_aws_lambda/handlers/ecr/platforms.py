"""Platforms of images."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError

_PLATFORM = re.compile(r"[a-z0-9_.-]+(/[a-z0-9_.-]+){1,2}")
# The default variants of containerd's `platforms` package.
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}


class Platform(CheckedText):
    """``OS/ARCHITECTURE[/VARIANT]``, such as ``linux/amd64`` or ``linux/arm/v7``.

    Raises:
        ValidationError: the text is not a platform.
    """

    __slots__ = ()

    json_schema: ClassVar = {
        "pattern": f"^{_PLATFORM.pattern}$",
        "examples": ["linux/amd64", "linux/arm64"],
    }

    @classmethod
    def _checked(cls, text: str) -> str:
        if not _PLATFORM.fullmatch(text):
            raise ValidationError(
                f"{text!r} is not a platform: expected OS/ARCHITECTURE or "
                "OS/ARCHITECTURE/VARIANT, such as linux/arm64"
            )
        return text

    @classmethod
    def of(cls, document: Any) -> Platform | None:
        """Return the platform in an index descriptor or image config; `None` if there is none.

        ``unknown/unknown``, the platform of attestations, counts as none.
        """
        if not isinstance(document, dict) or document.get("os") in (None, "unknown"):
            return None
        parts = [document.get(name) for name in ("os", "architecture", "variant")]
        text = "/".join(part for part in parts if isinstance(part, str) and part)
        return cls(text) if cls.is_valid(text) else None

    def matches(self, found: Platform | None) -> bool:
        """Return whether an image for ``found`` matches this platform.

        Without a variant, this platform matches every variant.
        """
        if found is None:
            return False
        wanted, given = self.split("/"), found.split("/")
        if wanted[:2] != given[:2]:
            return False
        return len(wanted) == 2 or wanted[2] == _variant(given)

    def __str__(self) -> str:
        return str.__str__(self)


def _variant(parts: list[str]) -> str | None:
    return parts[2] if len(parts) > 2 else _DEFAULT_VARIANTS.get(parts[1])
