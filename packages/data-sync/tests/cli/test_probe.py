from __future__ import annotations

import json
import sys

import pytest
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.cli import behaviors
from aibs_informatics_aws_lambda.handlers.data_sync.cli.probe import probe_service

COMMAND = (sys.executable, "-m", "aibs_informatics_aws_lambda.handlers.data_sync.cli", "probe")


def test_each_behavior_is_found_and_nothing_is_left(aws, run_command):
    aws.make_bucket()
    aws.put("bucket", "scratch/own", "x")

    result = run_command(*COMMAND, "s3://bucket/scratch", "--json")

    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    found = {finding["behavior"]: finding["supported"] for finding in document["findings"]}
    assert len(found) == len(behaviors.BEHAVIORS) == 21
    # What the emulator is known to do, and not to do.
    assert found["lists keys in the order of their bytes"]
    assert found["creates an object only if there is none (If-None-Match)"]
    assert found["keeps the ETag of an upload in parts"]
    assert not found["rejects an upload with a wrong CRC-32"]
    assert all(("advice" in one) is not one["supported"] for one in document["findings"])
    assert aws.keys("bucket") == ["scratch/own"]


def test_findings_are_lines_with_advice(aws, run_command):
    aws.make_bucket()

    result = run_command(*COMMAND, "s3://bucket/")

    lines = result.stdout.splitlines()
    number = lines.index("no   rejects an upload with a wrong Content-MD5")
    assert "data-sync verify" in lines[number + 1]
    assert lines[-1].endswith("of 21 as in S3")


def test_objects_are_deleted_after_an_error(aws, monkeypatch):
    aws.make_bucket()

    def fail(probe: behaviors.Probe) -> bool:
        probe.put("there")
        raise RuntimeError("no such thing")

    monkeypatch.setattr(behaviors, "BEHAVIORS", [behaviors.Behavior("fails", fail, "")])

    with pytest.raises(RuntimeError, match="no such thing"):
        list(probe_service(S3Path("s3://bucket/scratch/")))
    assert aws.keys("bucket") == []


def test_refused_request_is_a_finding_with_its_reason(aws, monkeypatch):
    aws.make_bucket()
    absent = behaviors.Behavior("reads", lambda probe: bool(probe.get("absent")), "no reading")
    monkeypatch.setattr(behaviors, "BEHAVIORS", [absent])

    (finding,) = probe_service(S3Path("s3://bucket/"))

    assert finding.to_dict() == {
        "behavior": "reads",
        "supported": False,
        "reason": "NoSuchKey (404)",
        "advice": "no reading",
    }


@pytest.mark.parametrize(
    ("location", "status", "message"),
    [
        ("/tmp", 2, "/tmp is not an S3 URI"),
        ("s3://absent-bucket/", 1, "cannot write to s3://absent-bucket/"),
    ],
)
def test_location_must_be_a_bucket_that_can_be_written_to(
    aws, run_command, location, status, message
):
    result = run_command(*COMMAND, location)

    assert result.returncode == status
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_loads_no_aws_sdk(run_command):
    code = (
        "import sys; sys.argv[1:] = ['probe', '--help']\n"
        "from aibs_informatics_aws_lambda.handlers.data_sync.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "assert not {'boto3', 'botocore'} & set(sys.modules), 'loaded'"
    )

    result = run_command(sys.executable, "-c", code)

    assert result.returncode == 0, result.stderr
    assert "data-sync probe s3://bucket/scratch/" in result.stdout
