"""The examples of the README work as shown."""

from __future__ import annotations

import json
import re
import sysconfig
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
PROGRAM = "handle-lambda-request"


def block(language, number=0):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[number]


@pytest.fixture
def shell(run_command):
    program = str(Path(sysconfig.get_path("scripts"), PROGRAM))
    return lambda script: run_command("bash", "-ec", script.replace(PROGRAM, program))


def test_the_request_example_is_valid_and_sent(shell, tmp_path, aws, mail, make_topic):
    aws.client("ses").verify_email_identity(EmailAddress="pipeline@example.org")
    aws.put(aws.make_bucket("results"), "run-7/report.pdf", b"%PDF")
    topic = make_topic()
    (tmp_path / "request.json").write_text(block("json"))

    result = shell(block("sh"))

    assert result.returncode == 0, result.stderr
    assert "The payload is a valid request of notification-router." in result.stderr
    response = json.loads((tmp_path / "response.json").read_text())
    assert [found["success"] for found in response["results"]] == [True, True]
    assert [file.get_filename() for file in mail.raw[0].iter_attachments()] == ["report.pdf"]
    assert len(topic.messages()) == 1


def test_the_custom_notifier_example_delivers(shell, tmp_path):
    (tmp_path / "chat.py").write_text(block("python"))
    command, _, response = block("console", -1).removeprefix("$ ").rpartition("\n{")

    result = shell(command)

    assert result.returncode == 0, result.stderr
    assert result.stdout == "{" + response
    assert "#lab: Hi" in result.stderr
