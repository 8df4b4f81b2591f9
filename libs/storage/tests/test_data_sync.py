from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.storage.data_sync import (
    BatchDataSyncRequest,
    BatchDataSyncResponse,
    DataSyncRequest,
    DataSyncResponse,
    PrepareBatchDataSyncRequest,
    PrepareBatchDataSyncResponse,
    RemoveDataPathsRequest,
    RemoveDataPathsResponse,
)

PATHS = {"source_path": "s3://bucket/source", "destination_path": "/destination"}
DEFAULTS = {
    "max_concurrency": 25,
    "retain_source_data": True,
    "delete": True,
    "require_lock": False,
    "force": False,
    "size_only": False,
    "fail_if_missing": True,
    "include_detailed_response": False,
    "remote_to_local_config": {"use_custom_tmp_dir": False},
}
NO_COUNTS = {
    "bytes_transferred": 0,
    "files_transferred": 0,
    "files_unchanged": 0,
    "bytes_unchanged": 0,
    "files_deleted": 0,
    "bytes_deleted": 0,
    "files_removed": 0,
}


def test_a_request_is_written_with_its_defaults_and_without_nulls():
    assert DataSyncRequest.from_dict(PATHS).to_dict() == {**PATHS, **DEFAULTS}


def test_every_field_is_read_in_both_cases_of_its_name():
    request = DataSyncRequest.from_dict(
        {
            "sourcePath": "s3://bucket//a//b/",
            "destinationPath": "fs-12345678:/x/",
            "sourcePathPrefix": "a/",
            "filterConfig": {"include": ".*", "exclude": ["x", "y"]},
            "filterRoot": "s3://bucket/a",
            "maxConcurrency": "5",
            "retainSourceData": "no",
            "requireLock": 1,
            "remoteToLocalConfig": {"useCustomTmpDir": True, "customTmpDir": "/tmp/x/"},
            "somethingElse": 1,
        }
    )

    assert request.to_dict() == {
        **DEFAULTS,
        "source_path": "s3://bucket/a/b/",
        "destination_path": "fs-12345678:/x/",
        "source_path_prefix": "a/",
        "filter_config": {"include": ".*", "exclude": ["x", "y"]},
        "filter_root": "s3://bucket/a",
        "max_concurrency": 5,
        "retain_source_data": False,
        "require_lock": True,
        "remote_to_local_config": {"use_custom_tmp_dir": True, "custom_tmp_dir": "/tmp/x"},
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source_path", None),
        ("source_path", "s3://x/y"),
        ("destination_path", "efs://fsap-12345678:/a"),
        ("destination_path", 5),
        ("max_concurrency", 0),
        ("max_concurrency", "5.5"),
        ("delete", None),
        ("filter_config", {"include": {}}),
        ("remote_to_local_config", None),
        ("remote_to_local_config", {"custom_tmp_dir": "s3://bucket/x"}),
    ],
)
def test_an_invalid_field_is_named(field, value):
    with pytest.raises(ValidationError, match=field):
        DataSyncRequest.from_dict({**PATHS, field: value})


def test_a_request_to_prepare_has_two_fields_more():
    more = {"batch_size_bytes_limit": 10, "temporary_request_payload_path": "s3://bucket/t/"}

    request = PrepareBatchDataSyncRequest.from_dict({**PATHS, **more})

    assert request.to_dict() == {**PATHS, **DEFAULTS, **more}
    assert PrepareBatchDataSyncRequest.from_dict(PATHS).to_dict() == {**PATHS, **DEFAULTS}
    assert DataSyncRequest.from_dict({**PATHS, **more}).to_dict() == {**PATHS, **DEFAULTS}


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
        "requests": [{**PATHS, **DEFAULTS}],
        "allow_partial_failure": False,
    }
    assert stored.to_dict() == {"requests": "s3://bucket/r.json", "allow_partial_failure": False}


@pytest.mark.parametrize("camel", [True, False])
def test_the_fields_of_one_request_are_a_batch_of_one(camel):
    paths = {"sourcePath": "s3://bucket/source", "destinationPath": "/destination"}
    event = {**(paths if camel else PATHS), "allow_partial_failure": True, "force": True}
    before = dict(event)

    batch = BatchDataSyncRequest.from_dict(event)

    assert batch.to_dict() == {
        "requests": [{**PATHS, **DEFAULTS, "force": True}],
        "allow_partial_failure": True,
    }
    assert event == before


def test_requests_win_over_the_fields_of_one_request_beside_them():
    other = {**PATHS, "source_path": "s3://bucket/other"}

    batch = BatchDataSyncRequest.from_dict({**PATHS, "requests": [other]})

    assert batch.to_dict()["requests"] == [{**other, **DEFAULTS}]


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


def test_responses_hold_all_counts():
    assert DataSyncResponse.from_dict({"request": PATHS, "result": {}}).to_dict() == {
        "request": {**PATHS, **DEFAULTS},
        "result": NO_COUNTS,
    }
    assert BatchDataSyncResponse.from_dict({"result": {}}).to_dict() == {
        "result": {
            **NO_COUNTS,
            "total_requests_count": 0,
            "successful_requests_count": 0,
            "failed_requests_count": 0,
        },
        "failed_requests": [],
    }
    prepared = {"requests": [{"requests": "s3://bucket/r.json", "allow_partial_failure": False}]}
    assert PrepareBatchDataSyncResponse.from_dict(prepared).to_dict() == prepared


def test_removals_take_paths_of_every_kind():
    paths = ["s3://bucket/a", "fs-12345678:/a", "/a"]

    assert RemoveDataPathsRequest.from_dict({}).to_dict() == {"paths": []}
    assert RemoveDataPathsRequest.from_dict({"paths": paths}).to_dict() == {"paths": paths}
    answer = {"size_bytes_removed": 3, "paths_removed": ["/a"]}
    assert RemoveDataPathsResponse.from_dict(answer).to_dict() == answer
