"""The examples in the README give what it says, for an image on moto's server."""

from __future__ import annotations

import json
import re
import sys
import sysconfig
from pathlib import Path

import pytest
from registry import INDEX, MANIFEST, digest_of

README = Path(__file__).parents[1].joinpath("README.md").read_text()
REPOSITORY = "team/image"
MIB = 1 << 20


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def example(program):
    """Return the command of the README that starts with a program, and what it prints there."""
    (found,) = (one for one in blocks("console") if one.startswith(f"$ {program}"))
    command, output = re.fullmatch(r"\$ ((?:[^\n]*\\\n)*[^\n]*)\n(.*)", found, re.DOTALL).groups()
    return command, output


def image(architecture, *layers, **platform):
    """Return a manifest, and its blobs with layers of the given sizes."""
    config = json.dumps({"os": "linux", "architecture": architecture})
    blobs = [f"{architecture} layer {number}".encode().ljust(n) for number, n in enumerate(layers)]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"digest": digest_of(config.encode()), "size": len(config)},
        "layers": [{"digest": digest_of(blob), "size": len(blob)} for blob in blobs],
    }
    return json.dumps(manifest), [*blobs, config.encode()]


@pytest.fixture
def upload(aws):
    """Store the README's image in the source; return what puts its blobs into the target."""
    images = {
        "amd64": image("amd64", 3 * MIB, MIB),
        "arm64": image("arm64", 3 * MIB, MIB),
        "unknown": image("unknown", MIB // 2),
    }
    entries = [
        {
            "mediaType": MANIFEST,
            "digest": digest_of(content.encode()),
            "size": len(content),
            "platform": {"os": "linux", "architecture": name},
        }
        for name, (content, _) in images.items()
    ]
    entries[2]["platform"]["os"] = "unknown"
    entries[2]["annotations"] = {"vnd.docker.reference.digest": entries[0]["digest"]}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    source, target = aws.client("ecr", "us-east-1"), aws.client("ecr", "us-west-2")
    for ecr in (source, target):
        ecr.create_repository(repositoryName=REPOSITORY)
    for content, tag in [*((one, {}) for one, _ in images.values()), (index, {"imageTag": "v1"})]:
        source.put_image(
            repositoryName=REPOSITORY,
            imageManifest=content,
            imageDigest=digest_of(content.encode()),
            **tag,
        )

    def upload():
        for blob in (blob for _, blobs in images.values() for blob in blobs):
            names = {"repositoryName": REPOSITORY}
            names["uploadId"] = target.initiate_layer_upload(**names)["uploadId"]
            target.upload_layer_part(
                **names, partFirstByte=0, partLastByte=len(blob) - 1, layerPartBlob=blob
            )
            target.complete_layer_upload(**names, layerDigests=[digest_of(blob)])

    return upload


@pytest.fixture
def shell(run_command, monkeypatch):
    """Run a command of the README."""
    scripts = sysconfig.get_path("scripts")

    def run(command):
        result = run_command("sh", "-c", f"{scripts}/{command}")
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def test_dry_run_prints_the_output_of_the_readme(upload, shell):
    command, output = example("replicate-image")

    assert shell(command) == output


def test_handler_returns_the_response_of_the_readme(upload, shell, tmp_path):
    upload()
    (request,) = blocks("json")
    (tmp_path / "request.json").write_text(request)
    command, output = example("handle-lambda-request")

    assert shell(command) == output


def test_python_example_of_the_readme_runs(upload, run_command):
    upload()
    (code,) = blocks("python")

    result = run_command(sys.executable, "-c", code)

    assert result.returncode == 0, result.stderr
    (request,) = blocks("json")
    digest = json.loads(request)["source_image"]["image_digest"]
    assert result.stdout.split() == [digest, "0"]
