from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.storage.data_sync.batch import (
    BatchDataSyncRequest,
    BatchDataSyncResponse,
    PrepareBatchDataSyncRequest,
    PrepareBatchDataSyncResponse,
)
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncCounts, DataSyncRequest

PATHS = {"source_path": "s3://bucket/source", "destination_path": "/destination"}
SYNC = DataSyncRequest.from_dict(PATHS).to_dict()


def test_a_request_to_prepare_is_a_sync_with_two_more_fields():
    more = {"batch_size_bytes_limit": 10, "temporary_request_payload_path": "s3://bucket/t/"}

    request = PrepareBatchDataSyncRequest.from_dict({**PATHS, **more})

    assert request.to_dict() == {**SYNC, **more}
    assert PrepareBatchDataSyncRequest.from_dict(PATHS).to_dict() == SYNC
    assert DataSyncRequest.from_dict({**PATHS, **more}).to_dict() == SYNC


@pytest.mark.parametrize(
    ("field", "value"),
    [("batch_size_bytes_limit", -1), ("temporary_request_payload_path", "/tmp/x")],
)
def test_limits_and_payload_paths_are_checked(field, value):
    with pytest.raises(ValidationError, match=field):
        PrepareBatchDataSyncRequest.from_dict({**PATHS, field: value})


def test_a_batch_is_a_list_or_a_location():
    batch = BatchDataSyncRequest.from_dict({"requests": [PATHS]})
    stored = BatchDataSyncRequest.from_dict({"requests": "s3://bucket//r.json"})

    assert batch.to_dict() == {
        "requests": [SYNC],
        "allow_partial_failure": False,
    }
    assert stored.to_dict() == {"requests": "s3://bucket/r.json", "allow_partial_failure": False}


@pytest.mark.parametrize("camel", [True, False])
def test_the_fields_of_a_sync_make_a_batch_of_one(camel):
    paths = {"sourcePath": "s3://bucket/source", "destinationPath": "/destination"}
    event = {**(paths if camel else PATHS), "allow_partial_failure": True, "force": True}
    before = dict(event)

    batch = BatchDataSyncRequest.from_dict(event)

    assert batch.to_dict() == {
        "requests": [{**SYNC, "force": True}],
        "allow_partial_failure": True,
    }
    assert event == before


def test_requests_take_precedence_over_the_fields_of_a_single_request():
    other = {**PATHS, "source_path": "s3://bucket/other"}

    batch = BatchDataSyncRequest.from_dict({**PATHS, "requests": [other]})

    assert batch.to_dict()["requests"] == [{**SYNC, **other}]


@pytest.mark.parametrize(
    ("event", "named"),
    [
        ({}, "requests"),
        ({"requests": None}, "requests"),
        ({"requests": "/local.json"}, "requests"),
        ({"requests": [PATHS, {**PATHS, "max_concurrency": -1}]}, r"requests.*1\.max_concurrency"),
        ({"source_path": "s3://bucket/a"}, "destination_path"),
        ({**PATHS, "size_only": "perhaps"}, "size_only"),
    ],
)
def test_one_invalid_entry_makes_a_batch_invalid(event, named):
    with pytest.raises(ValidationError, match=named):
        BatchDataSyncRequest.from_dict(event)


def test_a_response_holds_all_counts():
    assert BatchDataSyncResponse.from_dict({"result": {}}).to_dict() == {
        "result": {
            **DataSyncCounts().to_dict(),
            "total_requests_count": 0,
            "successful_requests_count": 0,
            "failed_requests_count": 0,
        },
        "failed_requests": [],
    }


def test_prepared_batches_are_written_without_nulls():
    prepared = {"requests": [{"requests": "s3://bucket/r.json", "allow_partial_failure": False}]}

    assert PrepareBatchDataSyncResponse.from_dict(prepared).to_dict() == prepared
