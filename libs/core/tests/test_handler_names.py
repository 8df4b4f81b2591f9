from __future__ import annotations

import sys
import types

import pytest
from aibs_informatics_aws_lambda.common.handler_names import deserialize_handler, serialize_handler


class TestDeserializeHandler:
    def test_callable_is_returned_as_it_is(self):
        assert deserialize_handler(len) is len

    @pytest.mark.parametrize("value", [5, None, {}])
    def test_other_values_are_rejected(self, value):
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
            ("work.missing", "has no attribute 'missing'"),
            ("work.not_a_handler", "not a handler"),
            ("work.CountRequest", "not a handler"),
            ("work.three", "not a handler"),
            ("work.copyfile", "shutil.copyfile is in Python's standard library"),
            ("shutil.rmtree", "standard library"),
            ("os.system", "standard library"),
            ("builtins.eval", "standard library"),
        ],
    )
    def test_anything_else_is_rejected(self, work_module, name, reason):
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

    def test_handler_of_the_script_that_runs_is_rejected(self):
        def handler(event, context):
            pass

        handler.__module__, handler.__qualname__ = "__main__", "handler"

        with pytest.raises(ValueError, match="define it in a module"):
            serialize_handler(handler)
