"""What the verbs do if stdout is closed, full, or read no more."""

from __future__ import annotations

import pytest
from tables import table

BEFORE = {"data/a": "a", "data/sub/b": "bb", "same/a": "a", "same/sub/b": "bb", "old/c": "c"}

VERBS = {
    "sync": "data new",
    "sync, as JSON": "--json data new",
    "sync, each action": "-v data new",
    "sync in batches": "--jobs 2 data new",
    "dry run": "--dry-run data new",
    "report": "--report - data new",
    "stores": "--stores --dry-run data new",
    "plan": "plan --plan plan.jsonl data new",
    "apply": "apply given.jsonl",
    "verify": "verify data same",
    "cp": "cp data/a new",
    "cp, as JSON": "cp --json data/a new",
    "cp to stdout": "cp data/a -",
    "mv": "mv data/a new",
    "ls": "ls data",
    "ls, as JSON": "ls --json data",
    "ls of a tree": "ls -r data",
    "ls of a tree as JSON": "ls -r --json data",
    "ls of stores": "ls --stores data",
    "cat": "cat data/a",
    "stats": "stats data",
    "stats of stores": "stats --stores data",
    "stale": "stale old --days 0",
    "rm": "rm --yes old",
    "rm as JSON": "rm --yes --json old",
    "dry run of rm": "rm --dry-run old",
    "completion": "completion bash",
    "help": "--help",
}


@pytest.mark.parametrize("stdout", ["closed", "full", "unread"])
@table("command", VERBS)
def test_output_that_is_lost_is_a_failure(run, disk, command, stdout):
    disk.write(BEFORE)
    if command.startswith("apply"):
        assert run("--dry-run", "--plan", "given.jsonl", "data", "new").returncode == 0
    before = disk.read()

    result = run(*command.split(), stdout=stdout)

    if stdout == "unread":
        # Counts beside a report are for stderr.
        assert (result.returncode, "error" in result.stderr) == (141, False)
        return
    assert result.returncode == 1, result.stderr
    *_, line = result.stderr.splitlines()
    assert "data-sync" in line or line.startswith("{")
    assert "stdout" in line
    assert "Traceback" not in result.stderr
    if stdout == "closed":
        assert result.stderr.count("\n") == 1
        assert disk.read() == before


def test_quiet_verbs_need_no_stdout(run, disk):
    disk.write(BEFORE)
    for verb in (["data", "one"], ["cp", "-r", "data", "two"], ["mv", "old/c", "three"]):
        result = run(*verb, "-q", stdout="closed")

        assert (result.returncode, result.stderr) == (0, "")
    assert disk.read("one") == disk.read("two") == disk.read("data")
