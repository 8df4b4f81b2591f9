"""State machine definitions for AWS Step Functions, as package data."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, TypeAlias

from .json_io import JSONObject

Variant: TypeAlias = Literal["lambda", "batch"]
"""How the handlers run: each as a Lambda function, or as AWS Batch jobs of one image."""

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Workflows:
    """The state machines of a package.

    Each has a definition in Amazon States Language, ``<name>.<variant>.asl.json``, and the policy
    of its role, ``<name>.<variant>.policy.json``, both with placeholders for ARNs and names.

    Args:
        package: the name of the package.
    """

    package: str

    def render_workflow(
        self, name: str, variant: Variant, values: Mapping[str, str]
    ) -> JSONObject:
        """Return the definition of a state machine.

        Args:
            name: the name of the workflow.
            variant: ``lambda``, or ``batch`` for jobs of one container image.
            values: the values of the placeholders, such as ``BucketName``; others are ignored.
                The default of ``Partition`` is ``aws``.

        Raises:
            ValueError: there is no such workflow, or a value is missing; the message names them.
        """
        return _render(self._read(name, variant, "asl"), name, values)

    def render_policy(self, name: str, variant: Variant, values: Mapping[str, str]) -> JSONObject:
        """Return the least-privilege IAM policy of a state machine's role.

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
                f"expected one of {', '.join(found)}"
            ) from None


def _render(text: str, name: str, values: Mapping[str, str]) -> JSONObject:
    known = {"Partition": "aws", **values}
    missing = sorted(set(_PLACEHOLDER.findall(text)) - known.keys())
    if missing:
        raise ValueError(f"placeholders without a value in {name}: {', '.join(missing)}")
    # Escaped as JSON: a placeholder is part of a string.
    filled = _PLACEHOLDER.sub(lambda found: json.dumps(known[found[1]])[1:-1], text)
    document: JSONObject = json.loads(filled)
    return document
