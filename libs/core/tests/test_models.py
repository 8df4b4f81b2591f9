from __future__ import annotations

import importlib
import json
import sys
import types

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.models import (
    DefaultLambdaContext,
    LambdaHandlerRequest,
    deserialize_handler,
    serialize_handler,
)
from aws_lambda_powertools.utilities.typing import LambdaContext


@pytest.fixture
def work_module(work, monkeypatch):
    monkeypatch.syspath_prepend(work)
    monkeypatch.chdir(work)
    yield importlib.import_module("work")
    del sys.modules["work"]


class TestDefaultLambdaContext:
    def test_everything_has_a_default(self):
        context = DefaultLambdaContext()

        assert isinstance(context, LambdaContext)
        assert context.function_name == "unknown"
        assert context.function_version == "1.0"
        assert context.memory_limit_in_mb == 1024
        assert context.aws_request_id == ""
        assert context.log_group_name == "/aws/lambda/unknown_docker"
        assert context.log_stream_name == ""
        assert context.get_remaining_time_in_millis() == 0
        assert type(context.identity).__name__ == "LambdaCognitoIdentity"
        assert type(context.client_context).__name__ == "LambdaClientContext"

    @pytest.mark.parametrize(
        ("variable", "attribute", "value"),
        [
            ("AWS_LAMBDA_FUNCTION_NAME", "function_name", "f"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "function_version", "7"),
            ("AWS_LAMBDA_FUNCTION_ARN", "invoked_function_arn", "arn:x"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "memory_limit_in_mb", "512"),
            ("AWS_LAMBDA_FUNCTION_REQUEST_ID", "aws_request_id", "r"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "log_group_name", "g"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "log_stream_name", "s"),
        ],
    )
    def test_variables_set_it_and_empty_ones_do_not(self, monkeypatch, variable, attribute, value):
        default = getattr(DefaultLambdaContext(), attribute)
        monkeypatch.setenv(variable, "")
        assert getattr(DefaultLambdaContext(), attribute) == default
        monkeypatch.setenv(variable, value)
        assert str(getattr(DefaultLambdaContext(), attribute)) == value

    def test_names_are_made_of_other_names(self, monkeypatch):
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_REQUEST_ID", "r")

        assert DefaultLambdaContext().log_group_name == "/aws/lambda/f_docker"
        assert DefaultLambdaContext().log_stream_name == "r"

    def test_memory_is_a_number(self, monkeypatch):
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much")

        with pytest.raises(ValueError, match="AWS_LAMBDA_FUNCTION_MEMORY_SIZE is 'much'"):
            assert DefaultLambdaContext().memory_limit_in_mb

    def test_arn_is_of_the_region_and_account_of_the_caller(self, aws):
        assert (
            DefaultLambdaContext().invoked_function_arn
            == "arn:aws:lambda:us-west-2:123456789012:function:unknown"
        )

    @pytest.mark.parametrize(
        ("variables", "arn"),
        [
            ({}, "arn:aws:lambda:::function:unknown"),
            ({"AWS_REGION": "cn-north-1"}, "arn:aws-cn:lambda:cn-north-1::function:unknown"),
            ({"REGION": "zz-new-1"}, "arn:aws:lambda:zz-new-1::function:unknown"),
            ({"REGION": "nowhere"}, "arn:aws:lambda:::function:unknown"),
            ({"AWS_PROFILE": "missing"}, "arn:aws:lambda:::function:unknown"),
        ],
    )
    def test_part_of_the_arn_that_cannot_be_found_is_empty(self, monkeypatch, variables, arn):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

        assert DefaultLambdaContext().invoked_function_arn == arn

    def test_sts_is_asked_once_at_most(self, aws, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        arn = DefaultLambdaContext().invoked_function_arn
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)

        assert arn == "arn:aws:lambda:us-west-2::function:unknown"
        assert DefaultLambdaContext().invoked_function_arn == arn

    def test_invocation_with_this_context_asks_nobody(self, aws, monkeypatch, work_module, capsys):
        monkeypatch.setattr(
            "aibs_informatics_aws_lambda.common.aws.find_account", lambda: pytest.fail("STS asked")
        )

        work_module.Counter.get_handler()({"count": 1}, DefaultLambdaContext())

        assert json.loads(capsys.readouterr().out.splitlines()[-1])["function_arn"] == ""


