"""How many requests a sync makes: listings, and one for each entry that moves."""

from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.s3.endpoint import Endpoint
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest


def sync(source, destination, **options) -> None:
    Engine().sync(
        DataSyncRequest(source_path=str(source), destination_path=str(destination), **options)
    )


def made(faults) -> list[str]:
    return sorted("LIST" if "list-type" in path else method for method, path in faults.requests)


def test_upload_is_a_listing_and_a_request_for_each_file(bucket, faults, tmp_path):
    for name in "abc":
        (tmp_path / name).write_text("x")
    sync(tmp_path, "s3://bucket/dst")
    assert made(faults) == ["LIST", "PUT", "PUT", "PUT"]


def test_download_is_two_listings_and_a_request_for_each_object(bucket, faults, tmp_path):
    for name in "abc":
        bucket.put(f"src/{name}", "x")
    sync("s3://bucket/src", tmp_path / "dst")
    assert made(faults) == ["GET", "GET", "GET", "LIST", "LIST"]


@pytest.mark.parametrize("is_aws", [True, False])
def test_empty_object_is_looked_at_unless_aws_lists_it(
    bucket, faults, tmp_path, monkeypatch, is_aws
):
    monkeypatch.setattr(Endpoint, "is_aws", is_aws)
    monkeypatch.setattr(Endpoint, "address", lambda self, name: (self.endpoint[7:], f"/{name}/"))
    bucket.put("src/a")
    sync("s3://bucket/src/", tmp_path / "dst")
    assert (tmp_path / "dst" / "a").read_bytes() == b""
    assert made(faults) == (["LIST"] if is_aws else ["HEAD", "LIST"])


def test_copy_is_listings_and_a_request_for_each_object(bucket, faults):
    for name in "abc":
        bucket.put(f"src/{name}", "x")
    sync("s3://bucket/src/", "s3://bucket/dst")
    assert made(faults) == ["LIST", "LIST", "PUT", "PUT", "PUT"]


def test_what_is_in_sync_costs_listings_only(bucket, faults, tmp_path):
    (tmp_path / "a").write_text("x")
    sync(tmp_path, "s3://bucket/dst")
    faults.requests.clear()
    sync(tmp_path, "s3://bucket/dst")
    assert made(faults) == ["LIST"]


@pytest.mark.parametrize(("setting", "checksum"), [("", "4RWCqeBLzwQ="), ("when_required", None)])
def test_file_goes_with_a_checksum_unless_that_is_switched_off(
    bucket, faults, tmp_path, monkeypatch, setting, checksum
):
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", setting)
    (tmp_path / "a").write_text("x\n")
    sync(tmp_path / "a", "s3://bucket/a", force=True)
    assert bucket.get("a") == b"x\n"
    assert faults.checksums == [checksum]
