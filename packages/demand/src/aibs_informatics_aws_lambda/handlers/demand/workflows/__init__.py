"""State machines for AWS Step Functions that run the handlers of this package.

Plain files lie beside this module: definitions in Amazon States Language,
``<name>.<variant>.asl.json``, and the policies of their roles, ``<name>.<variant>.policy.json``.
"""

from __future__ import annotations

from collections.abc import Mapping

from aibs_informatics_aws_lambda.common import workflows
from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.workflows import Variant

__all__ = ["render_policy", "render_workflow"]


def render_workflow(name: str, variant: Variant, values: Mapping[str, str]) -> JSONObject:
    """Return the definition of a state machine, ready to be created.

    Args:
        name: ``demand-execution``.
        variant: ``lambda``, or ``batch`` for jobs of one container image.
        values: ARNs and names for the placeholders, such as ``BucketName``; others are ignored.

    Raises:
        ValueError: there is no such workflow, or a value is missing; the message names them.
    """
    return workflows.render_definition(__name__, name, variant, values)


def render_policy(name: str, variant: Variant, values: Mapping[str, str]) -> JSONObject:
    """Return the IAM policy of a state machine's role, which allows no more than it needs.

    Args:
        name: as for `render_workflow`.
        variant: as for `render_workflow`.
        values: as for `render_workflow`, and ``Region``, ``AccountId``, ``StateMachineName``.

    Raises:
        ValueError: there is no such workflow, or a value is missing; the message names them.
    """
    return workflows.render_policy(__name__, name, variant, values)
