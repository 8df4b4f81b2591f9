"""apply: what a plan says, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faulty_s3 import faulty_s3


@pytest.fixture
def planned(run, disk, aws) -> str:
    """A plan that uploads a and b, and deletes an object."""
    aws.make_bucket()
    disk.write({"data/a": "a", "data/b": "bb"})
    aws.put("bucket", "data/old", "x")
    result = run("--delete", "--plan", "plan.jsonl", "data", "s3://bucket/data/")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") == 4
    assert aws.keys("bucket") == ["data/old"]
    return "plan.jsonl"


def test_plan_is_executed(run, aws, planned):
    result = run("apply", planned)

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("2 files (3 B) transferred in ")
    assert result.stdout.count("0 unchanged, 1 deleted at the destination, ") == 1
    assert aws.keys("bucket") == ["data/a", "data/b"]


def test_new_files_are_left_alone(run, disk, aws, planned):
    disk.write({"data/new": "n"})
    aws.put("bucket", "data/extra", "x")

    assert run("apply", planned).returncode == 0
    assert aws.keys("bucket") == ["data/a", "data/b", "data/extra"]


def test_changed_file_is_named_and_nothing_is_deleted(run, disk, aws, planned):
    disk.write({"data/a": "changed"})

    result = run("apply", "-v", planned)

    assert result.returncode == 4
    assert "changed since the plan: upload data/a -> s3://bucket/data/a (1 B" in result.stderr
    assert "have changed, and nothing was deleted at the destination: plan again" in result.stderr
    assert "upload data/b -> s3://bucket/data/b (2 B, missing)" in result.stdout
    assert aws.keys("bucket") == ["data/b", "data/old"]


def test_changed_file_of_a_move_stays_and_others_are_removed(run, disk, aws, bucket):
    disk.write({"data/a": "a", "data/b": "b"})
    assert run("--move", "--plan", "plan.jsonl", "data", "s3://bucket/data").returncode == 0
    disk.write({"data/a": "changed"})

    result = run("apply", "plan.jsonl")

    assert result.returncode == 4
    assert "2 planned actions not done, as files have changed: plan again" in result.stderr
    assert disk.read("data") == {"a": "changed"}
    assert aws.keys("bucket") == ["data/b"]


def test_forced_plan_does_not_replace_an_object_that_has_changed(run, disk, aws):
    aws.make_bucket()
    disk.write({"data/a": "new", "data/b": "new", "data/c": "new"})
    aws.put("bucket", "data/a", "old")
    aws.put("bucket", "data/b", "old")
    planned = run("--force", "--plan", "p.jsonl", "data", "s3://bucket/data/")
    assert "data/a (3 B, forced)" in planned.stdout
    assert "data/c (3 B, missing)" in planned.stdout
    aws.put("bucket", "data/a", "other")

    result = run("apply", "p.jsonl")

    assert result.returncode == 4
    assert "changed since the plan: upload data/a -> s3://bucket/data/a" in result.stderr
    assert [aws.get("bucket", f"data/{name}") for name in "abc"] == [b"other", b"new", b"new"]


def test_changed_extraneous_object_stays(run, aws, planned):
    aws.put("bucket", "data/old", "newer")

    result = run("apply", planned)

    assert result.returncode == 4
    assert "delete s3://bucket/data/old" in result.stderr
    assert "have changed: plan again" in result.stderr
    assert aws.keys("bucket") == ["data/a", "data/b", "data/old"]


def test_plan_works_in_another_folder_and_has_no_credentials(run, disk, aws, planned, tmp_path):
    text = (tmp_path / planned).read_text()
    assert "AWS" not in text
    assert json.loads(text.splitlines()[0])["request"]["source_path"] == str(tmp_path / "data")

    assert run("apply", str(tmp_path / planned), folder="/").returncode == 0


def test_dry_run_of_a_plan_changes_nothing(run, aws, planned):
    result = run("apply", "-n", planned)

    assert "upload data/a -> s3://bucket/data/a (1 B, missing)\n" in result.stdout
    assert aws.keys("bucket") == ["data/old"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "the plan p: p: No such file"), ("{}", "version"), ("", "is not a plan")],
)
def test_invalid_plan_is_refused(run, disk, content, reason):
    if content is not None:
        disk.write({"p": content})

    result = run("apply", "p")

    assert result.returncode == 3
    assert "cannot use the plan p" in result.stderr
    assert reason in result.stderr


def test_plan_between_two_services_names_both_without_credentials(run, disk, aws, tmp_path: Path):
    aws.make_bucket()
    aws.put("bucket", "data/a", "a")
    with faulty_s3() as there:
        config = (
            "[profile there]\naws_access_key_id = THERE\naws_secret_access_key = hidden\n"
            f"endpoint_url = {there.url}\n"
        )
        (tmp_path / "config").write_text(config)
        settings = {"AWS_CONFIG_FILE": str(tmp_path / "config")}
        uri = "s3://bucket/data/"
        planned = run("--destination-profile", "there", "--plan", "p.jsonl", uri, uri, **settings)
        assert planned.returncode == 0, planned.stderr
        text = (tmp_path / "p.jsonl").read_text()
        assert "hidden" not in text
        assert "THERE" not in text
        assert json.loads(text.splitlines()[0])["request"]["destination_connection"] == {
            "profile": "there"
        }
        applied = run("apply", "p.jsonl", **settings)
        assert applied.returncode == 0, applied.stderr
        assert there.read("bucket") == {"data/a": b"a"}
        copied = run("cp", "--source-profile", "there", "s3://bucket/data/*", "-", **settings)
        assert (copied.returncode, copied.stdout) == (0, "a")
