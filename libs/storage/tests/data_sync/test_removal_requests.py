from __future__ import annotations

from aibs_informatics_aws_lambda.storage.data_sync.removal_requests import (
    RemoveDataPathsRequest,
    RemoveDataPathsResponse,
)


def test_removals_accept_all_kinds_of_locations():
    paths = ["s3://bucket/a", "fs-12345678:/a", "/a"]

    assert RemoveDataPathsRequest.from_dict({}).to_dict() == {"paths": []}
    assert RemoveDataPathsRequest.from_dict({"paths": paths}).to_dict() == {"paths": paths}


def test_a_response_is_read_as_it_is_written():
    response = {"size_bytes_removed": 3, "paths_removed": ["/a"]}

    assert RemoveDataPathsResponse.from_dict(response).to_dict() == response
