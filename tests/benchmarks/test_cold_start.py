"""Time from the start of a process to its first answer, against two others in the same run."""

from __future__ import annotations

import statistics
import subprocess
import time
from pathlib import Path

import pytest
from environments import make_environment

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
REFERENCE = "aibs-informatics-aws-lambda==1.1.0"
ROUNDS = 11

ANSWER = """
from types import SimpleNamespace
from aibs_informatics_aws_lambda.handlers.data_sync.operations import GetJSONFromFileHandler
context = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, aws_request_id="r",
    invoked_function_arn="arn:aws:lambda:us-west-2:123456789012:function:f",
)
answer = GetJSONFromFileHandler.get_handler()({"path": "document.json"}, context)
assert answer == {"content": {"a": 1}}, answer
"""
FLOOR = """
from pydantic import BaseModel
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics
class Model(BaseModel):
    a: int
Model(a=1)
"""


def test_cold_start(tmp_path_factory, tmp_path, monkeypatch):
    (tmp_path / "document.json").write_text('{"a": 1}')
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    packages = [str(ROOT / name) for name in ("libs/core", "libs/storage", "packages/data-sync")]
    ours = make_environment(tmp_path_factory.mktemp("ours"), *packages)
    reference = make_environment(tmp_path_factory.mktemp("reference"), REFERENCE)
    commands = {
        "ours": [ours, "-c", ANSWER],
        "the system it replaces": [reference, "-c", ANSWER],
        "pydantic and powertools alone": [ours, "-c", FLOOR],
    }

    seconds = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - start)

    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print("\nCold start: import, and one answer from a local file")
    for name, median in medians.items():
        print(f"  {name}: {median:.3f} s, ours is {medians['ours'] / median:.2f} of it")
