"""State machines for AWS Step Functions that run the handlers of this package.

Plain files in Amazon States Language lie beside this module, ``<name>.<variant>.asl.json``.
"""

from __future__ import annotations

from collections.abc import Mapping

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.workflows import Variant, render_definition

__all__ = ["render_workflow"]


def render_workflow(name: str, variant: Variant, values: Mapping[str, str]) -> JSONObject:
    """Return the definition of a state machine, ready to be created.

    Args:
        name: ``demand-execution``.
        variant: ``lambda``, or ``batch`` for jobs of one container image.
        values: ARNs and names for the placeholders, such as ``BucketName``; others are ignored.

    Raises:
        ValueError: there is no such workflow, or a value is missing; the message names them.
    """
    return render_definition(__name__, name, variant, values)
