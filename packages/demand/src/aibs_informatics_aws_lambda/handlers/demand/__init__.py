"""Handlers that prepare demand executions: containerised jobs with inputs and outputs on S3."""

from __future__ import annotations

from aibs_informatics_aws_lambda.common.collector import paused_collector_in_lambda

with paused_collector_in_lambda():
    from .scaffolding import handler as scaffolding_handler

__all__ = ["scaffolding_handler"]
