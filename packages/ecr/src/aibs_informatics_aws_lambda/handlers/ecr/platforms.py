"""Platforms that an image is built for, and the choice of some of them."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError

_PLATFORM = re.compile(r"[a-z0-9_.-]+(/[a-z0-9_.-]+){1,2}")
# The variants that an architecture has where none is named, as in containerd's `platforms`.
_USUAL_VARIANTS = {"arm64": "v8", "arm": "v7"}


class Platform(CheckedText):
    """``OS/ARCHITECTURE[/VARIANT]``, such as ``linux/amd64`` or ``linux/arm/v7``.

    Raises:
        ValidationError: the text has another form.
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
        """Return the platform that an index entry or an image's config states, if it does.

        Attestations state ``unknown/unknown``, which is none.
        """
        if not isinstance(document, dict) or document.get("os") in (None, "unknown"):
            return None
        parts = [document.get(name) for name in ("os", "architecture", "variant")]
        text = "/".join(part for part in parts if isinstance(part, str) and part)
        return cls(text) if cls.is_valid(text) else None

    def allows(self, found: Platform | None) -> bool:
        """Tell whether an image for ``found`` is one for this platform.

        Without a variant, this platform allows every one.
        """
        if found is None:
            return False
        wanted, there = self.split("/"), found.split("/")
        if wanted[:2] != there[:2]:
            return False
        return len(wanted) == 2 or wanted[2] == _variant(there)

    def __str__(self) -> str:
        return str.__str__(self)


def _variant(parts: list[str]) -> str | None:
    return parts[2] if len(parts) > 2 else _USUAL_VARIANTS.get(parts[1])
