"""What a request is resolved to, before anything is planned."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.locations import Root
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Request, Response
from aibs_informatics_aws_lambda.handlers.data_sync.s3.service import Service
from aibs_informatics_aws_lambda.handlers.data_sync.sync.resolve import ResolvedSync, resolve_sync
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from tables import table


class FakeS3:
    """An S3 that has the objects whose keys are given."""

    service = Service("http://s3", is_aws=True)
    begun_listings = ()

    def __init__(self, keys: str) -> None:
        self.keys = sorted(keys.split())

    def send(self, request: Request) -> Future[Response]:
        future: Future[Response] = Future()
        future.set_result(self.ask(request))
        return future

    def ask(self, request: Request) -> Response:
        keys = [key for key in self.keys if key.startswith(request.prefix)]
        if "max-keys=1&" in request.query:
            keys = keys[:1]
        found = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00Z</LastModified>"
            f"<ETag>e</ETag><Size>{int(not key.endswith('/'))}</Size></Contents>"
            for key in keys
        )
        text = (
            '<?xml version="1.0"?><ListBucketResult><Name>bucket</Name>'
            f"<Prefix>{request.prefix}</Prefix><IsTruncated>false</IsTruncated>"
            f"{found}</ListBucketResult>"
        )
        return Response({}, text.encode())


def resolve(keys: str, source: str, destination: str, **options) -> ResolvedSync:
    request = DataSyncRequest(source_path=source, destination_path=destination, **options)
    return resolve_sync(request, lambda: FakeS3(keys))


@table(
    "keys, source, branches",
    {
        "a prefix is one branch": ("src/a src/b", "s3://bucket/src", ["src/: a b"]),
        "an object is one branch": ("src", "s3://bucket/src", ["src: "]),
        "an object and a prefix of one name are two": (
            "src src/a",
            "s3://bucket/src",
            ["src: ", "src/: a"],
        ),
        "a slash leaves the object out": ("src src/a", "s3://bucket/src/", ["src/: a"]),
        "a lone placeholder is an empty source": ("src/", "s3://bucket/src/", ["src/: none"]),
        "a placeholder beside others is an entry": (
            "src/ src/a",
            "s3://bucket/src/",
            ["src/:  a"],
        ),
        "an object beside a lone placeholder is alone": ("src src/", "s3://bucket/src", ["src: "]),
        "what does not exist has no branch": ("src2/a", "s3://bucket/src", []),
    },
)
def test_branches(keys, source, branches):
    resolved = resolve(keys, source, "s3://other/dst")
    assert [
        f"{branch.route.source.path}: "
        + (" ".join(entry.relative for entry in branch.entries) if branch.entries else "none")
        for branch in resolved.branches
    ] == branches
    assert resolved.exists is bool(branches)


def test_paths_are_resolved_to_bucket_and_key(tmp_path: Path):
    resolved = resolve("src/a", "s3://bucket/src", str(tmp_path))
    assert resolved.source == Root("bucket", "src")
    assert resolved.destination == Root(None, str(tmp_path))


def test_source_that_is_the_destination_has_no_branch():
    resolved = resolve("src/a", "s3://bucket/src", "s3://bucket/src/")
    assert (resolved.exists, resolved.branches) == (True, [])


def test_object_and_prefix_of_one_name_cannot_both_be_local(tmp_path: Path):
    with pytest.raises(
        ValueError, match=r"is an object and also a key prefix.*name s3://bucket/s/"
    ):
        resolve("s s/a", "s3://bucket/s", str(tmp_path))


def test_object_beside_a_lone_placeholder_can_be_local(tmp_path: Path):
    [branch] = resolve("s s/", "s3://bucket/s", str(tmp_path)).branches
    assert branch.route.single


def test_filter_is_made_only_of_patterns():
    assert resolve("s/a", "s3://bucket/s", "s3://other/d").selects is None
    config = {"include": "a"}
    selects = resolve("s/a", "s3://bucket/s", "s3://other/d", filter_config=config).selects
    assert selects is not None
    assert (selects("a"), selects("b")) == (True, False)


def test_local_source_needs_no_s3(tmp_path: Path):
    def no_s3() -> None:
        raise AssertionError("asked for")

    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a").write_text("x")
    request = DataSyncRequest(
        source_path=str(tmp_path / "src"), destination_path=str(tmp_path / "dst")
    )
    [branch] = resolve_sync(request, no_s3).branches
    assert [entry.relative for entry in branch.entries] == ["a"]
