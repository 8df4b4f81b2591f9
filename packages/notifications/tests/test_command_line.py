from __future__ import annotations

import json

import pytest

HANDLER = "notification-router"


@pytest.fixture(scope="session")
def server(start_script_server):
    """The server of handle-lambda-request, with what most of its runs import."""
    package = "aibs_informatics_aws_lambda.handlers.notifications"
    modules = ("aibs_informatics_aws_lambda.common.cli.run", f"{package}.router", "boto3")
    return start_script_server("handle-lambda-request", *modules)


@pytest.fixture
def cli(run_script, server):
    return lambda *options, **environment: run_script(server, *options, **environment)


def payload(*targets):
    return json.dumps({"content": {"subject": "S", "message": "m"}, "targets": list(targets)})


def test_the_handler_is_listed_by_name(cli):
    result = cli("--list")

    assert f"{HANDLER}  " in result.stdout
    assert "Send one message to email recipients, topics, Slack" in result.stdout


def test_the_example_of_the_description_is_valid(cli):
    described = json.loads(cli("--describe", HANDLER).stdout)

    assert set(described["environment"]) == {
        "SOURCE_EMAIL_ADDRESS",
        "SOURCE_EMAIL_NAME",
        "IDEMPOTENCY_TABLE",
        "WEBHOOK_PRIVATE_HOSTS",
    }
    example = json.dumps(described["example"])
    assert cli("--handler", HANDLER, "--payload", example, "--validate-only").returncode == 0


@pytest.mark.parametrize("target", [{}, {"topic": "alerts"}, {"recipients": ["nobody"]}])
def test_an_invalid_payload_is_one_line_and_sends_nothing(cli, mail, target):
    result = cli("--handler", HANDLER, "--payload", payload(target))

    assert result.returncode == 3
    assert "targets.0" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert mail.simple == []


def test_failed_targets_make_the_exit_status_4(cli, mail):
    good, bad = {"recipient": "a@x.org"}, {"recipients": []}

    assert cli("--handler", HANDLER, "--payload", payload(good)).returncode == 0
    result = cli("--handler", HANDLER, "--payload", payload(good, bad), "-o", "-")

    assert result.returncode == 4
    assert [found["success"] for found in json.loads(result.stdout)["results"]] == [True, False]
