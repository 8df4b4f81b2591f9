"""Email addresses."""

from __future__ import annotations

import re
from typing import ClassVar

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError

_ADDRESS = re.compile(r"\S+@\S+")
_SEVERAL = re.compile(r"@[^@\"]*[,;].*@")


class EmailAddress(CheckedText):
    """A bare email address: something, an ``@``, something, and no blanks.

    Whether a mailbox can have this name is up to the service that delivers. Display names
    (``Ann <ann@example.org>``) and several addresses in one text are refused.

    Raises:
        ValidationError: the text is no such address; the message does not repeat it.
    """

    __slots__ = ()

    json_schema: ClassVar = {
        "pattern": rf"^{_ADDRESS.pattern}$",
        "examples": ["ann@example.org"],
    }

    @classmethod
    def _checked(cls, text: str) -> str:
        if not _ADDRESS.fullmatch(text):
            raise ValidationError(
                "not an email address such as ann@example.org, without blanks or a display name"
            )
        if _SEVERAL.search(text):
            raise ValidationError("several email addresses in one text: give each on its own")
        return text

    @property
    def domain(self) -> str:
        """What comes after the last ``@``."""
        return self.rpartition("@")[2]
