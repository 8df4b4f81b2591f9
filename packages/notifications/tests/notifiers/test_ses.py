from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.notifications.model import NotificationContent
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.model import SESEmailTarget
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.ses import SESNotifier

TO_TWO = SESEmailTarget(recipients=["ann@example.org", "bob@example.org"])
HTML = "<p>All <b>12</b> steps are <a href='https://x.org'>done</a>, Zoë.</p>"


def content(message="text", **fields):
    return NotificationContent.from_dict({"subject": "Grüße", "message": message, **fields})


def notify(content, target=TO_TWO):
    return SESNotifier().notify(content=content, target=target)


def text_of(part):
    return part.get_content().replace("\r\n", "\n").strip()


def test_an_email_is_one_request_with_all_recipients_in_utf_8(mock_service):
    result = notify(content("wörld\n"))

    (request,) = mock_service.requests
    assert result.success
    assert request == {
        "Action": "SendEmail",
        "Version": "2010-12-01",
        "Source": "from@example.org",
        "Destination.ToAddresses.member.1": "ann@example.org",
        "Destination.ToAddresses.member.2": "bob@example.org",
        "Message.Subject.Data": "Grüße",
        "Message.Subject.Charset": "UTF-8",
        "Message.Body.Text.Data": "wörld\n",
        "Message.Body.Text.Charset": "UTF-8",
    }


@pytest.mark.parametrize(
    ("fields", "plain"),
    [({}, "All 12 steps are done (https://x.org), Zoë."), ({"plain_text": "Done."}, "Done.")],
)
def test_html_has_a_plain_text_alternative(mock_service, fields, plain):
    notify(content(HTML, content_type="html", **fields))

    (request,) = mock_service.requests
    bodies = {key: value for key, value in request.items() if ".Body." in key}
    assert bodies == {
        "Message.Body.Html.Data": HTML,
        "Message.Body.Html.Charset": "UTF-8",
        "Message.Body.Text.Data": plain,
        "Message.Body.Text.Charset": "UTF-8",
    }


def test_json_is_sent_as_text(mail):
    notify(content('{"steps": 12}', content_type="json"))

    (sent,) = mail.simple
    assert (sent["subject"], sent["body"]) == ("Grüße", '{"steps": 12}')


def test_attachments_from_s3_are_shown_by_email_clients(aws, mail):
    aws.make_bucket()
    aws.put("bucket", "runs/7/report.pdf", b"%PDF\x00\xff")
    aws.client("s3").put_object(
        Bucket="bucket",
        Key="table",
        Body="a,ä\n".encode("latin-1"),
        ContentType="text/csv; charset=latin-1",
    )
    attachments = [
        "s3://bucket/runs/7/report.pdf",
        {"path": "s3://bucket/table", "filename": "Übersicht.csv"},
    ]

    assert notify(content(HTML, content_type="html", attachments=attachments)).success

    (message,) = mail.raw
    assert message["Subject"] == "Grüße"
    assert message["From"] == "from@example.org"
    assert message["To"] == "ann@example.org, bob@example.org"
    plain = message.get_body(["plain"])
    rich = message.get_body(["html"])
    assert text_of(plain) == "All 12 steps are done (https://x.org), Zoë."
    assert text_of(rich) == HTML
    assert {plain.get_content_charset(), rich.get_content_charset()} == {"utf-8"}
    report, table = message.iter_attachments()
    assert (report.get_content_type(), report.get_filename()) == ("application/pdf", "report.pdf")
    assert report.get_content() == b"%PDF\x00\xff"
    assert (table.get_content_type(), table.get_filename()) == ("text/csv", "Übersicht.csv")
    assert table.get_content() == "a,ä\n"


def test_a_missing_attachment_is_a_failed_result_that_names_it(aws, mail):
    aws.make_bucket()

    result = notify(content(attachments=["s3://bucket/absent.pdf"]))

    assert not result.success
    assert "s3://bucket/absent.pdf" in result.response
    assert mail.raw == mail.simple == []


def test_attachments_above_the_limit_are_not_downloaded(aws, mail):
    aws.make_bucket()
    aws.put("bucket", "large.bin", bytes(8_000_000))

    result = notify(content(attachments=["s3://bucket/large.bin"]))

    assert not result.success
    assert "more than the 10485760" in result.response
    assert mail.raw == []


