from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.handlers.notifications.content import NotificationContent
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.model import SESEmailTarget
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.ses import SESNotifier

PNG = b"\x89PNG\r\n\x1a\n\x00\x01\xff"


def content(**fields):
    return NotificationContent.from_dict({"subject": "Größe", "message": "Grüße\n", **fields})


def send(notification, *recipients):
    return SESNotifier().notify(notification, SESEmailTarget(recipients=list(recipients)))


def reasons(result):
    assert not result.success
    return result.response


def test_one_email_goes_to_all_recipients_at_once(mail):
    result = send(content(), "b@x.org", "a@x.org")

    (sent,) = mail.simple
    assert result.success
    assert result.target.recipients == ["a@x.org", "b@x.org"]
    assert sent["source"] == "from@example.org"
    assert sent["destinations"]["ToAddresses"] == ["a@x.org", "b@x.org"]
    assert (sent["subject"], sent["body"]) == ("Größe", "Grüße\n")


def test_response_is_the_answer_of_ses_as_json_text(mail):
    answer = json.loads(send(content(), "a@x.org").response)

    assert answer["MessageId"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_charset_is_told_of_every_text(stand_in):
    send(content(message="<p>Grüße</p>", content_type="html"), "a@x.org")

    (request,) = stand_in.requests
    assert request["Message.Subject.Charset"] == "UTF-8"
    assert request["Message.Body.Html.Charset"] == "UTF-8"
    assert request["Message.Body.Text.Charset"] == "UTF-8"


@pytest.mark.parametrize("content_type", ["text/plain", "json"])
def test_text_is_sent_as_text_alone(stand_in, content_type):
    send(content(message="<p>", content_type=content_type), "a@x.org")

    (request,) = stand_in.requests
    assert request["Message.Body.Text.Data"] == "<p>"
    assert "Message.Body.Html.Data" not in request


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Done: see (https://x.org/)"),
        ({"plain_text": "Done."}, "Done."),
        ({"plain_text": ""}, ""),
    ],
)
def test_html_comes_with_a_text_for_readers_that_show_none(stand_in, fields, text):
    html = '<p>Done: <a href="https://x.org/">see</a></p>'

    send(content(message=html, content_type="html", **fields), "a@x.org")

    (request,) = stand_in.requests
    assert request["Message.Body.Html.Data"] == html
    assert request["Message.Body.Text.Data"] == text


def test_mail_program_reads_text_html_and_attachments(aws, mail):
    bucket = aws.make_bucket()
    attachments = [
        aws.put(bucket, "plots/Übersicht 1.png", PNG),
        {"path": aws.put(bucket, "raw", b"a,b\n1,2\n"), "filename": "t.csv"},
        {"path": aws.put(bucket, "more", b"{}"), "content_type": "application/json"},
    ]
    html = "<p>Grüße</p>"

    result = send(
        content(message=html, content_type="html", attachments=attachments), "a@x.org", "b@x.org"
    )

    (message,) = mail.raw
    assert result.success
    assert message["Subject"] == "Größe"
    assert message["From"] == "from@example.org"
    assert message["To"] == "a@x.org, b@x.org"
    assert message.get_body(["html"]).get_content().strip() == html
    assert message.get_body(["plain"]).get_content().strip() == "Grüße"
    files = [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in message.iter_attachments()
    ]
    assert files == [
        ("Übersicht 1.png", "image/png", PNG),
        ("t.csv", "text/csv", b"a,b\n1,2\n"),
        ("more", "application/json", b"{}"),
    ]


def test_attachment_that_is_missing_is_named_and_nothing_is_sent(aws, mail):
    aws.make_bucket()

    result = send(content(attachments=["s3://bucket/missing.pdf"]), "a@x.org")

    assert "s3://bucket/missing.pdf" in reasons(result)
    assert mail.raw == []


def test_attachments_too_large_for_an_email_are_not_even_read(aws, mail):
    uri = aws.put(aws.make_bucket(), "large.bin", bytes(8 * 1024 * 1024))

    assert "send links to them instead" in reasons(send(content(attachments=[uri]), "a@x.org"))
    assert mail.raw == []


def test_subject_that_no_header_can_hold_is_a_failed_result(aws, mail):
    uri = aws.put(aws.make_bucket(), "a.txt", b"a")

    result = send(content(subject="Hello\nBcc: c@x.org", attachments=[uri]), "a@x.org")

    assert not result.success
    assert mail.raw == []


def test_email_to_nobody_is_a_failed_result(mail):
    assert "no recipients" in reasons(send(content()))
    assert mail.simple == []


@pytest.mark.parametrize("source", [None, "", "nobody", "Ann <a@x.org>"])
def test_missing_or_bad_sender_is_a_failed_result_that_names_the_variable(
    mail, monkeypatch, source
):
    monkeypatch.delenv("SOURCE_EMAIL_ADDRESS")
    if source is not None:
        monkeypatch.setenv("SOURCE_EMAIL_ADDRESS", source)

    assert "SOURCE_EMAIL_ADDRESS" in reasons(send(content(), "a@x.org"))
    assert mail.simple == []


def test_refusal_tells_the_code_of_ses_and_nothing_of_the_message(aws, monkeypatch):
    monkeypatch.setenv("SOURCE_EMAIL_ADDRESS", "unverified@example.org")

    reason = reasons(send(content(message="secret words"), "a@x.org"))

    assert "MessageRejected" in reason
    assert "secret" not in reason


def test_more_than_fifty_recipients_are_refused_by_ses(mail):
    assert send(content(), *(f"{n}@x.org" for n in range(50))).success
    assert not send(content(), *(f"{n}@x.org" for n in range(51))).success


def test_denied_permission_is_named(stand_in):
    stand_in.answers.append((403, "AccessDenied", "User is not authorized"))

    assert "ses:SendEmail" in reasons(send(content(), "a@x.org"))
