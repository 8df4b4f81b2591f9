"""The command, run as a process."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from importlib.metadata import version

import pytest
from interruptions import interrupt_start
from registry import digest_of

MODULE = "aibs_informatics_aws_lambda.handlers.ecr.cli"
LAYER = bytes(range(256)) * 8192
AMD64 = {"os": "linux", "architecture": "amd64"}
ARM64 = {"os": "linux", "architecture": "arm64"}
ECR = "123456789012.dkr.ecr.us-west-2.amazonaws.com"


@pytest.fixture(scope="session")
def server(start_script_server):
    """The server of replicate-image, with what most of its runs import."""
    package = "aibs_informatics_aws_lambda.handlers.ecr"
    modules = (f"{package}.replication", f"{package}.registry.ecr", "boto3")
    return start_script_server("replicate-image", *modules)


@pytest.fixture
def run(run_script, server):
    """Run replicate-image."""
    return lambda *arguments, **options: run_script(server, *arguments, **options)


# Waits for its threads no longer than it takes to see that one of them is busy.
IMPATIENT = f"""
import sys
from aibs_informatics_aws_lambda.common.cli import process
from {MODULE} import main
process._CLEANUP_SECONDS = 0.2
sys.exit(main())
"""


@pytest.fixture
def start():
    """Start replicate-image; killed at the end of the test, also of one that fails."""
    with ExitStack() as processes:

        def start(*arguments: str, program=("-m", MODULE), **options):
            command = [sys.executable, *program, *arguments]
            process = processes.enter_context(subprocess.Popen(command, **options))
            processes.callback(process.kill)
            return process

        yield start


@pytest.mark.parametrize("name", ["command", "transfer"])
def test_interruption_while_the_command_starts_ends_it_silently(name):
    ended = interrupt_start(MODULE, f"{MODULE.removesuffix('.cli')}.{name}")

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_copy_reports_every_digest(source, target, name, run):
    digest = source.push_image(name, LAYER, tag="v1")

    result = run(f"{source.url}/{name}:v1", f"{target.url}/{name}:v2", "--tag", "v3")

    assert (result.returncode, result.stderr) == (0, "")
    assert target.tags(name) == {"v2": digest, "v3": digest}
    assert result.stdout.splitlines() == [
        f"Copied  {source.host}/{name}:v1",
        f"to      {target.host}/{name}@{digest}",
        "tags    v2, v3",
        f"image   {digest}",
        "blobs   2 copied (2.0 MiB)",
    ]


def test_second_run_copies_nothing(source, target, name, run):
    source.push_image(name, LAYER, tag="v1")
    locations = f"{source.url}/{name}:v1", f"{target.url}/{name}:v1"
    run(*locations)

    result = run(*locations)

    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == "blobs   2 already present (2.0 MiB)"


@pytest.mark.parametrize(
    "options", [("--profile", "absent"), ("--source-profile", "absent", "--region", "us-east-1")]
)
def test_profiles_take_precedence_over_credentials_in_variables(run, options):
    result = run(*options, f"{ECR}/image:v1", "ghcr.io/owner/image")

    assert result.returncode == 1
    assert "The config profile (absent) could not be found" in result.stderr


def test_profile_of_a_side_that_does_not_use_aws_is_a_usage_error(run):
    result = run("--destination-profile", "work", f"{ECR}/image:v1", "ghcr.io/owner/image")

    assert result.returncode == 2
    assert "--destination-profile is for Amazon ECR and AWS Secrets Manager" in result.stderr


def test_report_as_json(source, target, name, run):
    amd64 = source.push_image(name, LAYER, platform=AMD64)
    arm64 = source.push_image(name, LAYER, platform=ARM64)
    about = {"vnd.docker.reference.digest": amd64}
    attestation = source.push_image(name, b"attestation")
    index = source.push_index(
        name,
        {"digest": amd64, "platform": AMD64},
        {"digest": arm64, "platform": ARM64},
        {"digest": attestation, "annotations": about},
        tag="v1",
    )

    result = run(f"{source.url}/{name}@{index}", f"{target.url}/{name}:v1", "--json")

    report = json.loads(result.stdout)
    assert report["source"] == f"{source.host}/{name}@{index}"
    assert report["destination"] == f"{target.host}/{name}@{index}"
    assert (report["digest"], report["tags"], report["dry_run"]) == (index, ["v1"], False)
    assert [(one["role"], one["digest"], one.get("platform")) for one in report["manifests"]] == [
        ("image", amd64, "linux/amd64"),
        ("image", arm64, "linux/arm64"),
        ("attestation", attestation, None),
        ("index", index, None),
    ]
    assert {"digest": digest_of(LAYER), "size": len(LAYER), "state": "moved"} in report["blobs"]
    assert report["bytes_moved"] == sum(blob["size"] for blob in report["blobs"])


def test_dry_run_reports_and_changes_nothing(source, target, name, run, proxy_of):
    digest = source.push_image(name, LAYER, tag="v1")
    here = proxy_of(target)

    result = run("--dry-run", f"{source.url}/{name}:v1", f"{here.url}/{name}:v1")

    assert result.returncode == 0
    assert result.stdout.startswith("Would copy")
    assert "2 to copy (2.0 MiB)" in result.stdout
    assert digest in result.stdout
    assert {method for method, _, _ in here.requests} == {"HEAD"}


def test_platform_and_referrers_options(source, target, name, run):
    amd64 = source.push_image(name, LAYER, platform=AMD64)
    arm64 = source.push_image(name, LAYER, platform=ARM64)
    entries = ({"digest": amd64, "platform": AMD64}, {"digest": arm64, "platform": ARM64})
    source.push_index(name, *entries, tag="v1")
    signature_tag = f"{arm64.replace(':', '-')}.sig"
    signature = source.push_image(name, b"signature", tag=signature_tag)

    result = run(
        "--platform",
        "linux/arm64",
        "--include-referrers",
        f"{source.url}/{name}:v1",
        f"{target.url}/{name}:v1",
    )

    assert result.returncode == 0, result.stderr
    assert target.tags(name) == {signature_tag: signature, "v1": arm64}
    assert f"referrer  {signature}" in result.stdout


def test_tags_by_pattern_are_copied_with_one_report_per_image(source, target, name, run):
    first = source.push_image(name, b"first", tag="v1.0")
    second = source.push_image(name, b"second", tag="v1.1")
    source.push_manifest(name, source.manifest(name, second), "v1.2")
    source.push_image(name, b"third", tag="v2.0")
    locations = f"{source.url}/{name}", f"{target.url}/{name}"

    result = run(*locations, "--tag-pattern", "v1.*")
    again = run(*locations, "--tag-pattern", "v1.*", "--json")

    assert (result.returncode, result.stderr) == (0, "")
    assert target.tags(name) == {"v1.0": first, "v1.1": second, "v1.2": second}
    assert result.stdout.count("Copied") == 2
    assert "tags    v1.1, v1.2\n" in result.stdout
    reports = json.loads(again.stdout)
    assert [report["tags"] for report in reports] == [["v1.0"], ["v1.1", "v1.2"]]
    assert [report["bytes_moved"] for report in reports] == [0, 0]


def test_all_tags_are_copied(source, target, name, run):
    digest = source.push_image(name, b"layer", tag="v1")
    signature_tag = f"{digest.replace(':', '-')}.sig"
    signature = source.push_image(name, b"signature", tag=signature_tag)

    result = run(f"{source.url}/{name}", f"{target.url}/{name}", "--all-tags")

    assert result.returncode == 0, result.stderr
    assert target.tags(name) == {signature_tag: signature, "v1": digest}


def test_newest_tags_are_copied(source, target, name, run):
    for year in (2023, 2024, 2025):
        config = json.dumps({"os": "linux", "created": f"{year}-01-01T00:00:00Z"}).encode()
        source.push_image(name, tag=f"v{year}", config=source.push_blob(name, config))

    result = run(f"{source.url}/{name}", f"{target.url}/{name}", "--newest", "2")

    assert result.returncode == 0, result.stderr
    assert list(target.tags(name)) == ["v2024", "v2025"]


def test_copy_between_repositories_of_ecr(aws, source, target, name, run):
    """The ECR API is that of moto's server, where all blobs exist at the destination."""
    ecr = aws.client("ecr")
    for repository in ("one", "two"):
        ecr.create_repository(repositoryName=repository)
    config = ecr.initiate_layer_upload(repositoryName="two")["uploadId"]
    ecr.upload_layer_part(
        repositoryName="two",
        uploadId=config,
        partFirstByte=0,
        partLastByte=1,
        layerPartBlob=b"{}",
    )
    ecr.complete_layer_upload(
        repositoryName="two", uploadId=config, layerDigests=[digest_of(b"{}")]
    )
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"digest": digest_of(b"{}"), "size": 2},
            "layers": [],
        }
    )
    digest = digest_of(manifest.encode())
    ecr.put_image(repositoryName="one", imageManifest=manifest, imageDigest=digest, imageTag="v1")

    result = run(f"{ECR}/one:v1", f"{ECR}/two:v2")

    assert result.returncode == 0, result.stderr
    assert f"{ECR}/two@{digest}" in result.stdout
    (copied,) = ecr.describe_images(repositoryName="two")["imageDetails"]
    assert (copied["imageDigest"], copied["imageTags"]) == (digest, ["v2"])


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], "SOURCE, DESTINATION"),
        ([f"{ECR}/image", f"{ECR}/copy"], "SOURCE names no image"),
        ([f"{ECR}/image:v1", f"{ECR}/copy", "--all-tags"], "remove the tag and digest of SOURCE"),
        ([f"{ECR}/image", f"{ECR}/copy:v1", "--newest", "1"], "remove --tag and the tag of"),
        ([f"{ECR}/image", f"{ECR}/copy", "-t", "a", "--tag-pattern", "*"], "remove --tag and"),
        ([f"{ECR}/image", f"{ECR}/copy", "--newest", "0"], "'0' is not a positive integer"),
        ([f"{ECR}/image:v1", f"{ECR}/copy@{digest_of(b'')}"], "has a digest"),
        ([f"{ECR}/image:v1", "copy"], "'copy' names no registry"),
        ([f"{ECR}/Image:v1", f"{ECR}/copy"], "'Image' is not a valid repository name"),
        ([f"{ECR}/image:v1", "ftp://host/copy"], "must be http://"),
        ([f"{ECR}/image:v1", "http://user:pa55word@host/copy"], "without a user or password"),
        ([f"{ECR}/image:v1", f"{ECR}/copy", "--tag", "a b"], "'a b' is not an image tag"),
        ([f"{ECR}/image:v1", f"{ECR}/copy", "--platform", "arm"], "'arm' is not a platform"),
    ],
)
def test_invalid_arguments_exit_with_2_and_a_message(run, arguments, shown):
    result = run(*arguments)

    assert result.returncode == 2
    assert shown in result.stderr
    assert "pa55word" not in result.stderr
    assert "Traceback" not in result.stderr


