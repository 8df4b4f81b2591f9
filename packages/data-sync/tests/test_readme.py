from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_example_of_a_sync_works(aws, run_command, tmp_path: Path):
    aws.make_bucket()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "run-1.json").write_text("{}")
    [block] = re.findall(r"```console\n([^`]*--handler data-sync[^`]*)```", README.read_text())
    for command in block.replace("\\\n", "").split("$ ")[1:]:
        done = run_command("sh", "-c", command, PATH=path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "copy" / "run-1.json").read_text() == "{}"


def test_every_command_prints_the_output_in_the_readme(aws, run, tmp_path: Path):
    aws.make_bucket()
    (tmp_path / "empty").mkdir()
    (tmp_path / "results").mkdir()
    for name in ("run-1.json", "run-2.json", "run-3.json"):
        (tmp_path / "results" / name).write_text("x" * 400)
    blocks = re.findall(r"```console\n(\$ data-sync [^`]*)```", README.read_text())
    examples = [step.partition("\n") for block in blocks for step in block.split("$ ")[1:]]
    assert len(examples) == 9
    for command, _, output in examples:
        done = run(*shlex.split(command)[1:])
        assert (done.returncode, done.stderr) == (0, "")
        assert without_times(done.stdout) == without_times(output)


def without_times(text):
    text = re.sub(r"in \d+\.\d s( \(.*?/s\))?", "in some time", text)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "then", text)


def test_every_field_of_a_sync_is_described():
    from aibs_informatics_aws_lambda.handlers.data_sync.model import (
        BatchDataSyncRequest,
        BatchDataSyncResult,
        DataSyncRequest,
        DataSyncResult,
    )

    text = README.read_text()
    models = (DataSyncRequest, DataSyncResult, BatchDataSyncRequest, BatchDataSyncResult)
    names = {name for model in models for name in model.model_fields} - {"details"}
    assert [name for name in sorted(names) if name not in text] == []
