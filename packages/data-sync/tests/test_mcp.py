"""A sync as a tool of an agent."""

from __future__ import annotations

import anyio
import pytest
from aibs_informatics_aws_lambda.common.cli import mcp_server
from aibs_informatics_aws_lambda.common.cli.tools import Limits, find_tools
from mcp.client import Client

READS = [
    "get-data-path-stats",
    "get-json-from-file",
    "list-data-paths",
    "outdated-data-path-scanner",
    "prepare-batch-data-sync",
    "summarize-batch-data-sync",
]
CHANGES = ["batch-data-sync", "data-sync", "put-json-to-file", "remove-data-paths"]


def call(names, run, tool, arguments, **options):
    """Call a tool and return the result."""

    async def connect():
        server = mcp_server.make_server(find_tools(names, run, Limits()))
        async with Client(server) as client:
            return await client.call_tool(tool, arguments, **options)

    return anyio.run(connect)


@pytest.fixture
def folders(tmp_path):
    source, destination = tmp_path / "source", tmp_path / "destination"
    for number in range(3):
        (source / str(number)).mkdir(parents=True)
        (source / str(number) / "file").write_text("x" * 1000)
    destination.mkdir()
    (destination / "extraneous").write_text("")
    return source, destination


def test_tools_are_the_installed_handlers_with_their_hints():
    async def connect():
        server = mcp_server.make_server(find_tools([], CHANGES, Limits()))
        async with Client(server) as client:
            return (await client.list_tools()).tools

    hints = {tool.name: tool.annotations for tool in anyio.run(connect)}

    assert {*READS, *CHANGES} <= set(hints)
    assert all(hints[name].read_only_hint for name in READS)
    assert all(hints[name].destructive_hint for name in CHANGES)


def test_sync_that_is_not_allowed_to_run_is_a_dry_run(folders):
    source, destination = folders
    request = {"source_path": str(source), "destination_path": str(destination)}

    result = call(["data-sync"], [], "data-sync", request)

    assert not result.is_error, result
    assert result.structured_content["result"]["files_transferred"] == 3
    assert result.structured_content["request"]["dry_run"] is True
    assert [path.name for path in destination.iterdir()] == ["extraneous"]


def test_sync_reports_its_progress(folders, aws, monkeypatch):
    source, _ = folders
    aws.make_bucket()
    monkeypatch.setattr(mcp_server, "_SECONDS_BETWEEN_REPORTS", 0)
    reports = []

    async def note(done, total, message):
        reports.append((done, total, message))

    request = {"source_path": str(source), "destination_path": "s3://bucket/"}
    result = call(["data-sync"], ["data-sync"], "data-sync", request, progress_callback=note)

    assert not result.is_error, result
    assert len(aws.keys("bucket")) == 3
    assert reports[0] == (0, 3000, "0 files done")
    assert reports[-1] == (3000, 3000, "3 files done")
    assert reports == sorted(reports)


def test_removal_that_is_not_allowed_to_run_is_validated_only(folders):
    _, destination = folders
    request = {"paths": [str(destination / "extraneous")]}

    result = call(["remove-data-paths"], [], "remove-data-paths", request)

    assert result.structured_content == {"valid": True}
    assert (destination / "extraneous").exists()
