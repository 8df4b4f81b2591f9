from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest, DataSyncResponse

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


def test_a_response_holds_all_counts():
    assert DataSyncResponse.from_dict({"request": PATHS, "result": {}}).to_dict() == {
        "request": {**PATHS, **DEFAULTS},
        "result": NO_COUNTS,
    }
