"""Whether a registered job definition runs a job as a wanted one would.

Batch reports definitions in its own words: retry actions in lower case, empty lists and defaults
where nothing was given, nothing where a variable was empty, lists in any order. Both sides are
brought into one form, and compared in that.
"""

from __future__ import annotations

import json
from typing import Any

from aibs_informatics_aws_lambda.common.json_io import JSONObject

# The other fields of a definition name it, or do not say how a job runs.
_FIELDS = (
    "consumableResourceProperties",
    "ecsProperties",
    "eksProperties",
    "nodeProperties",
    "parameters",
    "platformCapabilities",
    "propagateTags",
    "retryStrategy",
    "schedulingPriority",
    "tags",
    "timeout",
    "type",
)
_ORDERED_LISTS = ("command", "evaluateOnExit")

# The old form of resources: what a submission says about resources goes before it.
_OLD_RESOURCES = ("memory", "vcpus")

# What Batch takes, and may report, for a field that is absent.
_DEFAULTS = {
    "assignPublicIp": "DISABLED",
    "cpuArchitecture": "X86_64",
    "iam": "DISABLED",
    "operatingSystemFamily": "LINUX",
    "platformCapabilities": ["EC2"],
    "platformVersion": "LATEST",
    "rootDirectory": "/",
    "schedulingPriority": 0,
    "transitEncryption": "DISABLED",
}


def find_differences(wanted: JSONObject, registered: JSONObject) -> list[str]:
    """Return the names of the fields by which two definitions run a job differently.

    Values of environment variables and of resources do not count, as a submission repeats them;
    the names of the variables and the types of the resources do.

    Args:
        wanted: arguments of RegisterJobDefinition.
        registered: a job definition as DescribeJobDefinitions reports it.
    """
    one, other = _comparable(wanted), _comparable(registered)
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _comparable(definition: JSONObject) -> JSONObject:
    container = dict(definition.get("containerProperties") or {})
    fields = {name: definition.get(name) for name in _FIELDS}
    for name in _OLD_RESOURCES:
        container.pop(name, None)
    free_form = {name: fields.pop(name) or {} for name in ("parameters", "tags")}
    names = {
        "environment": _names_with_values(container.pop("environment", None)),
        "resourceRequirements": _types(container.pop("resourceRequirements", None)),
    }
    return {**_reduced({**fields, **container}), **free_form, **names}


def _names_with_values(environment: list[JSONObject] | None) -> set[str]:
    # Batch drops variables without a value when it registers a definition.
    return {variable["name"] for variable in environment or [] if variable.get("value")}


def _types(resources: list[JSONObject] | None) -> set[str]:
    return {resource["type"] for resource in resources or []}


def _reduced(fields: JSONObject) -> JSONObject:
    """Return fields without those that are empty or hold what Batch takes in their absence."""
    reduced = {name: _in_one_form(name, value) for name, value in fields.items()}
    return {
        name: value
        for name, value in reduced.items()
        if not _is_empty(value) and value != _DEFAULTS.get(name)
    }


def _in_one_form(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _reduced(value)
    if isinstance(value, list):
        items = [_in_one_form("", item) for item in value]
        return items if name in _ORDERED_LISTS else sorted(items, key=_sort_key)
    return value.lower() if name == "action" and isinstance(value, str) else value


def _sort_key(item: Any) -> str:
    return json.dumps(item, sort_keys=True, default=str)


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})
