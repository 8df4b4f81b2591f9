"""Time of copying a layer of 1 GiB from registry to registry, against curl in the same run."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time

import pytest
from registry import registry_server

pytestmark = pytest.mark.benchmark

MIB = 1 << 20
SIZE = 1024 * MIB
ROUNDS = 3
COMMAND = [sys.executable, "-m", "aibs_informatics_aws_lambda.handlers.ecr.cli"]


def noise(size):
    return (number.to_bytes(8, "big") * (MIB // 8) for number in range(size // MIB))


def curl(*arguments):
    command = ["curl", "--silent", "--show-error", "--fail", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def curl_down_and_up(source, target, layer, file):
    """Download a blob to a file and upload it; sending it is one request, as when it is copied."""
    curl("-o", file, f"{source.url}/v2/image/blobs/{layer['digest']}")
    opened = target.open_upload("curl")
    headers = curl(
        *("-X", "PATCH", "-H", "Content-Type: application/octet-stream", "-H", "Expect:"),
        *("-T", file, "-o", file.with_suffix(".answer"), "-D", "-", opened),
    )
    (location,) = (
        line.partition(":")[2].strip()
        for line in headers.splitlines()
        if line.lower().startswith("location:")
    )
    curl("-X", "PUT", f"{location}&digest={layer['digest']}")


def copy(source, target, *_):
    places = f"{source.url}/image:v1", f"{target.url}/image:v1"
    subprocess.run([*COMMAND, *places], check=True, capture_output=True)


def seconds_of(task, source, tmp_path, layer):
    """Run a task between the source and an empty registry, and time it."""
    folder = tmp_path / "target"
    folder.mkdir()
    try:
        with registry_server(folder) as target:
            start = time.perf_counter()
            task(source, target, layer, tmp_path / "layer")
            return time.perf_counter() - start
    finally:
        shutil.rmtree(folder)


def test_layer_of_1_gib(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    with registry_server(folder) as source:
        layer = source.push_blob("image", noise(SIZE), SIZE)
        source.push_image("image", tag="v1", layers=[layer])
        ratios = []
        for _ in range(ROUNDS):
            # Both in each round, so that what else the machine does bears on both.
            curl_seconds = seconds_of(curl_down_and_up, source, tmp_path, layer)
            our_seconds = seconds_of(copy, source, tmp_path, layer)
            ratios.append(our_seconds / curl_seconds)
            print(
                f"\n  curl down and up: {curl_seconds:.2f} s, replicate-image: {our_seconds:.2f} s"
            )
    print(f"A layer of 1 GiB: {statistics.median(ratios):.2f} of curl down and up")
