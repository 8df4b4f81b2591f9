"""Mistakes in definitions of state machines that asl-validator and cfn-lint do not see."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import botocore.session
from botocore import xform_name
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

__all__ = ["problems_of", "states_of"]

State = Mapping[str, Any]

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
_LONGEST_NAME: Final = 80

_INTEGRATION: Final = re.compile(r"arn:[^:]+:states:::(?:aws-sdk:)?(\w+):(\w+)(\.\w+(:2)?)?")
_SERVICES: Final = {"states": "stepfunctions"}
# What only the state machine knows, and what Step Functions fills in itself.
_BLOBS: Final = {"Payload", "Body"}


def states_of(definition: State) -> Iterator[tuple[str, State]]:
    """Yield all states of a state machine with their names, nested ones too."""
    for name, state in definition["States"].items():
        yield name, state
        for machine in [*state.get("Branches", []), *_processor(state)]:
            yield from states_of(machine)


def problems_of(definition: State) -> list[str]:
    """Return what is wrong, a line each."""
    return list(_problems(definition))


def _problems(definition: State) -> Iterator[str]:
    if "TimeoutSeconds" not in definition:
        yield "the state machine has no TimeoutSeconds"
    seen: set[str] = set()
    for name, state in states_of(definition):
        if name in seen:
            yield f"{name}: there are two states of this name"
        if len(name) > _LONGEST_NAME:
            yield f"{name}: the name has more than {_LONGEST_NAME} characters"
        seen.add(name)
        for problem in (*_of_errors(state), *_of_map(state), *_of_task(state)):
            yield f"{name}: {problem}"


def _processor(state: State) -> list[State]:
    return [machine for machine in [state.get("ItemProcessor")] if machine]


def _of_errors(state: State) -> Iterator[str]:
    for field in ("Retry", "Catch"):
        rules = state.get(field, [])
        for place, rule in enumerate(rules):
            errors = rule["ErrorEquals"]
            if "States.ALL" in errors and (len(errors) > 1 or place < len(rules) - 1):
                yield f"States.ALL must be alone and last in {field}"
    for rule in state.get("Retry", []):
        if {"States.ALL", "States.TaskFailed"}.intersection(rule["ErrorEquals"]):
            yield "errors of the work itself are tried again"
        if rule.get("JitterStrategy") != "FULL" or rule.get("BackoffRate") != 2:
            yield "it is not tried again with growing waits and jitter"


def _of_map(state: State) -> Iterator[str]:
    if state["Type"] != "Map":
        return
    mode = state["ItemProcessor"].get("ProcessorConfig", {}).get("Mode", "INLINE")
    for field in (
        "ItemReader",
        "ItemBatcher",
        "Label",
        "ResultWriter",
        "ToleratedFailureCountPath",
        "ToleratedFailurePercentage",
        "ToleratedFailurePercentagePath",
    ):
        if field in state and mode != "DISTRIBUTED":
            yield f"{field} is only possible in a Distributed Map"
    if "MaxConcurrency" not in state and "MaxConcurrencyPath" not in state:
        yield "it has no MaxConcurrency"
    for field in ("ItemReader", "ResultWriter"):
        if field in state:
            # The results have a prefix where an object has a key.
            renamed = {
                re.sub("^Prefix", "Key", k): v for k, v in state[field]["Parameters"].items()
            }
            yield from _of_call(state[field]["Resource"], renamed, complete=field == "ItemReader")


def _of_task(state: State) -> Iterator[str]:
    if state["Type"] != "Task":
        return
    if not isinstance(state.get("TimeoutSeconds"), int):
        yield "it has no TimeoutSeconds"
    if not state.get("Retry"):
        yield "throttling is not waited for"
    parameters = state.get("Arguments", state.get("Parameters", {}))
    yield from _of_call(state["Resource"], parameters, complete=True)


def _of_call(resource: str, parameters: State, *, complete: bool) -> Iterator[str]:
    found = _INTEGRATION.fullmatch(resource)
    if not found:
        yield f"{resource} is no service integration"
        return
    service, action, pattern, _ = found.groups()
    model = _service_model(_SERVICES.get(service, service))
    name = next((n for n in model.operation_names if xform_name(n) == xform_name(action)), None)
    if name is None:
        yield f"{service} has no action {action}"
        return
    if pattern and "aws-sdk" in resource:
        yield f"{resource}: a call of the SDK does not wait for what it starts"
    shape = model.operation_model(name).input_shape
    if shape:
        yield from _of_parameters(parameters, shape, action, complete=complete)


@cache
def _service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def _of_parameters(value: Any, shape: Shape, where: str, *, complete: bool) -> Iterator[str]:
    if isinstance(shape, ListShape) and isinstance(value, list):
        for entry in value:
            yield from _of_parameters(entry, shape.member, where, complete=complete)
    if not isinstance(shape, StructureShape) or not isinstance(value, Mapping):
        return
    # In the letter case of Step Functions, whatever the service has.
    members = {member[0].upper() + member[1:]: one for member, one in shape.members.items()}
    given = {name.removesuffix(".$"): one for name, one in value.items()}
    for name, one in given.items():
        if name not in members:
            yield f"{where} takes no {name}"
        elif name not in _BLOBS and not isinstance(members[name], MapShape):
            yield from _of_parameters(one, members[name], f"{where}.{name}", complete=complete)
    required = {member[0].upper() + member[1:] for member in shape.required_members}
    for name in sorted(required - given.keys()) if complete else ():
        yield f"{where} needs {name}"
