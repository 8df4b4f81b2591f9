"""Middleware that traces handlers, with AWS X-Ray or OpenTelemetry.

Either is chosen for one handler by ``middlewares``, or for all by ``HANDLER_MIDDLEWARES``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .handler_names import get_qualified_name
from .middleware import HandlerCall, Middleware, Proceed

if TYPE_CHECKING:
    from aws_lambda_powertools import Tracer
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TracerProvider

_TRACE_HEADER = "X-Amzn-Trace-Id"
_TRACE_VARIABLE = "_X_AMZN_TRACE_ID"
_FLUSH_MILLISECONDS = 5_000


class XRayTracing(Middleware):
    """Records a subsegment of AWS X-Ray for each call of a handler.

    It requires the extra ``xray``, or the Lambda layer of Powertools, and active tracing of the
    function. Outside Lambda it records nothing. Requests and responses are never recorded.

    Args:
        patched: the libraries whose calls are recorded, as in ``Tracer(patch_modules=...)``: by
            default the requests to AWS.
    """

    def __init__(self, patched: Sequence[str] = ("botocore",)) -> None:
        self._patched = patched

    def around(self, call: HandlerCall, proceed: Proceed) -> Any:
        """Make a call within a subsegment, which has the error of one that failed."""
        handler_name = type(call.handler).__name__
        # With the SDK's own manager, which adds the exception to the subsegment.
        with self._tracer.provider.in_subsegment(name=f"## {handler_name}") as subsegment:
            subsegment.put_annotation(key="Handler", value=handler_name)
            return proceed(call)

    @cached_property
    def _tracer(self) -> Tracer:
        # Importing the X-Ray SDK takes longer than the rest of a cold start.
        try:
            import aws_xray_sdk.core  # noqa: F401
        except ModuleNotFoundError as error:
            raise _missing("the X-Ray SDK", "xray", error) from error
        from aws_lambda_powertools import Tracer

        return Tracer(patch_modules=self._patched)


class OpenTelemetryTracing(Middleware):
    """Records a span of OpenTelemetry for each call of a handler.

    It requires the extra ``opentelemetry``, and an SDK that is configured: by the ADOT Lambda
    layer, ``opentelemetry-instrument``, or the program. The parent of a span is the current span
    or, without one, the sender's, which the configured propagators read from HTTP headers, SQS
    message attributes, Kafka headers or Lambda's X-Ray header. Where there are both, the span is
    linked to the sender's. Requests and responses are never recorded.

    Args:
        tracer_provider: the provider of the tracer; by default the global one.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        self._provider = tracer_provider

    def around(self, call: HandlerCall, proceed: Proceed) -> Any:
        """Make a call within a span, which has the error of one that failed."""
        parent, links = _origin_of(call)
        with self._tracer.start_as_current_span(
            type(call.handler).__name__,
            context=parent,
            kind=_kind_of(call.event),
            links=links,
            attributes=_attributes_of(call),
        ):
            return proceed(call)

    def flush(self) -> None:
        """Export the spans: after an invocation, Lambda may freeze the process."""
        from opentelemetry import trace

        provider = self._provider or trace.get_tracer_provider()
        # Only providers of the SDK have it.
        force_flush = getattr(provider, "force_flush", None)
        if force_flush:
            force_flush(_FLUSH_MILLISECONDS)

    @cached_property
    def _tracer(self) -> Any:
        from opentelemetry import trace

        return trace.get_tracer(__package__ or __name__, tracer_provider=self._provider)


def _origin_of(call: HandlerCall) -> tuple[Context | None, Sequence[Link]]:
    """Return the parent of the span of a call, and the spans that it is linked to."""
    try:
        from opentelemetry import propagate, trace
    except ModuleNotFoundError as error:
        raise _missing("OpenTelemetry", "opentelemetry", error) from error

    sender = propagate.extract(trace_headers_of(call.event))
    if not trace.get_current_span().get_span_context().is_valid:
        return sender, ()
    sending = trace.get_current_span(sender).get_span_context()
    current = trace.get_current_span().get_span_context()
    is_other = sending.is_valid and sending.span_id != current.span_id
    return None, (trace.Link(sending),) if is_other else ()


def _kind_of(event: Any) -> SpanKind:
    from opentelemetry.trace import SpanKind

    if not hasattr(event, "raw_event"):
        return SpanKind.INTERNAL
    # Powertools' events of HTTP APIs and records.
    return SpanKind.SERVER if event.get("headers") and not _is_record(event) else SpanKind.CONSUMER


def _attributes_of(call: HandlerCall) -> dict[str, str]:
    context = getattr(call.handler, "context", None)
    found = {
        "code.function.name": f"{get_qualified_name(type(call.handler))}.handle",
        "faas.name": getattr(context, "function_name", None),
        "faas.invocation_id": getattr(context, "aws_request_id", None),
    }
    return {name: value for name, value in found.items() if value}


def trace_headers_of(event: Any) -> dict[str, str]:
    """Return what an event or record contains of trace headers, by name.

    Args:
        event: the event or record, as `HandlerCall` has it.
    """
    found: dict[str, str] = {}
    trace_id = os.environ.get(_TRACE_VARIABLE)
    if trace_id:
        found[_TRACE_HEADER] = trace_id
    if not isinstance(event, Mapping) and not hasattr(event, "raw_event"):
        return found
    system = event.get("attributes")
    if isinstance(system, Mapping) and system.get("AWSTraceHeader"):
        found[_TRACE_HEADER] = system["AWSTraceHeader"]
    return {**found, **_attribute_headers(event.get("messageAttributes")), **_headers(event)}


def _is_record(event: Any) -> bool:
    return event.get("topic") is not None


def _attribute_headers(attributes: Any) -> dict[str, str]:
    """Return the message attributes of SQS that are strings."""
    if not isinstance(attributes, Mapping):
        return {}
    values = {
        name: attribute.get("stringValue")
        for name, attribute in attributes.items()
        if isinstance(attribute, Mapping)
    }
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _headers(event: Any) -> dict[str, str]:
    """Return the headers of an HTTP event, or of a Kafka record, where their values are bytes."""
    headers = event.get("headers")
    if isinstance(headers, Mapping):
        return {name: value for name, value in headers.items() if isinstance(value, str)}
    if not isinstance(headers, list):
        return {}
    return {
        name: bytes(byte % 256 for byte in value).decode("utf-8", "replace")
        for header in headers
        for name, value in header.items()
    }


def _missing(what: str, extra: str, error: ModuleNotFoundError) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"tracing requires {what}: pip install 'aibs-informatics-aws-lambda-core[{extra}]'",
        name=error.name,
    )
