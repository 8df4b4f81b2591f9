"""Compare a job definition with a registered revision.

DescribeJobDefinitions does not return what was registered: retry actions are in lower case, empty
lists and defaults are added, empty variables are dropped, and lists change their order. Both
definitions are normalized before they are compared.
"""

import json
from typing import Any

from aibs_informatics_aws_lambda.common.json_io import JSONObject

# The other fields identify a revision, or do not affect how a job runs.
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

# The old form of resource requirements; container overrides take precedence over it.
_OLD_RESOURCES = ("memory", "vcpus")

# Defaults of Batch for absent fields, which it may return.
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
    """Return the names of the fields that make two definitions run a job differently.

    Values of environment variables and of resource requirements are ignored, because the
    container overrides of a submission set them. Names of variables and types of resources are
    compared.

    Args:
        wanted: arguments of RegisterJobDefinition.
        registered: a job definition as returned by DescribeJobDefinitions.
    """
    left, right = _normalize(wanted), _normalize(registered)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def _normalize(definition: JSONObject) -> JSONObject:
    fields = {name: definition.get(name) for name in _FIELDS}
    free_form = {name: fields.pop(name) or {} for name in ("parameters", "tags")}
    nodes = {"nodeProperties": _normalize_nodes(fields.pop("nodeProperties") or {})}
    container = _normalize_container(definition.get("containerProperties") or {})
    return {**_normalize_fields(fields), **container, **free_form, **nodes}


def _normalize_nodes(properties: JSONObject) -> JSONObject:
    ranges = properties.get("nodeRangeProperties") or []
    return {
        **{name: value for name, value in properties.items() if name != "nodeRangeProperties"},
        **{
            nodes["targetNodes"]: _normalize_container(nodes.get("container") or {})
            for nodes in ranges
        },
    }


def _normalize_container(properties: JSONObject) -> JSONObject:
    fields = dict(properties)
    for name in _OLD_RESOURCES:
        fields.pop(name, None)
    names = {
        "environment": _names_with_values(fields.pop("environment", None)),
        "resourceRequirements": _types(fields.pop("resourceRequirements", None)),
    }
    return {**_normalize_fields(fields), **names}


def _names_with_values(environment: list[JSONObject] | None) -> set[str]:
    # Batch drops variables with an empty value.
    return {variable["name"] for variable in environment or [] if variable.get("value")}


def _types(resources: list[JSONObject] | None) -> set[str]:
    return {resource["type"] for resource in resources or []}


def _normalize_fields(fields: JSONObject) -> JSONObject:
    """Return normalized fields without those that are empty or have their default value."""
    normalized = {name: _normalize_value(name, value) for name, value in fields.items()}
    return {
        name: value
        for name, value in normalized.items()
        if not _is_empty(value) and value != _DEFAULTS.get(name)
    }


def _normalize_value(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _normalize_fields(value)
    if isinstance(value, list):
        items = [_normalize_value("", item) for item in value]
        return items if name in _ORDERED_LISTS else sorted(items, key=_sort_key)
    return value.lower() if name == "action" and isinstance(value, str) else value


def _sort_key(item: Any) -> str:
    return json.dumps(item, sort_keys=True, default=str)


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})
