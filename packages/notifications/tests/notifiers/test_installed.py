from __future__ import annotations

import json
import sys
import textwrap

import pytest
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.installed import (
    default_notifiers,
)
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.ses import SESNotifier
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.sns import SNSNotifier

BASE = "aibs_informatics_aws_lambda.handlers.notifications.notifiers"
HANDLER = "aibs_informatics_aws_lambda.handlers.notifications.router.NotificationRouter"
REQUEST = {
    "content": {"subject": "S", "message": "text"},
    "targets": [{"channel": "#alerts"}, {"recipient": "a@x.org"}],
}


@pytest.fixture
def run_with_plugin(run_command, tmp_path):
    """Run the command line with an installed package that has an entry point."""

    def run(entry_point, *options):
        (tmp_path / "chat.py").write_text(
            textwrap.dedent(f"""
            from {BASE}.base import Notifier
            from {BASE}.model import NotifierResult, NotifierTarget, SESEmailTarget

            class ChatTarget(NotifierTarget):
                channel: str

            class ChatNotifier(Notifier[ChatTarget]):
                def notify(self, content, target):
                    return NotifierResult(target=target, success=True, response="chatted")

            class PostNotifier(Notifier[SESEmailTarget]):
                def notify(self, content, target):
                    return NotifierResult(target=target, success=True, response="posted")

            not_a_notifier = 1
            """)
        )
        info = tmp_path / "chat-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: chat\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[aibs_informatics_aws_lambda.notifiers]\n{entry_point}\n"
        )
        return run_command(
            *(sys.executable, "-m", "aibs_informatics_aws_lambda.main", "--handler", HANDLER),
            *("--payload", json.dumps(REQUEST), "-o", "-", *options),
            PYTHONPATH=str(tmp_path),
        )

    return run


def test_default_notifiers_are_ses_and_sns():
    assert [type(notifier) for notifier in default_notifiers()] == [SESNotifier, SNSNotifier]


def test_an_installed_notifier_receives_its_targets(run_with_plugin):
    result = run_with_plugin("chat = chat:ChatNotifier")

    assert result.returncode == 4, result.stderr  # the email has no sender
    chatted, mailed = json.loads(result.stdout)["results"]
    assert chatted == {"target": {"channel": "#alerts"}, "success": True, "response": "chatted"}
    assert not mailed["success"]


def test_an_installed_notifier_takes_precedence_over_a_default_one(run_with_plugin):
    result = run_with_plugin("chat = chat:ChatNotifier\npost = chat:PostNotifier")

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["results"][1]["response"] == "posted"


@pytest.mark.parametrize("target", ["chat:not_a_notifier", "chat:absent", "absent:ChatNotifier"])
def test_an_error_names_the_invalid_entry_point(run_with_plugin, target):
    result = run_with_plugin(f"broken = {target}")

    assert result.returncode == 1
    assert f"broken ({target})" in result.stderr
