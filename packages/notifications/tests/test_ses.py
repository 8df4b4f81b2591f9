from __future__ import annotations

from email.mime.text import MIMEText

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.notifications import ses

SOURCE = "from@example.org"


def test_a_simple_email_is_plain_text_in_utf_8(mock_service):
    response = ses.send_simple_email(SOURCE, ["a@x.org", "b@x.org"], "Grüße", "wörld")

    (request,) = mock_service.requests
    assert response["MessageId"] == "1"
    assert request == {
        "Action": "SendEmail",
        "Version": "2010-12-01",
        "Source": SOURCE,
        "Destination.ToAddresses.member.1": "a@x.org",
        "Destination.ToAddresses.member.2": "b@x.org",
        "Message.Subject.Data": "Grüße",
        "Message.Subject.Charset": "UTF-8",
        "Message.Body.Text.Data": "wörld",
        "Message.Body.Text.Charset": "UTF-8",
    }


@pytest.mark.parametrize("body", ["text", MIMEText("text")])
def test_local_files_of_any_type_can_be_attached(mail, tmp_path, body):
    binary, odd = tmp_path / "chart.png", tmp_path / "no-known-type"
    binary.write_bytes(b"\x89PNG\xff\x00")
    odd.write_bytes(b"\xff")

    ses.send_email_with_attachment(SOURCE, ["a@x.org"], "S", body, [str(binary), odd])

    (message,) = mail.raw
    assert message.get_body().get_content().strip() == "text"
    assert [(file.get_filename(), file.get_content()) for file in message.iter_attachments()] == [
        ("chart.png", b"\x89PNG\xff\x00"),
        ("no-known-type", b"\xff"),
    ]


def test_attachments_are_optional(mail):
    ses.send_email_with_attachment(SOURCE, ["a@x.org"], "S", "text")

    assert [message.get_content().strip() for message in mail.raw] == ["text"]


def test_an_error_has_the_code_and_message_of_ses(aws):
    message = {"Subject": {"Data": "S"}, "Body": {"Text": {"Data": "t"}}}
    request = {"Source": SOURCE, "Destination": {"ToAddresses": ["a@x.org"]}, "Message": message}

    with pytest.raises(AWSError, match=r"MessageRejected.*not verified"):
        ses.send_email(request)
    with pytest.raises(AWSError, match="MessageRejected"):
        ses.send_raw_email({"Source": SOURCE, "RawMessage": {"Data": b"To: a@x.org\r\n\r\n"}})


def test_an_address_is_verified_after_confirmation(aws):
    assert not ses.is_verified(SOURCE)

    ses.verify_email_identity(SOURCE)  # moto's owners consent at once

    assert ses.is_verified(SOURCE)
    assert not ses.is_verified("other@example.org")


def test_an_access_denied_error_names_the_permission(mock_service):
    mock_service.responses = [(403, "AccessDenied", "not allowed")]

    with pytest.raises(AWSError, match="ses:GetIdentityVerificationAttributes"):
        ses.is_verified(SOURCE)