def test_a_subject_with_a_line_break_cannot_add_headers(aws, mail):
    aws.make_bucket()
    attachment = aws.put("bucket", "a.txt", "a")
    broken = NotificationContent(
        subject="S\nBcc: c@x.org", message="m", attachments=[{"path": attachment}]
    )

    result = notify(broken)

    assert not result.success
    assert "line break" in result.response
    assert mail.raw == []


@pytest.mark.parametrize("address", [None, "", "nobody", "Ann <ann@example.org>"])
def test_there_is_no_default_sender(mail, monkeypatch, address):
    monkeypatch.delenv("SOURCE_EMAIL_ADDRESS")
    if address is not None:
        monkeypatch.setenv("SOURCE_EMAIL_ADDRESS", address)

    result = notify(content())

    assert not result.success
    assert "SOURCE_EMAIL_ADDRESS" in result.response
    assert mail.simple == []


def test_an_email_without_recipients_is_not_sent(mail):
    result = notify(content(), SESEmailTarget(recipients=[]))

    assert (result.success, "no recipients" in result.response) == (False, True)
    assert mail.simple == []


def test_more_than_50_recipients_are_a_failed_result(mail):
    many = SESEmailTarget(recipients=[f"a{number}@example.org" for number in range(51)])

    result = notify(content(), many)

    assert (result.success, "Too many recipients" in result.response) == (False, True)
    assert mail.simple == []


def test_a_failed_result_has_the_code_and_message_of_ses_but_not_the_content(mail, monkeypatch):
    monkeypatch.setenv("SOURCE_EMAIL_ADDRESS", "unknown@example.org")

    result = notify(content("private text"))

    assert not result.success
    assert "MessageRejected" in result.response
    assert "not verified" in result.response
    assert "private" not in result.response


