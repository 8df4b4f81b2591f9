"""Definitions of state machines for AWS Step Functions that packages ship."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Literal, TypeAlias

from .json_io import JSONObject

Variant: TypeAlias = Literal["lambda", "batch"]
"""What runs the handlers: a Lambda function each, or AWS Batch jobs of one container image."""

_PLACEHOLDER: Final = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Workflows:
    """The state machines that lie beside a package's modules.

    Each is a definition in Amazon States Language, ``<name>.<variant>.asl.json``, and the policy
    of its role, ``<name>.<variant>.policy.json``, both with placeholders for ARNs and names.

    Args:
        package: the name of the package.
    """

    package: str

    def render_workflow(
        self, name: str, variant: Variant, values: Mapping[str, str]
    ) -> JSONObject:
        """Return the definition of a state machine, ready to be created.

        Args:
            name: of the workflow.
            variant: ``lambda``, or ``batch`` for jobs of one container image.
            values: what stands for each placeholder, such as ``BucketName``; others are ignored,
                and ``Partition`` is ``aws`` unless it is given.

        Raises:
            ValueError: there is no such workflow, or a value is missing; the message names them.
        """
        return _render(self._read(name, variant, "asl"), name, values)

    def render_policy(self, name: str, variant: Variant, values: Mapping[str, str]) -> JSONObject:
        """Return the IAM policy of a state machine's role, which allows no more than it needs.

        Args:
            name: as for `render_workflow`.
            variant: as for `render_workflow`.
            values: as for `render_workflow`, and ``Region``, ``AccountId``, ``StateMachineName``.

        Raises:
            ValueError: there is no such workflow, or a value is missing; the message names them.
        """
        return _render(self._read(name, variant, "policy"), name, values)

    def placeholders_of(self, name: str, variant: Variant) -> set[str]:
        """Return the names of the placeholders in a definition.

        Raises:
            ValueError: there is no such workflow.
        """
        return set(_PLACEHOLDER.findall(self._read(name, variant, "asl")))

    def _read(self, name: str, variant: str, kind: str) -> str:
        folder = files(self.package)
        try:
            return folder.joinpath(f"{name}.{variant}.{kind}.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            found = sorted(
                file.name.removesuffix(".asl.json")
                for file in folder.iterdir()
                if file.name.endswith(".asl.json")
            )
            raise ValueError(
                f"{self.package} has no workflow {name!r} for {variant!r}: "
                f"it has {', '.join(found)}"
            ) from None


def _render(text: str, name: str, values: Mapping[str, str]) -> JSONObject:
    known = {"Partition": "aws", **values}
    missing = sorted(set(_PLACEHOLDER.findall(text)) - known.keys())
    if missing:
        raise ValueError(f"{name} needs a value for {', '.join(missing)}")
    # Quoted as JSON: a value is text within a text.
    filled = _PLACEHOLDER.sub(lambda found: json.dumps(known[found[1]])[1:-1], text)
    document: JSONObject = json.loads(filled)
    return document
