"""Handlers as tools of agents: what a tool is called, takes, returns and may change.

A tool runs its handler only if the server allows it. Otherwise a handler that reads runs without
the fields that would make it write, a handler with the request field ``dry_run`` runs with it, and
of any other the request is only validated.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..description import HandlerDescription, describe
from ..json_io import JSON, JSONObject
from ..lambda_function import exited, handler_class_of, rejected_by
from .catalog import find_handler, installed_names
from .errors import UsageError, error_message

DRY_RUN_FIELD = "dry_run"


class ToolError(Exception):
    """A call of a tool was refused; the handler has not run, or its response is not returned."""


class Mode(Enum):
    """What a call of a tool does."""

    RUN = "run"
    READ = "read"
    DRY_RUN = "dry run"
    VALIDATE = "validate"


@dataclass(frozen=True)
class Limits:
    """The largest documents that are passed, in bytes of JSON.

    Args:
        request: the largest request.
        response: the largest response.
    """

    request: int = 256 * 1024
    response: int = 256 * 1024


@dataclass(frozen=True)
class Tool:
    """A handler as a tool.

    Args:
        name: the name of an installed handler, or the qualified name of one.
        handler_cls: the class of the handler.
        invoke: the function that AWS Lambda would call.
        mode: what a call does.
        limits: the largest documents that are passed.
    """

    name: str
    handler_cls: Any
    invoke: Callable[[JSONObject, Any], JSON]
    mode: Mode
    limits: Limits

    @property
    def description(self) -> str:
        """The description of the handler, and what a call does if it does not run the handler."""
        summary = describe(self.handler_cls)["summary"]
        notes = {
            Mode.DRY_RUN: "This server makes dry runs only: nothing is changed.",
            Mode.VALIDATE: "This server only validates the request: the handler does not run.",
        }
        return f"{summary} {notes[self.mode]}" if self.mode in notes else str(summary)

    @property
    def hints(self) -> Mapping[str, bool]:
        """Whether a call changes nothing, and whether it may delete or replace something."""
        is_read_only = self.mode is not Mode.RUN or self._effect == "none"
        return {
            "read_only_hint": is_read_only and not (self.mode is Mode.RUN and self._output_fields),
            "destructive_hint": self.mode is Mode.RUN and self._effect == "destructive",
        }

    @property
    def input_schema(self) -> JSONObject:
        """The JSON Schema of the request, without the fields that a call must not have."""
        schema: JSONObject = describe(self.handler_cls)["request"]
        kept = {
            name: value
            for name, value in schema.get("properties", {}).items()
            if name not in self._refused_fields
        }
        return {**schema, "type": "object", "properties": kept}

    @property
    def output_schema(self) -> JSONObject | None:
        """The JSON Schema of the response; `None` if it is not that of an object."""
        if self.mode is Mode.VALIDATE:
            return {"type": "object", "properties": {"valid": {"const": True}}}
        schema: JSONObject = describe(self.handler_cls)["response"]
        return schema if schema.get("type") == "object" else None

    def call(self, arguments: Mapping[str, Any], context: Any) -> JSONObject:
        """Call the tool.

        Args:
            arguments: the request.
            context: the context of the invocation.

        Returns:
            The response of the handler, or ``{"valid": true}`` if requests are only validated.

        Raises:
            ToolError: the request is not allowed, or a document is too large.
            Exception: an error of the handler.
        """
        request = self._allowed_request(arguments)
        if self.mode is Mode.VALIDATE:
            self.handler_cls.deserialize_request(request)
            return {"valid": True}
        try:
            response = self.invoke(request, context)
        except SystemExit as error:
            raise exited(error) from error
        document = response if isinstance(response, dict) else {}
        self._check_size("response", document, self.limits.response)
        return document

    def failure(self, error: BaseException) -> JSONObject:
        """Return the error document of a failed call.

        Its ``request_rejected`` says whether another request may succeed: nothing has run.
        """
        is_rejected = isinstance(error, ToolError) or (
            isinstance(error, ValueError)
            and (self.mode is Mode.VALIDATE or rejected_by(error) is self.handler_cls)
        )
        return {
            "errorType": type(error).__name__,
            "errorMessage": error_message(error),
            "request_rejected": is_rejected,
        }

    def _allowed_request(self, arguments: Mapping[str, Any]) -> JSONObject:
        self._check_size("request", arguments, self.limits.request)
        for name in self._refused_fields:
            # A client may send a field with its default, which changes nothing.
            if arguments.get(name) not in (None, name == DRY_RUN_FIELD):
                raise ToolError(
                    f"{name} of {self.name} is refused: start the server with --run {self.name} "
                    "to allow changes"
                )
        request = {
            name: value for name, value in arguments.items() if name not in self._refused_fields
        }
        return {**request, DRY_RUN_FIELD: True} if self.mode is Mode.DRY_RUN else request

    @property
    def _refused_fields(self) -> Sequence[str]:
        if self.mode is Mode.READ:
            return self._output_fields
        return (DRY_RUN_FIELD, *self._output_fields) if self.mode is Mode.DRY_RUN else ()

    @property
    def _effect(self) -> str:
        return _description_of(self.handler_cls).effect

    @property
    def _output_fields(self) -> tuple[str, ...]:
        return _description_of(self.handler_cls).output_fields

    def _check_size(self, kind: str, document: object, limit: int) -> None:
        size = len(json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass"))
        if size > limit:
            hint = (
                f"name a location in {' or '.join(self._output_fields)}, or ask for less"
                if kind == "response" and self._output_fields and self.mode is Mode.RUN
                else "ask for less"
            )
            raise ToolError(
                f"the {kind} of {self.name} has {size} bytes, more than the limit of {limit}: "
                f"{hint}, or raise --max-{kind}-bytes"
            )


def find_tools(names: Sequence[str], allowed: Sequence[str], limits: Limits) -> dict[str, Tool]:
    """Return tools by name.

    Args:
        names: the handlers to serve; by default all that are installed.
        allowed: those of them that may change something.
        limits: the largest documents that are passed.

    Raises:
        UsageError: there is no such handler, or it has no models.
    """
    served = list(names) or installed_names()
    for name in allowed:
        if name not in served:
            raise UsageError(f"--run {name}: not a served handler; add --tool {name}")
    return {name: _make_tool(name, name in allowed, limits) for name in served}


def choose_mode(handler_cls: Any, *, is_allowed: bool) -> Mode:
    """Return what a call of a handler does."""
    if is_allowed:
        return Mode.RUN
    if _description_of(handler_cls).effect == "none":
        return Mode.READ
    fields = getattr(handler_cls.get_request_cls(), "model_fields", {})
    return Mode.DRY_RUN if DRY_RUN_FIELD in fields else Mode.VALIDATE


def _make_tool(name: str, is_allowed: bool, limits: Limits) -> Tool:
    function = find_handler(name)
    handler_cls = handler_class_of(function)
    if handler_cls is None:
        raise UsageError(f"{name} is a plain function without models: it cannot be a tool")
    mode = choose_mode(handler_cls, is_allowed=is_allowed)
    return Tool(name, handler_cls, function, mode, limits)


def _description_of(handler_cls: Any) -> HandlerDescription:
    found: HandlerDescription = getattr(handler_cls, "description", HandlerDescription())
    return found
