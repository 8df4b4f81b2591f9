"""A state machine may switch from version 1.1.0 between two handlers, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.handlers.batch.model import CreateDefinitionAndPrepareArgsRequest
from aibs_informatics_aws_lambda.handlers.demand.model import (
    DemandExecution,
    PrepareDemandScaffoldingResponse,
)
from aibs_informatics_aws_lambda.storage.data_sync import (
    BatchDataSyncRequest,
    DataSyncRequest,
    DataSyncResponse,
    PrepareBatchDataSyncRequest,
    PrepareBatchDataSyncResponse,
    RemoveDataPathsRequest,
)

RESPONSES = json.loads((Path(__file__).parent / "recorded" / "responses-1.1.0.json").read_text())
MODELS: dict[str, type[PydanticBaseModel]] = {
    "DataSyncHandler": DataSyncResponse,
    "PrepareBatchDataSyncHandler": PrepareBatchDataSyncResponse,
    "PrepareDemandScaffoldingHandler": PrepareDemandScaffoldingResponse,
}


def next_requests(
    handler: str, response: dict[str, Any]
) -> Iterator[tuple[type[PydanticBaseModel], Any]]:
    """Yield the requests in a response, with the models of the handlers that take them next."""
    if handler == "DataSyncHandler":
        yield DataSyncRequest, response["request"]
    elif handler == "PrepareBatchDataSyncHandler":
        yield from ((BatchDataSyncRequest, request) for request in response["requests"])
    else:
        setup, cleanup = response["setup_configs"], response["cleanup_configs"]
        yield DemandExecution, response["demand_execution"]
        yield CreateDefinitionAndPrepareArgsRequest, setup["batch_create_request"]
        for sync in (*setup["data_sync_requests"], *cleanup["data_sync_requests"]):
            for model in (PrepareBatchDataSyncRequest, BatchDataSyncRequest, DataSyncRequest):
                yield model, sync
        for removal in cleanup["remove_data_paths_requests"]:
            yield RemoveDataPathsRequest, removal


@pytest.mark.parametrize("recorded", RESPONSES, ids=lambda recorded: recorded["handler"])
def test_next_handlers_accept_the_requests_in_a_response_of_1_1_0(recorded):
    requests = list(next_requests(recorded["handler"], recorded["response"]))

    assert requests
    for model, request in requests:
        assert model.is_valid(request), (model, request)


@pytest.mark.parametrize("recorded", RESPONSES, ids=lambda recorded: recorded["handler"])
def test_all_fields_of_a_response_of_1_1_0_are_kept(recorded):
    response = MODELS[recorded["handler"]].from_dict(recorded["response"])

    assert holds(response.to_dict(), recorded["response"])


def holds(written: Any, recorded: Any) -> bool:
    """Return whether all that was recorded is written; further fields are possible."""
    if isinstance(recorded, dict):
        return all(name in written and holds(written[name], recorded[name]) for name in recorded)
    return written == recorded
