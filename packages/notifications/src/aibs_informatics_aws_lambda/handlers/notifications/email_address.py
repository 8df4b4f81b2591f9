"""Email addresses."""

import re
from typing import ClassVar

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError

_ADDRESS = re.compile(r"\S+@\S+")
_SEVERAL = re.compile(r"@[^@\"]*[,;].*@")


class EmailAddress(CheckedText):
    """A bare email address: ``local-part@domain`` without whitespace.

    The delivering service decides whether the mailbox name is valid. Display names
    (``Ann <ann@example.org>``) and several addresses in one string are rejected.

    Raises:
        ValidationError: not an email address; the message does not repeat the value.
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
                "not an email address such as ann@example.org (no whitespace, no display name)"
            )
        if _SEVERAL.search(text):
            raise ValidationError(
                "several email addresses in one string; pass them as a list of strings"
            )
        return text

    @property
    def domain(self) -> str:
        """The part after the last ``@``."""
        return self.rpartition("@")[2]

    def to_ascii(self) -> str:
        """Return the address with its domain in Punycode, as email headers require.

        Raises:
            ValidationError: the part before the ``@`` is not ASCII, which SES does not support, or
                the domain is not a valid internationalized domain name.
        """
        if self.isascii():
            return str(self)
        local_part = self.rpartition("@")[0]
        if not local_part.isascii():
            raise ValidationError(
                "an email address has non-ASCII characters before the @, not supported by SES"
            )
        return f"{local_part}@{_to_punycode(self.domain)}"


def _to_punycode(domain: str) -> str:
    # Imported here: few domains need it.
    from unicodedata import normalize

    import idna

    try:
        return idna.encode(normalize("NFC", domain.lower())).decode()
    except idna.IDNAError as error:
        raise ValidationError(
            f"an email address has an invalid internationalized domain name: {error}"
        ) from None