class TestDeserializeHandler:
    def test_callable_is_returned_as_it_is(self):
        assert deserialize_handler(len) is len

    @pytest.mark.parametrize("value", [5, None, {}])
    def test_other_values_are_refused(self, value):
        with pytest.raises(ValueError, match="expected a callable"):
            deserialize_handler(value)

    def test_functions_are_found_by_name(self, work_module):
        assert deserialize_handler("work.echo") is work_module.echo
        assert deserialize_handler("work.by_ten") is work_module.by_ten

    def test_class_becomes_its_handler(self, work_module, lambda_context):
        handler = deserialize_handler("work.Counter")

        assert handler._handler_class is work_module.Counter
        assert handler({"count": 1}, lambda_context) == {"count": 2}

    def test_built_handler_keeps_its_constructor_arguments(self, work_module, lambda_context):
        assert deserialize_handler("work.by_ten")({"count": 1}, lambda_context) == {"count": 11}

    def test_router_can_be_the_target(self):
        assert deserialize_handler("aibs_informatics_aws_lambda.main.handle").__name__ == "handle"

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("nodot", "not a qualified name"),
            ("", "not a qualified name"),
            ("work.", "not a qualified name"),
            (".work.echo", "not a qualified name"),
            ("work.missing", "has nothing called 'missing'"),
            ("work.not_a_handler", "not a handler"),
            ("work.CountRequest", "not a handler"),
            ("work.three", "not a handler"),
            ("work.copyfile", "shutil.copyfile belongs to Python's standard library"),
            ("shutil.rmtree", "standard library"),
            ("os.system", "standard library"),
            ("builtins.eval", "standard library"),
        ],
    )
    def test_anything_else_is_refused(self, work_module, name, reason):
        with pytest.raises(ValueError, match=reason):
            deserialize_handler(name)

    def test_errors_of_the_import_reach_the_caller(self, work, monkeypatch):
        (work / "broken_work.py").write_text("import no_such_module")
        (work / "failing_work.py").write_text("raise KeyError('at import')")
        monkeypatch.syspath_prepend(work)

        with pytest.raises(ModuleNotFoundError, match="no_such_package"):
            deserialize_handler("no_such_package.handler")
        with pytest.raises(ModuleNotFoundError, match="no_such_module"):
            deserialize_handler("broken_work.handler")
        with pytest.raises(KeyError, match="at import"):
            deserialize_handler("failing_work.handler")

    @pytest.mark.parametrize("allowed", ["work", "other, work", " work ,"])
    def test_allowed_modules_can_be_named(self, work_module, monkeypatch, allowed):
        monkeypatch.setenv("HANDLER_ALLOWED_MODULES", allowed)

        for name in ("echo", "Counter", "by_ten"):
            assert deserialize_handler(f"work.{name}")

    @pytest.mark.parametrize("allowed", ["other", "wor", "work.echo.more"])
    def test_other_modules_are_not_even_imported(self, work, monkeypatch, allowed):
        monkeypatch.syspath_prepend(work)
        monkeypatch.setenv("HANDLER_ALLOWED_MODULES", allowed)

        with pytest.raises(ValueError, match=f"HANDLER_ALLOWED_MODULES allows: {allowed}"):
            deserialize_handler("work.echo")
        assert "work" not in sys.modules

    def test_function_that_an_allowed_module_imports_is_not_allowed(
        self, work, work_module, monkeypatch
    ):
        (work / "importing_work.py").write_text("from work import echo")
        monkeypatch.setenv("HANDLER_ALLOWED_MODULES", "importing_work")

        with pytest.raises(ValueError, match=r"work\.echo is not in a module"):
            deserialize_handler("importing_work.echo")


class TestSerializeHandler:
    @pytest.mark.parametrize("name", ["work.echo", "work.by_ten"])
    def test_handlers_in_modules_make_the_round_trip(self, work_module, name):
        handler = deserialize_handler(name)

        assert serialize_handler(handler) == name
        assert deserialize_handler(serialize_handler(handler)) is handler

    def test_handler_of_a_class_is_named_after_it(self, work_module):
        name = serialize_handler(work_module.Counter.get_handler())

        assert name == "work.Counter"
        assert deserialize_handler(name)._handler_class is work_module.Counter

    def test_defining_module_is_preferred_to_one_that_imports(self, work_module, monkeypatch):
        foreign = types.ModuleType("a")
        foreign.h = work_module.by_ten
        monkeypatch.setitem(sys.modules, "a", foreign)
        monkeypatch.setattr(sys.modules["__main__"], "by_ten", work_module.by_ten, raising=False)

        assert serialize_handler(work_module.by_ten) == "work.by_ten"

    def test_handler_of_the_script_that_runs_is_refused(self):
        def handler(event, context):
            pass

        handler.__module__, handler.__qualname__ = "__main__", "handler"

        with pytest.raises(ValueError, match="define it in a module"):
            serialize_handler(handler)


class TestLambdaHandlerRequest:
    @pytest.mark.parametrize("event", [None, {}, {"a": None}, [1], "text", 5])
    def test_request_makes_the_round_trip_with_any_event(self, work_module, event):
        data = {"handler": "work.echo", "event": event}

        request = LambdaHandlerRequest.from_dict(data)

        assert request.handler is work_module.echo
        assert request.event == event
        assert request.to_dict() == data

    def test_handler_can_be_given_as_a_callable(self, work_module):
        request = LambdaHandlerRequest(handler=work_module.Counter.get_handler(), event={})

        assert request.to_dict() == {"handler": "work.Counter", "event": {}}

    @pytest.mark.parametrize(
        "data", [{}, {"handler": "work.echo"}, {"event": {}}, {"handler": 5, "event": {}}]
    )
    def test_both_fields_are_required(self, work_module, data):
        with pytest.raises(ValidationError):
            LambdaHandlerRequest.from_dict(data)

    def test_name_that_is_no_handler_does_not_fit(self):
        with pytest.raises(ValidationError, match="standard library"):
            LambdaHandlerRequest.from_dict({"handler": "shutil.rmtree", "event": {}})

    def test_schema_shows_a_name(self):
        schema = LambdaHandlerRequest.model_json_schema()

        assert schema["properties"]["handler"]["type"] == "string"
