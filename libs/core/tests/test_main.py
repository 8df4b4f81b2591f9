from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ValidationError
from aibs_informatics_aws_lambda.main import handle, handle_cli


@pytest.fixture(autouse=True)
def in_the_folder_of_work(work, monkeypatch):
    monkeypatch.syspath_prepend(work)
    monkeypatch.chdir(work)
    yield work
    sys.modules.pop("work", None)


class TestHandle:
    @pytest.mark.parametrize("event", [{"a": None}, [1], "text", "s3://bucket/key", None, 5])
    def test_inner_event_is_passed_on_untouched(self, lambda_context, event):
        response = handle({"handler": "work.echo", "event": event, "extra": 1}, lambda_context)

        assert response == {"event": event, "function": lambda_context.function_name}

    def test_handler_classes_are_run(self, lambda_context):
        event = {"handler": "work.Counter", "event": {"count": 1}}

        assert handle(event, lambda_context) == {"count": 2}
        assert event == {"handler": "work.Counter", "event": {"count": 1}}

    def test_router_can_run_itself(self, lambda_context):
        inner = {"handler": "work.by_ten", "event": {"count": 1}}

        response = handle(
            {"handler": "aibs_informatics_aws_lambda.main.handle", "event": inner}, lambda_context
        )

        assert response == {"count": 11}

    @pytest.mark.parametrize("event", [None, [], "{}", 5])
    def test_event_is_an_object(self, lambda_context, event):
        with pytest.raises(ValueError, match=f"got {type(event).__name__}"):
            handle(event, lambda_context)

    @pytest.mark.parametrize(
        "event",
        [
            {"event": {}},
            {"handler": "work.echo"},
            {"handler": "work.not_a_handler", "event": {}},
            {"handler": "shutil.rmtree", "event": {}},
        ],
    )
    def test_event_names_a_handler(self, lambda_context, event):
        with pytest.raises(ValidationError, match=r"handler|event"):
            handle(event, lambda_context)

    def test_exceptions_of_handler_and_import_reach_the_caller(self, lambda_context):
        with pytest.raises(ArithmeticError):
            handle({"handler": "work.Counter", "event": {"count": -1}}, lambda_context)
        with pytest.raises(ModuleNotFoundError):
            handle({"handler": "no_such_module.handler", "event": {}}, lambda_context)

    def test_response_of_a_plain_function_is_checked(self, work, monkeypatch, lambda_context):
        (work / "plain.py").write_text(
            "def odd(event, context):\n    return {'a': [float('nan')]}\n"
        )
        monkeypatch.syspath_prepend(work)
        with pytest.raises(ValidationError, match=r"a\[0\]: nan is not a JSON number"):
            handle({"handler": "plain.odd", "event": {}}, lambda_context)


class TestHandleCli:
    def test_response_is_written_and_nothing_returned(self, capsys):
        arguments = ["--handler", "work.Counter", "--payload", '{"count": 1}', "-o", "out.json"]

        assert handle_cli(arguments) is None
        assert Path("out.json").read_text() == '{"count": 2}'
        assert capsys.readouterr().out == ""

    def test_arguments_are_those_of_the_process_by_default(self, monkeypatch):
        arguments = ["--handler", "work.echo", "--payload", "{}", "-o", "out.json"]
        monkeypatch.setattr(sys, "argv", ["program", *arguments])

        handle_cli()

        assert json.loads(Path("out.json").read_text())["event"] == {}

    def test_context_is_the_default_one(self, monkeypatch, capsys):
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "named")

        handle_cli(["--handler", "work.echo", "--payload", "{}", "-o", "-"])

        assert json.loads(capsys.readouterr().out)["function"] == "named"

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            (["--payload", "{}"], ValueError, "no handler"),
            (["--handler", "work.echo"], ValueError, "no payload"),
            (["--handler", "work.echo", "--payload", ""], ValueError, "empty"),
            (["--handler", "work.echo", "--payload", "."], ValueError, "directory"),
            (["--handler", "work.echo", "--payload", "[1]"], ValueError, "JSON object"),
            (["--handler", "work.echo", "--payload", "nope"], ValueError, "nope"),
            (["--handler", "work.echo", "--payload", "s3://x/y"], ValueError, "s3://x/y"),
            (["--handler", "work.missing", "--payload", "{}"], ValueError, "missing"),
            (["--handler", "no.such.name", "--payload", "{}"], ImportError, "no"),
            (["--handler", "work.Counter", "--payload", "{}"], ValidationError, "count"),
            (["--handler", "work.Counter", "--payload", '{"count": -1}'], ArithmeticError, "neg"),
            (["--handler", "work.echo", "--payload", "{}", "-o", "."], ValueError, "directory"),
            (["--handler", "work.echo", "--payload", "{}", "-o", "no/x"], ValueError, "exist"),
            (["--handler", "work.unserialisable", "--payload", "{}", "-o", "x"], TypeError, "obj"),
        ],
    )
    def test_failures_are_exceptions(self, arguments, error, text):
        with pytest.raises(error, match=text):
            handle_cli(arguments)

    def test_payload_in_s3_that_is_not_a_object_is_an_aws_error(self, aws):
        aws.make_bucket()
        aws.put("bucket", "key", "[1]")

        with pytest.raises(AWSError, match="s3://bucket/key contains a JSON list"):
            handle_cli(["--handler", "work.echo", "--payload", "s3://bucket/key"])

    def test_unknown_options_are_wrong_usage(self, capsys):
        with pytest.raises(SystemExit) as caught:
            handle_cli(["--no-such-option"])

        assert caught.value.code == 2
