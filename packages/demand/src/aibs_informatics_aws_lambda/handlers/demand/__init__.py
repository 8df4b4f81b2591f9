"""Handlers that prepare demand executions: containerised jobs with inputs and outputs in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.lazy import lazy_names

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.common.handler import LambdaHandlerType

    from .context_manager import DemandExecutionContextManager as DemandExecutionContextManager
    from .execution import DemandExecution as DemandExecution
    from .model import (
        PrepareDemandScaffoldingRequest as PrepareDemandScaffoldingRequest,
        PrepareDemandScaffoldingResponse as PrepareDemandScaffoldingResponse,
    )
    from .scaffolding import PrepareDemandScaffoldingHandler as PrepareDemandScaffoldingHandler

    scaffolding_handler: LambdaHandlerType

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "context_manager": ("DemandExecutionContextManager",),
        "execution": ("DemandExecution",),
        "model": ("PrepareDemandScaffoldingRequest", "PrepareDemandScaffoldingResponse"),
        "scaffolding": ("PrepareDemandScaffoldingHandler", "handler as scaffolding_handler"),
    },
)