def test_an_unreachable_service_is_a_failed_result(mail, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("time.sleep", lambda _: None)

    result = notify(content())

    assert (result.success, "Could not connect" in result.response) == (False, True)


def test_missing_credentials_are_a_failed_result(monkeypatch):
    monkeypatch.setenv("SOURCE_EMAIL_ADDRESS", "from@example.org")
    monkeypatch.setenv("AWS_REGION", "us-west-2")

    result = notify(content())

    assert (result.success, "credentials" in result.response) == (False, True)


def test_throttling_is_retried_longer_than_boto3_does(mock_service, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    mock_service.responses = [(400, "Throttling", "Maximum sending rate exceeded.")] * 8

    assert notify(content()).success
    assert len(mock_service.requests) == 9


def test_an_exceeded_daily_quota_is_not_retried(mock_service, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    mock_service.responses = [(400, "Throttling", "Daily message quota exceeded.")] * 20

    result = notify(content())

    assert (result.success, "Daily message quota" in result.response) == (False, True)
    assert len(mock_service.requests) == 6


def test_a_denied_permission_is_named(mock_service):
    mock_service.responses = [(403, "AccessDenied", "not authorized to perform ses:SendEmail")]

    result = notify(content())

    assert (result.success, "Grant ses:SendEmail" in result.response) == (False, True)


def members(request, prefix):
    """Return the values of a list in a request, in order."""
    return [value for key, value in request.items() if key.startswith(f"{prefix}.member.")]


def test_options_of_the_email_are_passed_to_ses(mock_service):
    target = SESEmailTarget(
        recipients=["ann@example.org"],
        cc="cc@example.org",
        bcc=["b1@example.org", "b2@example.org"],
        reply_to=["reply@example.org"],
        configuration_set="events",
        tags={"run": "7"},
    )

    assert notify(content(), target).success

    (request,) = mock_service.requests
    assert request["Action"] == "SendEmail"
    assert members(request, "Destination.ToAddresses") == ["ann@example.org"]
    assert members(request, "Destination.CcAddresses") == ["cc@example.org"]
    assert members(request, "Destination.BccAddresses") == ["b1@example.org", "b2@example.org"]
    assert members(request, "ReplyToAddresses") == ["reply@example.org"]
    assert request["ConfigurationSetName"] == "events"
    assert (request["Tags.member.1.Name"], request["Tags.member.1.Value"]) == ("run", "7")


def test_an_email_can_have_recipients_in_bcc_only(mock_service):
    assert notify(content(), SESEmailTarget(recipients=[], bcc="b@example.org")).success

    (request,) = mock_service.requests
    assert members(request, "Destination.BccAddresses") == ["b@example.org"]
    assert members(request, "Destination.ToAddresses") == []


def test_an_unsubscribe_link_is_a_header_of_a_raw_email(mail):
    target = SESEmailTarget(
        recipients=["ann@example.org"],
        cc="cc@example.org",
        bcc="bcc@example.org",
        reply_to="reply@example.org",
        list_unsubscribe=["https://x.org/u?id=1", "mailto:u@x.org"],
    )

    assert notify(content(HTML, content_type="html"), target).success

    (message,) = mail.raw
    assert message["List-Unsubscribe"] == "<https://x.org/u?id=1>, <mailto:u@x.org>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (message["Cc"], message["Reply-To"]) == ("cc@example.org", "reply@example.org")
    assert "bcc@example.org" not in str(message)
    assert text_of(message.get_body("html")) == HTML


def test_a_mailto_link_is_not_a_one_click_link(mail):
    target = SESEmailTarget(recipients=["ann@example.org"], list_unsubscribe="mailto:u@x.org")

    notify(content(), target)

    assert "List-Unsubscribe-Post" not in mail.raw[0]


def test_a_template_of_ses_is_sent_by_api_version_2(mock_service):
    target = SESEmailTarget(
        recipients=["ann@example.org"],
        bcc="b@example.org",
        reply_to="reply@example.org",
        configuration_set="events",
        tags={"run": "7"},
        list_unsubscribe="https://x.org/u",
        template="finished",
        template_data={"steps": 12},
    )

    assert notify(content("text"), target).success

    (request,) = mock_service.requests
    template = request["Content"]["Template"]
    assert json.loads(template.pop("TemplateData")) == {
        "subject": "Grüße",
        "message": "text",
        "steps": 12,
    }
    assert request == {
        "FromEmailAddress": "from@example.org",
        "Destination": {"ToAddresses": ["ann@example.org"], "BccAddresses": ["b@example.org"]},
        "ReplyToAddresses": ["reply@example.org"],
        "ConfigurationSetName": "events",
        "EmailTags": [{"Name": "run", "Value": "7"}],
        "Content": {
            "Template": {
                "TemplateName": "finished",
                "Headers": [
                    {"Name": "List-Unsubscribe", "Value": "<https://x.org/u>"},
                    {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                ],
            }
        },
    }


def test_attachments_with_a_template_of_ses_are_a_failed_result(mock_service):
    target = SESEmailTarget(recipients=["ann@example.org"], template="finished")

    result = notify(content(attachments=["s3://bucket/a.pdf"]), target)

    assert "cannot be combined with a template" in result.response
    assert mock_service.requests == []


def test_internationalized_domains_are_sent_in_punycode(mock_service, monkeypatch):
    monkeypatch.setenv("SOURCE_EMAIL_ADDRESS", "from@bücher.example")
    target = SESEmailTarget(recipients=["ann@bücher.example"])

    result = notify(content(), target)

    (request,) = mock_service.requests
    assert request["Source"] == "from@xn--bcher-kva.example"
    assert members(request, "Destination.ToAddresses") == ["ann@xn--bcher-kva.example"]
    assert result.target.to_dict() == {"recipients": ["ann@bücher.example"]}


def test_a_non_ascii_mailbox_is_a_failed_result(mock_service):
    result = notify(content(), SESEmailTarget(recipients=["änn@example.org"]))

    assert "non-ASCII characters before the @" in result.response
    assert mock_service.requests == []


def test_the_sender_can_have_a_display_name(mock_service, monkeypatch):
    monkeypatch.setenv("SOURCE_EMAIL_NAME", "Zoë's pipeline")

    notify(content())

    (request,) = mock_service.requests
    assert request["Source"] == "=?utf-8?b?Wm/DqydzIHBpcGVsaW5l?= <from@example.org>"


@pytest.mark.parametrize(
    "fields",
    [
        {"cc": ["nobody"]},
        {"reply_to": 1},
        {"configuration_set": "two words"},
        {"tags": {"a": 1}},
        {"list_unsubscribe": ["http://x.org"]},
        {"list_unsubscribe": ["https://x.org>, <https://y.org"]},
        {"template": ""},
    ],
)
def test_invalid_options_are_rejected(fields):
    with pytest.raises(ValidationError, match=next(iter(fields))):
        SESEmailTarget.from_dict({"recipients": ["a@x.org"], **fields})
