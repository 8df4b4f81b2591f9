from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.notifications.email_address import EmailAddress
from hypothesis import given, strategies as st


@pytest.mark.parametrize(
    "text", ["ann@example.org", "a@b", "ünï@cödé.org", "a+b@x.org", '"a,b"@x.org', "a@b@c"]
)
def test_bare_addresses_are_kept_as_they_are(text):
    assert EmailAddress(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "ann", "@example.org", "ann@", "ann@example.org\n", " ann@example.org"),
        *("Ann <ann@example.org>", "ann@example.org, bob@example.org"),
    ],
)
def test_an_invalid_address_is_rejected_without_repeating_it(text):
    with pytest.raises(ValidationError, match="not an email address") as refused:
        EmailAddress(text)

    assert "Ann <" not in str(refused.value)


@pytest.mark.parametrize("text", ["a@x.org,b@x.org", "a@x.org;b@x.org"])
def test_several_addresses_in_one_string_are_rejected(text):
    with pytest.raises(ValidationError, match="several email addresses"):
        EmailAddress(text)


@given(st.text())
def test_an_address_has_an_at_sign_and_no_whitespace(text):
    if EmailAddress.is_valid(text):
        assert "@" in text[1:-1]
        assert not any(character.isspace() for character in text)


def test_domain_is_the_part_after_the_last_at_sign():
    assert EmailAddress('"a@b"@example.org').domain == "example.org"


@pytest.mark.parametrize(
    ("address", "ascii_address"),
    [
        ("ann@example.org", "ann@example.org"),
        ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example"),
        ("ann@BU\u0308CHER.example", "ann@xn--bcher-kva.example"),
        ("ann@stra\u00dfe.example", "ann@xn--strae-oqa.example"),
        ("ann@\u4f8b\u3048.\u30c6\u30b9\u30c8", "ann@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_internationalized_domains_are_converted_to_punycode(address, ascii_address):
    assert EmailAddress(address).to_ascii() == ascii_address


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("\u00e4nn@example.org", "non-ASCII characters before the @"),
        ("ann@\u2603.example", "invalid internationalized domain name"),
        ("ann@-\u00fc.example", "invalid internationalized domain name"),
    ],
)
def test_an_address_that_cannot_be_converted_is_an_error(address, reason):
    with pytest.raises(ValidationError, match=reason):
        EmailAddress(address).to_ascii()
