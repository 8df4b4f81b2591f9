"""The rules of CloudWatch for metrics and dimensions in embedded metric format (EMF).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

_RESERVED_KEY = "_aws"
# Powertools prints 29, with `service`, which it adds at the end.
_MAX_DIMENSIONS = 28
_MAX_NAME_LENGTH = 255
_MAX_DIMENSION_VALUE_LENGTH = 1024
_LARGEST_VALUE = 2.0**360


def metric_problem(
    name: object,
    unit: str,
    value: object,
    resolution: object,
    *,
    units: Collection[str],
    metrics: Mapping[str, Mapping[str, Any]],
    other_keys: Collection[str],
) -> str | None:
    """Return why a metric cannot be sent, or `None` if it can.

    Args:
        name: the name of the metric.
        unit: the unit.
        value: the value.
        resolution: the resolution in seconds.
        units: the valid units.
        metrics: the metrics that are collected already, by name.
        other_keys: the names of dimensions and metadata, which share a blob with the metrics.
    """
    if problem := _name_problem(name, other_keys):
        return problem
    if unit not in units:
        return f"{unit!r} is not a unit of CloudWatch"
    collected = metrics.get(str(name))
    if collected is not None and collected["Unit"] != unit:
        return f"it has the unit {collected['Unit']} already, not {unit}"
    if not isinstance(value, int | float):
        return f"{type(value).__name__} is not a number"
    if not math.isfinite(value) or abs(value) > _LARGEST_VALUE:
        return "its value is not a finite number that CloudWatch accepts"
    if resolution not in (1, 60):
        return "its resolution is neither 1 nor 60 seconds"
    return None


def dimension_problem(
    name: object, value: object, *, dimensions: Mapping[str, str], other_keys: Collection[str]
) -> str | None:
    """Return why a dimension cannot be added, or `None` if it can.

    Args:
        name: the name of the dimension.
        value: the value, as it is written.
        dimensions: the dimensions that there are already.
        other_keys: the names of metrics and metadata, which share a blob with the dimensions.
    """
    if problem := _name_problem(name, other_keys):
        return problem
    if str(name).startswith(":"):
        return "its name starts with a colon"
    if not str(value).strip():
        return "its value is empty"
    if len(str(value)) > _MAX_DIMENSION_VALUE_LENGTH:
        return f"its value is longer than {_MAX_DIMENSION_VALUE_LENGTH} characters"
    others = dimensions.keys() - {name, "service"}
    if name != "service" and len(others) >= _MAX_DIMENSIONS:
        return f"there are {_MAX_DIMENSIONS} dimensions, and service, already"
    return None


def _name_problem(name: object, other_keys: Collection[str]) -> str | None:
    if not isinstance(name, str) or not name.strip():
        return "its name is empty"
    if len(name) > _MAX_NAME_LENGTH:
        return f"its name is longer than {_MAX_NAME_LENGTH} characters"
    if not name.isascii():
        return "its name is not ASCII"
    if name == _RESERVED_KEY:
        return "its name is reserved"
    if name in other_keys:
        return "its name is that of a metric, dimension or metadata key of the same blob"
    return None
