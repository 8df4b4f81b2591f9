from __future__ import annotations

from email import message_from_bytes
from email.mime.text import MIMEText
from email.policy import default

import pytest
from aibs_informatics_aws_lambda.handlers.notifications.mime import AttachedFile, attach, compose
from hypothesis import given, strategies as st

# Line breaks become those of the reader, and other control characters are no text.
words = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]))


def sent(*args, files=(), **kwargs):
    """Compose an email and read it as an email client does."""
    message = compose("from@x.org", ["a@x.org", "b@x.org"], *args, **kwargs)
    for file in files:
        attach(message, file)
    content = message.as_bytes()
    assert content.isascii()
    assert all(len(line) < 998 for line in content.split(b"\r\n"))
    return message_from_bytes(content, policy=default)


def text_of(part):
    """Return a text with the line endings that an email client shows."""
    return part.get_content().replace("\r\n", "\n").removesuffix("\n")


@given(words, words, words)
def test_any_text_survives_a_round_trip(subject, text, html):
    message = sent(subject, text, html)

    plain, rich = message.iter_parts()
    assert text_of(plain) == text
    assert text_of(rich) == html
    assert message["Subject"] == subject


def test_a_text_body_alone_is_not_multipart():
    message = sent("Grüße", "wörld " * 500)

    assert message["Subject"] == "Grüße"
    assert message["From"] == "from@x.org"
    assert message["To"] == "a@x.org, b@x.org"
    assert (message.get_content_type(), message.get_content_charset()) == ("text/plain", "utf-8")
    assert text_of(message) == "wörld " * 500


def test_a_text_part_of_any_subtype_can_be_the_body():
    message = sent("S", MIMEText("<b>ü</b>", "html", "utf-8"))

    assert (message.get_content_type(), text_of(message)) == ("text/html", "<b>ü</b>")


@pytest.mark.parametrize("subject", ["a\nb", "a\r\nBcc: c@x.org"])
def test_a_subject_cannot_inject_headers(subject):
    with pytest.raises(ValueError, match="line break"):
        sent(subject, "text")


@pytest.mark.parametrize(
    ("name", "told", "content_type"),
    [
        ("report.pdf", "", "application/pdf"),
        ("report.pdf", "binary/octet-stream", "application/pdf"),
        ("report.pdf", "application/x-own", "application/x-own"),
        ("report.tar.gz", "", "application/octet-stream"),
        ("report", "", "application/octet-stream"),
        ("report", "garbage", "application/octet-stream"),
        ("mail.eml", "message/rfc822", "application/octet-stream"),
    ],
)
def test_the_media_type_is_the_given_one_or_guessed_from_the_name(name, told, content_type):
    message = sent("S", "text", files=[AttachedFile(name, b"\x00\xff", told)])

    (file,) = message.iter_attachments()
    assert file.get_content_type() == content_type
    assert file.get_filename() == name
    assert file.get_content() == b"\x00\xff"


def test_parameters_of_the_media_type_are_kept():
    file = AttachedFile("tâble.csv", "ä,b\n".encode("latin-1"), "text/csv; charset=iso-8859-1")

    (arrived,) = sent("S", "text", files=[file]).iter_attachments()

    assert arrived.get_filename() == "tâble.csv"
    assert arrived.get_content() == "ä,b\n"


def test_every_address_header_is_folded_between_addresses():
    recipients = [f"{'x' * 60}{number}@example.org" for number in range(50)]

    message = compose(
        "from@x.org",
        recipients,
        "S",
        "text",
        copies=["c@x.org", "d@x.org"],
        reply_to=["r@x.org"],
        headers={"X-Test": "1"},
    )
    parsed = message_from_bytes(message.as_bytes(), policy=default)

    assert [address.addr_spec for address in parsed["To"].addresses] == recipients
    assert parsed["Cc"] == "c@x.org, d@x.org"
    assert (parsed["Reply-To"], parsed["X-Test"]) == ("r@x.org", "1")
    assert "Bcc" not in parsed


@given(words.map(str.strip).filter(bool))
def test_file_names_in_any_script_survive(name):
    (file,) = sent("S", "text", files=[AttachedFile(name, b"1")]).iter_attachments()

    assert file.get_filename() == name


@pytest.mark.parametrize("field", ["source", "recipients", "copies", "reply_to"])
def test_a_mailbox_cannot_inject_headers(field):
    fields = {
        "source": "from@x.org",
        "recipients": ["a@x.org"],
        field: ["a@x.org\r\nBcc: b@x.org"],
    }
    if field == "source":
        fields["source"] = "from@x.org\r\nBcc: b@x.org"

    with pytest.raises(ValueError, match="linefeed"):
        compose(subject="S", text="text", **fields)


def test_display_names_of_mailboxes_are_encoded():
    message = compose("Zoë <from@x.org>", ["Ann <a@x.org>", "Änn <b@x.org>"], "S", "text")
    parsed = message_from_bytes(message.as_bytes(), policy=default)

    assert parsed["From"] == "Zoë <from@x.org>"
    assert [address.display_name for address in parsed["To"].addresses] == ["Ann", "Änn"]
