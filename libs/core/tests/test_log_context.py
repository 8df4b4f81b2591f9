from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from aibs_informatics_aws_lambda.common.context import DefaultLambdaContext
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.logging import (
    get_service_logger,
    invocation_keys,
    temporary_keys,
)
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel


class Name(PydanticBaseModel):
    name: str


class Context(DefaultLambdaContext):
    request_id = ""

    @property
    def aws_request_id(self):
        return self.request_id


def context(request_id):
    found = Context()
    found.request_id = request_id
    return found


@pytest.fixture
def lines(capsys):
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def log(request):
    return get_service_logger(request.node.name)


def test_invocations_in_threads_do_not_mix_their_keys(lines):
    barrier = Barrier(4)

    class Threaded(LambdaHandler[Name, Name]):
        def handle(self, request):
            self.log.append_keys(name=request.name)
            barrier.wait(180)
            self.log.info("in an invocation")

    function = Threaded.get_handler()
    with ThreadPoolExecutor(4) as pool:
        names = ["a", "b", "c", "d"]
        list(pool.map(function, [{"name": name} for name in names], map(context, names)))

    found = [(line["name"], line["function_request_id"]) for line in lines()]
    assert sorted(found) == [(name, name) for name in names]


def test_keys_are_gone_at_the_end_of_an_invocation_in_the_same_thread(lines):
    class Sequential(LambdaHandler[Name, Name]):
        def handle(self, request):
            self.log.info("before")
            self.log.append_keys(name=request.name)

    function = Sequential.get_handler()
    with ThreadPoolExecutor(1) as pool:
        for name in ("a", "b"):
            pool.submit(function, {"name": name}, context(name)).result()

    assert [("name" in line, line["function_request_id"]) for line in lines()] == [
        (False, "a"),
        (False, "b"),
    ]


def test_thread_of_the_only_invocation_logs_with_its_keys(log, lines):
    with (
        invocation_keys(log),
        temporary_keys(log, request="r", record="1"),
        ThreadPoolExecutor(1) as pool,
    ):
        pool.submit(log.info, "in a thread").result()
    log.info("after")

    inside, after = lines()
    assert (inside["request"], inside["record"]) == ("r", "1")
    assert not {"request", "record"} & after.keys()


def test_threads_of_an_invocation_can_have_keys_of_their_own(log, lines):
    barrier = Barrier(2)

    def work(name):
        with temporary_keys(log, part=name):
            barrier.wait(180)
            log.info("part")
            barrier.wait(180)

    with invocation_keys(log), ThreadPoolExecutor(2) as pool:
        log.append_keys(request="r")
        list(pool.map(work, "ab"))
        log.info("all")

    *parts, last = lines()
    assert sorted((line["request"], line["part"]) for line in parts) == [("r", "a"), ("r", "b")]
    assert "part" not in last


def test_thread_of_one_of_several_invocations_logs_with_none_of_their_keys(log, lines):
    both, done = Barrier(2), Barrier(2)

    def invocation(name):
        with invocation_keys(log), ThreadPoolExecutor(1) as pool:
            log.append_keys(request=name)
            both.wait(180)
            pool.submit(log.info, "in a thread").result()
            done.wait(180)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(invocation, "ab"))

    assert [line.get("request") for line in lines()] == [None, None]


def test_keys_of_the_process_are_those_appended_outside_invocations(log, lines):
    log.append_keys(version="1")
    with invocation_keys(log):
        log.remove_keys(["version"])
        log.info("inside")
    log.info("after")

    assert [line.get("version") for line in lines()] == [None, "1"]


def test_level_of_one_invocation_does_not_change_that_of_another(log, lines):
    log.setLevel(logging.DEBUG)
    barrier = Barrier(2)

    def invocation(level):
        with invocation_keys(log):
            log.append_keys(wanted=level)
            log.registered_formatter.set_level(level)
            barrier.wait(180)
            log.debug("details")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(invocation, [logging.DEBUG, logging.INFO]))

    assert [line["wanted"] for line in lines()] == [logging.DEBUG]
