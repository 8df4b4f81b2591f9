"""Completion in bash, zsh and fish."""

from __future__ import annotations

import pytest


@pytest.fixture
def complete(run_command, script):
    """Return the completions of a line, as a shell asks for them."""

    def complete(line: str) -> list[str]:
        result = run_command(
            "sh",
            "-c",
            f"{script} 8>&1 9>/dev/null",
            _ARGCOMPLETE="1",
            _ARGCOMPLETE_IFS="\n",
            COMP_LINE=line,
            COMP_POINT=str(len(line)),
            COMP_TYPE="9",
        )
        assert result.stderr == ""
        return [found.strip() for found in result.stdout.splitlines()]

    return complete


def test_verbs_options_and_paths_are_completed(complete, disk):
    disk.write({"vast/a": "a"})

    assert complete("data-sync v") == ["verify", "vast/"]
    assert complete("data-sync --max-d") == ["--max-delete"]
    assert complete("data-sync ls --hu") == ["--human", "--human-readable"]
    assert complete("data-sync cp va") == ["vast/"]


def test_options_are_listed_once_a_dash_is_typed(complete):
    assert not any(found.startswith("-") for found in complete("data-sync "))
    assert {"--delete", "--dry-run"} <= set(complete("data-sync --"))


def test_buckets_and_keys_are_completed(complete, aws):
    aws.make_bucket()
    aws.put("bucket", "run-1/a", "a")
    aws.put("bucket", "run.txt", "a")

    assert complete("data-sync cat s3://buc") == ["s3://bucket/"]
    assert complete("data-sync cat s3://bucket/ru") == [
        "s3://bucket/run-1/",
        "s3://bucket/run.txt",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_for_a_shell_is_printed(run, shell):
    result = run("completion", shell)

    assert result.returncode == 0
    assert "_ARGCOMPLETE" in result.stdout
    assert "data-sync" in result.stdout


def test_unknown_shell_is_refused(run):
    result = run("completion", "tcsh")

    assert result.returncode == 2
    assert "invalid choice: 'tcsh'" in result.stderr


def test_profiles_and_regions_are_completed(complete, disk, monkeypatch: pytest.MonkeyPatch):
    disk.write({"config": "[profile lab]\n[profile labor]\n[profile other]\n"})
    monkeypatch.setenv("AWS_CONFIG_FILE", str(disk.root / "config"))

    assert complete("data-sync --destination-profile la") == ["lab", "labor"]
    assert complete("data-sync ls --region us-west-") == ["us-west-1", "us-west-2"]
