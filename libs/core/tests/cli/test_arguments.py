from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.cli.arguments import Options, parse_arguments
from aibs_informatics_aws_lambda.common.cli.errors import UsageError

HANDLER, OLD_HANDLER = "AWS_LAMBDA_FUNCTION_HANDLER", "_HANDLER"
PAYLOAD, LOCATION = "AWS_LAMBDA_EVENT_PAYLOAD", "AWS_LAMBDA_EVENT_RESPONSE_LOCATION"


@pytest.mark.parametrize("handler", ["--handler-qualified-name", "--handler-name", "--handler"])
@pytest.mark.parametrize("payload", ["--payload", "--event", "-e"])
@pytest.mark.parametrize("location", ["--response-location", "-o"])
def test_options_have_aliases(handler, payload, location):
    assert parse_arguments([handler, "a.b", payload, "{}", location, "out"]) == Options(
        handler="a.b", payload="{}", response_location="out"
    )


def test_everything_can_come_from_the_environment(monkeypatch):
    monkeypatch.setenv(HANDLER, "a.b")
    monkeypatch.setenv(PAYLOAD, "{}")
    monkeypatch.setenv(LOCATION, "out")

    assert parse_arguments([]) == Options(handler="a.b", payload="{}", response_location="out")


def test_arguments_beat_variables(monkeypatch):
    monkeypatch.setenv(HANDLER, "variable")
    monkeypatch.setenv(PAYLOAD, "variable")
    monkeypatch.setenv(LOCATION, "variable")

    assert parse_arguments(["--handler", "a.b", "-e", "{}", "-o", "out"]) == Options(
        handler="a.b", payload="{}", response_location="out"
    )


def test_payload_file_beats_the_payload_variable(monkeypatch):
    monkeypatch.setenv(PAYLOAD, "variable")

    assert parse_arguments(["--handler", "a.b", "--payload-file", "in.json"]) == Options(
        handler="a.b", payload_file="in.json"
    )


def test_own_variable_of_the_handler_beats_that_of_lambda(monkeypatch):
    monkeypatch.setenv(OLD_HANDLER, "old")
    assert parse_arguments(["-e", "{}"]).handler == "old"
    monkeypatch.setenv(HANDLER, "")
    assert parse_arguments(["-e", "{}"]).handler == "old"
    monkeypatch.setenv(HANDLER, "new")
    assert parse_arguments(["-e", "{}"]).handler == "new"


def test_empty_variables_are_unset(monkeypatch):
    monkeypatch.setenv(PAYLOAD, "")
    monkeypatch.setenv(LOCATION, "")

    assert parse_arguments(["--handler", "a.b", "-e", "{}"]).response_location is None
    with pytest.raises(UsageError, match="no payload: pass --payload"):
        parse_arguments(["--handler", "a.b"])


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "yes", "on"])
def test_partial_success_can_be_accepted(monkeypatch, value):
    arguments = ["--handler", "a.b", "-e", "{}"]
    assert parse_arguments(arguments).partial_ok is False
    assert parse_arguments([*arguments, "--partial-ok"]).partial_ok is True
    monkeypatch.setenv("HANDLER_PARTIAL_OK", value)
    assert parse_arguments(arguments).partial_ok is True


@pytest.mark.parametrize("value", ["", "0", "false", "no"])
def test_other_values_do_not_accept_partial_success(monkeypatch, value):
    monkeypatch.setenv("HANDLER_PARTIAL_OK", value)

    assert parse_arguments(["--handler", "a.b", "-e", "{}"]).partial_ok is False


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], f"no handler: pass --handler NAME or set {HANDLER}"),
        (["--handler", "a.b"], f"pass --payload or --payload-file, or set {PAYLOAD}"),
        (["--handler", "a.b"], "--describe a.b shows an example"),
    ],
)
def test_what_is_missing_is_named_with_the_remedy(arguments, text):
    with pytest.raises(UsageError, match=text):
        parse_arguments(arguments)


@pytest.mark.parametrize("arguments", [["--list"], ["--describe", "a.b"]])
def test_listing_and_describing_need_neither_handler_nor_payload(arguments):
    assert parse_arguments(arguments).handler is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["--payload", "{}", "--payload-file", "in.json"],
        ["--no-such-option"],
        ["--payload"],
        ["argument"],
    ],
)
def test_wrong_usage_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_arguments(["--handler", "a.b", *arguments])

    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("handle-lambda-request: error: ")
    assert message.endswith("(see handle-lambda-request --help)\n")
    assert message.count("\n") == 1


def test_help_teaches_by_example(capsys):
    with pytest.raises(SystemExit) as caught:
        parse_arguments(["--help"])

    text = capsys.readouterr().out
    assert caught.value.code == 0
    for expected in ("--payload-file request.json", "s3://bucket/request.json", "exit status:"):
        assert expected in text
    assert f"export {HANDLER}=" in text