def test_missing_credentials_exit_with_1_and_a_remedy(run):
    result = run(f"{ECR}/image:v1", f"{ECR}/copy")

    assert result.returncode == 1
    assert "Unable to locate credentials. Set AWS_PROFILE" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_missing_image_exits_with_1_and_one_line_and_debug_adds_the_traceback(
    source, target, name, run
):
    locations = f"{source.url}/{name}:absent", f"{target.url}/{name}"

    result = run(*locations)
    debugged = run(*locations, "--debug")

    assert (result.returncode, debugged.returncode) == (1, 1)
    assert f"image not found: {source.host}/{name}:absent" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "--debug" not in result.stderr
    assert "Traceback" in debugged.stderr


def test_missing_repository_in_ecr_exits_with_1_and_a_remedy(run, aws):
    result = run(f"{ECR}/team/absent:v1", f"{ECR}/copy")

    assert result.returncode == 1
    assert "'team/absent' does not exist" in result.stderr
    assert "or create it with aws ecr create-repository." in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_version_is_that_of_the_distribution(run):
    result = run("--version")

    assert result.returncode == 0
    assert result.stdout == f"replicate-image {version('aibs-informatics-aws-lambda-ecr')}\n"


def test_unreachable_registry_is_named(run, target, name):
    result = run(f"http://127.0.0.1:9/{name}:v1", f"{target.url}/{name}")

    assert result.returncode == 1
    assert "no response from http://127.0.0.1:9" in result.stderr


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "stopped")],
)
def test_interrupted_run_leaves_no_tag_and_is_resumed_by_the_same_command(
    source, target, name, run, start, proxy_of, fault, number, status, word
):
    small = b"small layer of " + name.encode()
    digest = source.push_image(name, LAYER, small, tag="v1")
    config = source.manifest(name, "v1")["config"]["digest"]
    gate = threading.Event()
    there = proxy_of(source, fault("GET", digest_of(LAYER), gate=gate, slow=0.02))
    here = proxy_of(target)
    locations = f"{there.url}/{name}:v1", f"{here.url}/{name}:v1"
    process = start(*locations, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: here.stored == {digest_of(small), config})

    process.send_signal(number)
    message = process.stderr.readline()
    gate.set()
    _, others = process.communicate(timeout=120)

    assert process.returncode == status
    assert message.endswith(f"error: {word}; run the same command to resume\n")
    assert others == ""
    assert target.tags(name) == {}
    assert here.made("DELETE", "/uploads/")

    again = run(*locations)

    assert again.returncode == 0
    assert target.tags(name) == {"v1": digest}
    assert "1 copied (2.0 MiB), 2 already present" in again.stdout


