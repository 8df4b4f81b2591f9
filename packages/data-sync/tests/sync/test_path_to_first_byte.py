"""How directly a sync comes from its handler to the first byte of a download."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.operations import DataSyncHandler
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import tls
from aibs_informatics_aws_lambda.handlers.data_sync.sync import engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest

# The handler imports them at the first call; imports are not counted.
assert engine.Engine
assert tls
# The first request completes the model.
DataSyncRequest(source_path="a", destination_path="b")

NAMESPACE = "/aibs_informatics_aws_lambda/"


class Calls:
    """The modules of the namespace whose functions are called, until an object is requested."""

    def __init__(self) -> None:
        self.modules: list[str] = []
        self._ended = False

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or self._ended:
            return
        code = frame.f_code
        if NAMESPACE in code.co_filename:
            self.modules.append(code.co_filename)
        self._ended = _is_download(code, frame)

    @property
    def changes(self) -> int:
        return sum(a != b for a, b in zip(self.modules, self.modules[1:], strict=False))


def _is_download(code: CodeType, frame: FrameType) -> bool:
    if code.co_name != "make_request" or "awscrt" not in code.co_filename:
        return False
    return frame.f_locals.get("operation_name") == "GetObject"


def count_changes(event: dict[str, str], context: Any) -> int:
    handler, calls = DataSyncHandler.get_handler(), Calls()
    previous = sys.getprofile()
    sys.setprofile(calls.note)
    try:
        handler(event, context)
    finally:
        sys.setprofile(previous)
    return calls.changes


@pytest.mark.parametrize("exists", [False, True])
def test_download_changes_modules_at_most_seventy_times_before_its_first_byte(
    bucket, tmp_path: Path, lambda_context, exists
):
    bucket.put("src/a", "x")
    changes = []
    # A response that is there before it is waited for is read by this thread, which is two changes
    # more: by chance, so the least counts.
    for name in "abc":
        destination = tmp_path / name
        if exists:
            destination.mkdir()
        event = {"source_path": "s3://bucket/src/", "destination_path": str(destination)}
        changes.append(count_changes(event, lambda_context))
        assert (destination / "a").read_text() == "x"
    assert min(changes) <= 70
