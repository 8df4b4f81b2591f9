"""Definitions of state machines for AWS Step Functions that packages ship."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final, Literal, TypeAlias

from aibs_informatics_aws_lambda.common.json_io import JSONObject

__all__ = ["Variant", "placeholders_of", "render_definition", "render_policy"]

Variant: TypeAlias = Literal["lambda", "batch"]
"""What runs the handlers: a Lambda function each, or AWS Batch jobs of one container image."""

_PLACEHOLDER: Final = re.compile(r"\$\{(\w+)\}")


def render_definition(
    package: str, name: str, variant: Variant, values: Mapping[str, str]
) -> JSONObject:
    """Return the definition of a state machine in Amazon States Language, ready to be created.

    Args:
        package: the package that has the definition.
        name: of the workflow.
        variant: what runs its handlers.
        values: what stands for each placeholder; others are ignored, and ``Partition`` is ``aws``
            unless it is given.

    Raises:
        ValueError: there is no such definition, or a value is missing; the message names them.
    """
    return _render(_read(package, name, variant, "asl"), name, values)


def render_policy(
    package: str, name: str, variant: Variant, values: Mapping[str, str]
) -> JSONObject:
    """Return the IAM policy of a state machine's role, of least privilege.

    Args:
        package: the package that has the definition.
        name: of the workflow.
        variant: what runs its handlers.
        values: as for `render_definition`, and ``Region``, ``AccountId``, ``StateMachineName``.

    Raises:
        ValueError: there is no such definition, or a value is missing; the message names them.
    """
    return _render(_read(package, name, variant, "policy"), name, values)


def placeholders_of(package: str, name: str, variant: Variant) -> set[str]:
    """Return the names of the placeholders in a definition.

    Raises:
        ValueError: there is no such definition.
    """
    return set(_PLACEHOLDER.findall(_read(package, name, variant, "asl")))


def _render(text: str, name: str, values: Mapping[str, str]) -> JSONObject:
    known = {"Partition": "aws", **values}
    missing = sorted(set(_PLACEHOLDER.findall(text)) - known.keys())
    if missing:
        raise ValueError(f"{name} needs a value for {', '.join(missing)}")
    # Quoted as JSON: a value is text within a text.
    filled = _PLACEHOLDER.sub(lambda found: json.dumps(known[found[1]])[1:-1], text)
    document: JSONObject = json.loads(filled)
    return document


def _read(package: str, name: str, variant: str, kind: str) -> str:
    folder = files(package)
    try:
        return folder.joinpath(f"{name}.{variant}.{kind}.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        found = sorted(
            file.name.removesuffix(".asl.json")
            for file in folder.iterdir()
            if file.name.endswith(".asl.json")
        )
        raise ValueError(
            f"{package} has no workflow {name!r} for {variant!r}: it has {', '.join(found)}"
        ) from None
