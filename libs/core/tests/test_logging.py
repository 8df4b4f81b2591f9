from __future__ import annotations

import io
import json
import logging
import sys
from contextlib import contextmanager, redirect_stdout

import pytest
from aibs_informatics_aws_lambda.common import logging as logging_module
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.logging import (
    SERVICE_NAME,
    LoggingMixins,
    add_handler_to_logger,
    format_library_records,
    get_service_logger,
)
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel


@contextmanager
def bare_root():
    """Give the root logger without the handlers of pytest, and put it back as it was."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers
    root.handlers = []
    try:
        yield root
    finally:
        root.setLevel(level)
        root.handlers = handlers


@pytest.fixture
def service(request):
    """A name of a service that no other test uses."""
    return request.node.name


@pytest.fixture
def lines(capsys):
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_lines_are_json_with_the_service(service, lines):
    get_service_logger(service).info("hello %s", "there")

    (line,) = lines()
    assert (line["service"], line["message"], line["level"]) == (service, "hello there", "INFO")


def test_logger_of_the_toolkit_has_a_name(lines):
    logging_module.logger.info("hello")

    assert lines()[0]["service"] == SERVICE_NAME == "aibs"


def test_service_comes_from_the_environment_if_it_is_not_given(monkeypatch, service, lines):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", service)

    get_service_logger().info("hello")

    assert lines()[0]["service"] == service


def test_child_shares_the_handler_and_keys_of_its_parent(service, lines):
    parent = get_service_logger(service)
    parent.append_keys(request="r")

    get_service_logger(service, child=True).info("hello")

    (line,) = lines()
    assert (line["service"], line["request"]) == (service, "r")


@pytest.mark.parametrize("variable", ["POWERTOOLS_LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"])
def test_level_comes_from_the_environment(monkeypatch, service, lines, variable):
    monkeypatch.setenv(variable, "ERROR")
    log = get_service_logger(service)
    log.warning("quiet")
    log.error("loud")

    assert [line["message"] for line in lines()] == ["loud"]


def test_lines_go_to_whatever_stdout_is_when_they_are_written(service, lines):
    log = get_service_logger(service)
    other = io.StringIO()

    with redirect_stdout(other):
        log.info("elsewhere")
    log.info("here")

    assert json.loads(other.getvalue())["message"] == "elsewhere"
    assert [line["message"] for line in lines()] == ["here"]


def test_handler_on_the_root_writes_lines_of_libraries_once(service, lines):
    with bare_root() as root:
        log = get_service_logger(service, add_to_root=True)
        get_service_logger(service, add_to_root=True)
        logging.getLogger("some.library").warning("from a library")
        log.info("own")

        assert [line["message"] for line in lines()] == ["from a library", "own"]
        assert len(root.handlers) == 1


def test_same_handler_is_not_attached_twice(service):
    log, target = get_service_logger(service), logging.getLogger(f"{service}.target")

    add_handler_to_logger(log, target)
    add_handler_to_logger(log, target)

    assert target.handlers == log.handlers


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [("INFO", "ERROR", "INFO"), ("ERROR", "INFO", "INFO"), ("INFO", "NOTSET", "INFO")],
)
def test_level_of_a_target_by_name_becomes_the_lower_one(service, source, target, expected):
    log = get_service_logger(service)
    log.setLevel(source)
    logging.getLogger(f"{service}.t").setLevel(target)

    add_handler_to_logger(log, f"{service}.t")

    assert logging.getLevelName(logging.getLogger(f"{service}.t").level) == expected


def test_level_of_the_root_becomes_the_lower_one(service):
    with bare_root() as root:
        root.setLevel(logging.ERROR)

        add_handler_to_logger(get_service_logger(service))

        assert root.level == logging.INFO


def test_level_of_a_logger_that_is_given_stays(service):
    target = logging.getLogger(f"{service}.t")
    target.setLevel(logging.ERROR)

    add_handler_to_logger(get_service_logger(service), target)

    assert target.level == logging.ERROR


def test_handler_of_the_managed_runtime_gives_way_on_the_root(service, lines):
    with bare_root() as root:

        class RuntimeHandler(logging.StreamHandler):
            __module__ = "awslambdaric.bootstrap"

        root.addHandler(RuntimeHandler(io.StringIO()))

        get_service_logger(service, add_to_root=True)
        logging.getLogger("some.library").warning("from a library")

        assert [line["message"] for line in lines()] == ["from a library"]
        assert len(root.handlers) == 1


class Logged(LoggingMixins):
    pass


def test_logger_of_an_object_is_made_once_and_can_be_set(service):
    logged = Logged()

    assert logged.log is logged.logger is logged.log
    assert logged.log.service == "Logged"
    logged.log = other = get_service_logger(service)
    assert logged.logger is other


def test_logger_of_an_object_can_be_added_to_the_root(lines):
    with bare_root():
        logged = Logged()

        logged.add_logger_to_root()
        logging.getLogger("some.library").warning("from a library")

        assert [line["service"] for line in lines()] == ["Logged"]


class Nothing(PydanticBaseModel):
    pass


class First(LambdaHandler[Nothing, Nothing]):
    def handle(self, request):
        logging.getLogger("some.library").warning("library in %s", type(self).__name__)
        self.log.info("own")


class Second(First):
    pass


def test_lines_of_libraries_come_out_once_whatever_handlers_the_process_uses(
    lines, lambda_context
):
    with bare_root():
        for handler_cls in (First, Second, First):
            handler_cls.get_handler()({}, lambda_context)

        found = [(line["service"], line["message"]) for line in lines()]
        assert found == [
            ("First", "library in First"),
            ("First", "own"),
            ("Second", "library in Second"),
            ("Second", "own"),
            ("First", "library in First"),
            ("First", "own"),
        ]


def test_lines_of_libraries_carry_the_request(lines, lambda_context):
    with bare_root():
        First.get_handler()({}, lambda_context)

        assert {line["function_request_id"] for line in lines()} == {lambda_context.aws_request_id}


def test_lines_of_libraries_are_left_to_a_handler_that_is_there(service):
    with bare_root() as root:
        kept = logging.StreamHandler(io.StringIO())
        root.addHandler(kept)

        format_library_records(get_service_logger(service))

        assert root.handlers == [kept]


def test_importing_changes_no_level(run_command):
    code = (
        "import logging; import aibs_informatics_aws_lambda.main\n"
        "import aibs_informatics_aws_lambda.common.models, aibs_informatics_aws_lambda.common.s3\n"
        "root = logging.getLogger(); print(root.level == logging.WARNING, root.handlers)"
    )

    assert run_command(sys.executable, "-c", code).stdout == "True []\n"