def test_interrupted_run_does_not_wait_for_a_silent_registry(
    source, target, name, start, proxy_of, fault
):
    source.push_image(name, LAYER, tag="v1")
    gate = threading.Event()
    there = proxy_of(source, fault("GET", digest_of(LAYER), gate=gate))
    process = start(
        *(f"{there.url}/{name}:v1", f"{target.url}/{name}:v1"),
        program=("-c", IMPATIENT),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: there.made("GET", digest_of(LAYER)))

    process.send_signal(signal.SIGINT)
    # Less than the minute after which the command gives up on a silent registry.
    _, messages = process.communicate(timeout=40)
    gate.set()

    assert process.returncode == 130
    assert messages.endswith("error: interrupted; run the same command to resume\n")
    assert target.tags(name) == {}


def wait_until(is_so, seconds=120):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "timeout"
        time.sleep(0.01)


def test_progress_is_shown_on_a_terminal_only(source, target, name, run, start):
    source.push_image(name, LAYER, tag="v1")
    locations = f"{source.url}/{name}:v1", f"{target.url}/{name}:v1"
    ours, theirs = pty.openpty()
    process = start(
        *locations,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    drawn = b""
    try:
        while piece := os.read(ours, 65536):
            drawn += piece
    except OSError:
        """The terminal is closed with the process."""
    report, _ = process.communicate(timeout=120)
    os.close(ours)

    assert process.returncode == 0
    assert b"2 blobs" in drawn
    assert b"MiB" in drawn
    assert report.startswith(b"Copied")
    assert b"\x1b" not in report
