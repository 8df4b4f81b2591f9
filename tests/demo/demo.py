"""Run the commands on real documents and files against a local AWS emulator; check all results.

Run it with ``hatch run demo``. Nothing leaves this machine: AWS is moto's server on loopback.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from servers import aws_settings, moto_server

ROOT = Path(__file__).parents[2]
BUCKET = "demo-bucket"
GET = "aibs_informatics_aws_lambda.handlers.data_sync.operations.GetJSONFromFileHandler"
PUT = "aibs_informatics_aws_lambda.handlers.data_sync.operations.PutJSONToFileHandler"
COMMAND = "handle-lambda-request"
SYNC = "data-sync"
# The folders of this repository that are synced. Others may hold anything.
TREE = ("libs", "packages", "tests")
# Variables that would select a real AWS account, or take the place of an argument.
FOREIGN_SETTINGS = ("AWS_", "_HANDLER", "HANDLER_", "DEFAULT_BUCKET_NAME")


class DemoError(Exception):
    """A command failed, or its result is wrong."""


@dataclass(frozen=True)
class Demo:
    """The folder and the bucket of the examples.

    Args:
        folder: the working directory of the commands.
        bucket: the boto3 resource of the bucket.
    """

    folder: Path
    bucket: Any

    def run(self, *arguments: str, **variables: str) -> str:
        """Print a command, run it and return its output.

        Raises:
            DemoError: the command failed.
        """
        for name, value in variables.items():
            print(f"  $ export {name}={shlex.quote(value)}")
        return self._run(COMMAND, arguments, variables, stderr=subprocess.PIPE)

    def sync(self, *arguments: str) -> str:
        """Print a data-sync command, run it and return its output.

        The progress bar is shown if this is a terminal.

        Raises:
            DemoError: the command failed.
        """
        printed = self._run(SYNC, arguments, {}, stderr=None)
        print(f"  {printed.strip()}")
        return printed

    def _run(
        self,
        command: str,
        arguments: Sequence[str],
        variables: dict[str, str],
        stderr: int | None,
    ) -> str:
        print(f"  $ {shlex.join([command, *arguments])}", flush=True)
        start = time.perf_counter()
        result = subprocess.run(
            [str(Path(sysconfig.get_path("scripts"), command)), *arguments],
            cwd=self.folder,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
        if result.returncode:
            raise DemoError(f"exit status {result.returncode}: {result.stderr or ''}")
        print(f"  exit status 0 after {seconds:.2f} s")
        return result.stdout

    def read(self, name: str) -> bytes:
        """Return the contents of a file."""
        return (self.folder / name).read_bytes()

    def write(self, name: str, document: Any) -> bytes:
        """Write a document to a file and return the contents of the file."""
        (self.folder / name).write_text(json.dumps(document))
        return self.read(name)

    def get(self, key: str) -> bytes:
        """Return the contents of an object."""
        content: bytes = self.bucket.Object(key).get()["Body"].read()
        return content

    def put(self, key: str, document: Any) -> None:
        """Write a document to an object."""
        self.bucket.put_object(Key=key, Body=json.dumps(document).encode())


def inline_payload(demo: Demo, settings: Any, index: Any) -> None:
    """Payload on the command line, response on stdout: the settings of this repository."""
    demo.write("pyproject.json", settings)

    response = demo.run("--handler", GET, "--payload", '{"path": "pyproject.json"}', "-o", "-")

    check("stdout", response.encode(), {"content": settings})


def payload_file(demo: Demo, settings: Any, index: Any) -> None:
    """Payload in a file, its content written to S3, response in a file."""
    demo.write("request.json", {"content": index, "path": f"s3://{BUCKET}/index.json"})

    demo.run("--handler", PUT, "--payload-file", "request.json", "-o", "response.json")

    check("response.json", demo.read("response.json"), {"path": f"s3://{BUCKET}/index.json"})
    check(f"s3://{BUCKET}/index.json", demo.get("index.json"), index)


def everything_in_s3(demo: Demo, settings: Any, index: Any) -> None:
    """Payload, document and response in S3."""
    demo.put("requests/get.json", {"path": f"s3://{BUCKET}/index.json"})

    demo.run(
        *("--handler", GET),
        *("--payload-file", f"s3://{BUCKET}/requests/get.json"),
        *("--response-location", f"s3://{BUCKET}/responses/get.json"),
    )

    location = f"s3://{BUCKET}/responses/get.json"
    check(location, demo.get("responses/get.json"), {"content": index})


def everything_from_environment(demo: Demo, settings: Any, index: Any) -> None:
    """No arguments: everything in environment variables, as in a container."""
    demo.write("pyproject.json", settings)
    demo.put("responses/settings.json", "the response of an earlier run")

    demo.run(
        AWS_LAMBDA_FUNCTION_HANDLER=GET,
        AWS_LAMBDA_EVENT_PAYLOAD='{"path": "pyproject.json"}',
        AWS_LAMBDA_EVENT_RESPONSE_LOCATION=f"s3://{BUCKET}/responses/settings.json",
    )

    location = f"s3://{BUCKET}/responses/settings.json"
    check(location, demo.get("responses/settings.json"), {"content": settings})


def repository_there_and_back(demo: Demo, settings: Any, index: Any) -> None:
    """This repository to S3 and back, in batches, with two worker processes; then once more."""
    files = copy_of_repository(demo.folder / "repository")
    remote = f"s3://{BUCKET}/repository/"
    in_batches = ("--jobs", "2", "--batch-bytes", "250kB")

    demo.sync(*in_batches, "repository", remote)
    demo.sync(*in_batches, remote, "copy")
    check_same(demo, "repository", "copy")
    demo.sync("--verify", "repository", remote)
    again = demo.sync("repository", remote)
    if "0 files transferred in" not in again or f"{files:,} unchanged" not in again:
        raise DemoError("the second sync transferred files, although nothing has changed")


def copy_of_repository(folder: Path) -> int:
    """Copy the files of this repository to a folder, without caches; return their number."""
    for name in TREE:
        hidden = shutil.ignore_patterns(".*", "__pycache__", "dist")
        shutil.copytree(ROOT / name, folder / name, ignore=hidden)
    return len(digests_below(folder))


def digests_below(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder by its relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def check_same(demo: Demo, one: str, other: str) -> None:
    """Compare two folders file by file.

    Raises:
        DemoError: the folders differ.
    """
    expected, found = digests_below(demo.folder / one), digests_below(demo.folder / other)
    differing = sorted(dict(expected.items() ^ found.items()))
    if differing:
        raise DemoError(f"{one} and {other} differ in {', '.join(differing[:5])}")
    print(f"  {one} and {other} are identical: {len(found):,} files")


def check(location: str, found: bytes, expected: Any) -> None:
    """Print the size and the first characters of a document.

    Raises:
        DemoError: the document is not the expected one.
    """
    text = found.decode()
    if json.loads(text) != expected:
        raise DemoError(f"{location} contains {text[:200]}, which is not the expected document")
    line = " ".join(text.split())
    shown = line if len(line) <= 70 else f"{line[:67]}..."
    print(f"  {location} contains the expected {len(found):,} bytes: {shown}")


def repository_settings() -> Any:
    """Return this repository's pyproject.toml as JSON."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def index_of_python() -> Any:
    """Return path, size in bytes and SHA-256 of each module of Python's standard library."""
    folder = Path(sysconfig.get_path("stdlib"))
    modules = (path for path in folder.rglob("*.py") if "site-packages" not in path.parts)
    return [
        {
            "path": str(path),
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(modules)
    ]


@contextmanager
def set_up() -> Iterator[Demo]:
    """Start the AWS emulator with one bucket and create a folder; remove both at the end."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN_SETTINGS)}
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        folder = Path(name)
        with moto_server(folder / "moto.log") as url:
            print(f"The local AWS emulator is moto's server at {url}.")
            with patch.dict(os.environ, {**own, **aws_settings(url)}, clear=True):
                yield Demo(folder, _make_bucket())
            print("\nStopped the emulator.")


def _make_bucket() -> Any:
    import boto3

    configuration = {"LocationConstraint": os.environ["AWS_REGION"]}
    s3 = boto3.session.Session().resource("s3")
    return s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=configuration)


EXAMPLES = (
    inline_payload,
    payload_file,
    everything_in_s3,
    everything_from_environment,
    repository_there_and_back,
)


def main() -> int:
    """Run all examples; return 1 if one of them failed."""
    settings, index = repository_settings(), index_of_python()
    failed = []
    with set_up() as demo:
        for number, example in enumerate(EXAMPLES, 1):
            print(f"\n{number}. {(example.__doc__ or '').strip()}")
            try:
                example(demo, settings, index)
            except DemoError as error:
                failed.append(number)
                print(f"  FAILED: {error}")
    print(f"{len(EXAMPLES) - len(failed)} of {len(EXAMPLES)} examples succeeded.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
