"""Tracing, with the SDKs of OpenTelemetry and AWS X-Ray."""

from __future__ import annotations

import json
import socket
import sys

import pytest
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.tracing import OpenTelemetryTracing, trace_headers_of

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACE_PARENT = f"00-{TRACE}-{PARENT}-01"


class Count(PydanticBaseModel):
    count: int


class Add(LambdaHandler[Count, Count]):
    def handle(self, request):
        if request.count < 0:
            raise ArithmeticError("negative")
        return Count(count=request.count + 1)


@pytest.fixture
def exporter():
    export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    return export.InMemorySpanExporter()


@pytest.fixture
def provider(exporter):
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = trace.TracerProvider()
    # It exports in the background: only a flush makes the spans appear at once.
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000))
    yield provider
    provider.shutdown()


@pytest.fixture
def traced(provider):
    """The handler, with a span around each call."""
    return type("Add", (Add,), {"middlewares": (OpenTelemetryTracing(provider),)})


def sqs_event(count, **attributes):
    record = {
        "messageId": "m0",
        "body": json.dumps({"count": count}),
        "eventSource": "aws:sqs",
        "messageAttributes": {
            name: {"stringValue": value, "dataType": "String"}
            for name, value in attributes.items()
        },
    }
    return {"Records": [record]}


def test_span_of_an_invocation_is_exported_at_its_end(traced, exporter, lambda_context):
    traced.get_handler()({"count": 1}, lambda_context)

    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind.name, span.parent) == ("Add", "INTERNAL", None)
    assert span.attributes == {
        "code.function.name": f"{__name__}.Add.handle",
        "faas.name": lambda_context.function_name,
        "faas.invocation_id": lambda_context.aws_request_id,
    }


def test_span_of_a_record_continues_the_trace_of_its_sender(traced, exporter, lambda_context):
    traced.get_sqs_batch_handler()(sqs_event(1, traceparent=TRACE_PARENT), lambda_context)

    (span,) = exporter.get_finished_spans()
    assert span.kind.name == "CONSUMER"
    assert format(span.context.trace_id, "032x") == TRACE
    assert format(span.parent.span_id, "016x") == PARENT


def test_span_within_another_is_linked_to_that_of_the_sender(
    traced, exporter, provider, lambda_context
):
    with provider.get_tracer("test").start_as_current_span("invocation") as outer:
        traced.get_sqs_batch_handler()(sqs_event(1, traceparent=TRACE_PARENT), lambda_context)

    (span,) = exporter.get_finished_spans()
    assert span.parent == outer.get_span_context()
    assert [format(link.context.span_id, "016x") for link in span.links] == [PARENT]


def test_error_is_recorded(traced, exporter, lambda_context):
    with pytest.raises(ArithmeticError):
        traced.get_handler()({"count": -1}, lambda_context)

    (span,) = exporter.get_finished_spans()
    assert span.status.status_code.name == "ERROR"
    assert [event.attributes["exception.type"] for event in span.events] == ["ArithmeticError"]


@pytest.mark.parametrize(
    ("event", "headers"),
    [
        (None, {}),
        ("text", {}),
        ({"count": 1}, {}),
        ({"headers": {"traceparent": "t", "other": None}}, {"traceparent": "t"}),
        ({"attributes": {"AWSTraceHeader": "Root=1"}}, {"X-Amzn-Trace-Id": "Root=1"}),
        ({"attributes": None, "messageAttributes": None, "headers": None}, {}),
        (
            {"messageAttributes": {"n": {"stringValue": "v"}, "b": {"binaryValue": "eA=="}}},
            {"n": "v"},
        ),
        # Java's bytes have signs.
        (
            {"headers": [{"traceparent": [116, 114]}, {"é": [-61, -87]}]},
            {"traceparent": "tr", "é": "é"},
        ),
    ],
)
def test_trace_headers_of_events_and_records(event, headers):
    assert trace_headers_of(event) == headers


def test_trace_header_of_lambda(monkeypatch):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1")
    assert trace_headers_of({}) == {"X-Amzn-Trace-Id": "Root=1"}


TRACED_BY_XRAY = """
import os
from aibs_informatics_aws_lambda.common import *

class Count(PydanticBaseModel):
    count: int

class Add(LambdaHandler[Count, Count]):
    def handle(self, request):
        if request.count < 0:
            raise ArithmeticError("negative")
        return Count(count=request.count + 1)

handler = Add.get_handler()
print(handler({"count": 1}, DefaultLambdaContext()))
try:
    handler({"count": -1}, DefaultLambdaContext())
except ArithmeticError:
    print("failed")
"""

BY_XRAY = {"HANDLER_MIDDLEWARES": f"{OpenTelemetryTracing.__module__}.XRayTracing"}


def test_subsegments_reach_the_daemon_of_x_ray(run_command):
    pytest.importorskip("aws_xray_sdk")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(60)
        result = run_command(
            *(sys.executable, "-c", TRACED_BY_XRAY),
            **BY_XRAY,
            AWS_XRAY_DAEMON_ADDRESS=f"127.0.0.1:{daemon.getsockname()[1]}",
            LAMBDA_TASK_ROOT="/var/task",
            _X_AMZN_TRACE_ID=f"Root=1-5759e988-bd862e3fe1be46a994272793;Parent={PARENT};Sampled=1",
        )
        assert result.returncode == 0, result.stderr
        sent = [json.loads(daemon.recv(65536).partition(b"\n")[2]) for _ in range(2)]

    assert [segment["name"] for segment in sent] == ["## Add", "## Add"]
    assert {segment["parent_id"] for segment in sent} == {PARENT}
    assert [segment["annotations"] for segment in sent] == [{"Handler": "Add"}] * 2
    assert "cause" not in sent[0]
    assert [cause["type"] for cause in sent[1]["cause"]["exceptions"]] == ["ArithmeticError"]
    assert "metadata" not in sent[0]


def test_nothing_is_sent_to_x_ray_outside_lambda(run_command):
    pytest.importorskip("aws_xray_sdk")
    result = run_command(sys.executable, "-c", TRACED_BY_XRAY, **BY_XRAY)
    assert result.returncode == 0, result.stderr
    assert "failed" in result.stdout


@pytest.mark.parametrize(
    ("tracing", "blocked", "extra"),
    [
        ("XRayTracing", "aws_xray_sdk", "xray"),
        ("OpenTelemetryTracing", "opentelemetry", "opentelemetry"),
    ],
)
def test_missing_extra_is_named(monkeypatch, lambda_context, tracing, blocked, extra):
    from aibs_informatics_aws_lambda.common import tracing as module

    for name in [name for name in sys.modules if name.partition(".")[0] == blocked]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, blocked, None)
    traced = type("Own", (Add,), {"middlewares": (getattr(module, tracing)(),)})
    with pytest.raises(ModuleNotFoundError, match=rf"pip install .*core\[{extra}\]'"):
        traced.get_handler()({"count": 1}, lambda_context)
