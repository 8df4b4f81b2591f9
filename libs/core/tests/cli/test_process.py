"""The command line as a process that may be stopped or killed at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("handle-lambda-request")


@pytest.fixture
def start(work):
    """Start the console script; whatever still runs at the end is killed."""
    processes = []

    def run(handler, payload, location="out.json"):
        command = [SCRIPT, "--handler", handler, "-e", json.dumps(payload), "-o", location]
        process = subprocess.Popen(
            command, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def wait_for(condition, process, seconds=120):
    """Wait until the condition holds or the process ends; tell whether the condition held."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        if process.poll() is not None:
            return False
        # A loop without it takes the CPU from the process that it waits for.
        time.sleep(0.001)
    pytest.fail("neither happened in time")


def temporary_files(folder):
    return list(folder.glob(".*"))


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGTERM, 143, "stopped"),
        (signal.SIGHUP, 129, "stopped"),
        (signal.SIGINT, 130, "interrupted"),
    ],
)
def test_handler_that_is_stopped_is_one_line_and_leaves_no_response(
    start, work, number, status, word
):
    process = start("work.slow", {})
    assert wait_for((work / "ran.txt").exists, process)

    process.send_signal(number)
    _, stderr = process.communicate(timeout=120)

    assert process.returncode == status
    assert stderr == f"handle-lambda-request: error: {word}\n"
    assert not (work / "out.json").exists()


def test_stop_while_the_response_is_written_leaves_no_temporary_file(start, work):
    size, hits = 30_000_000, 0
    (work / "out.json").write_text("old")
    for _ in range(3):
        process = start("work.big", {"letter": "x", "size": size})
        hits += wait_for(lambda: temporary_files(work), process)
        process.terminate()
        process.communicate(timeout=120)

        assert process.returncode in (0, 143)
        assert not temporary_files(work)
        assert (work / "out.json").stat().st_size in (len("old"), size + len('{"fill": ""}'))
    assert hits, "no process was stopped while it wrote"


def test_process_that_is_killed_at_any_moment_leaves_the_old_response_or_the_new(start, work):
    size = 3_000_000
    began = time.monotonic()
    start("work.big", {"letter": "0", "size": size}).communicate(timeout=120)
    duration = time.monotonic() - began
    chance = random.Random(0)

    allowed = {"0"}
    for letter in "abcde":
        process = start("work.big", {"letter": letter, "size": size})
        time.sleep(chance.uniform(0.5, 1.1) * duration)
        process.kill()
        process.wait()

        fill = json.loads((work / "out.json").read_bytes())["fill"]
        assert fill in (old * size for old in {*allowed, letter})
        allowed = {fill[0]}


# Writes answers of one letter, one after the other, until it is killed.
WRITER = """
import itertools
from pathlib import Path
from aibs_informatics_aws_lambda.common.files import write_atomically

for letter in itertools.cycle("abcdefghij"):
    write_atomically(Path("out.txt"), letter * 1_000_000)
"""


def test_writer_that_is_killed_in_the_middle_of_it_leaves_a_whole_file(tmp_path):
    chance = random.Random(0)
    seen_in_the_middle = 0
    out = tmp_path / "out.txt"
    for _ in range(10):
        out.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", WRITER], cwd=tmp_path)
        assert wait_for(out.exists, process)
        time.sleep(chance.uniform(0, 0.05))
        process.kill()
        process.wait()

        text = out.read_text()
        assert text == text[0] * 1_000_000
        seen_in_the_middle += bool(temporary_files(tmp_path))
        for left in temporary_files(tmp_path):
            left.unlink()
    assert seen_in_the_middle, "no process was killed while it wrote"


MEGABYTES = 100


@pytest.fixture
def large_payload(work):
    """A payload of 100 MB in a file."""
    path = work / "large.json"
    path.write_text(json.dumps({str(n): "é" * 100_000 for n in range(MEGABYTES * 10 // 6 + 1)}))
    assert path.stat().st_size > MEGABYTES * 1_000_000
    return path


def test_payload_of_100_megabytes_can_come_from_a_file(response_of, large_payload):
    answer = json.loads(response_of("work.measure", str(large_payload)))

    assert answer == {"keys": 167, "size": 16_700_000}


@pytest.mark.heavy
def test_payload_of_100_megabytes_can_come_from_s3(response_of, large_payload, aws):
    aws.make_bucket()
    uri = aws.put("bucket", "large.json", large_payload.read_bytes())

    assert json.loads(response_of("work.measure", uri))["keys"] == 167


def run_unread(*arguments, cwd=None):
    """Run the console script while nobody reads what it prints."""
    command = [SCRIPT, *arguments]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            command, cwd=cwd, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writer)


def test_list_that_has_no_reader_any_more_is_no_failure():
    result = run_unread("--list")

    assert result.returncode == 128 + signal.SIGPIPE
    assert result.stderr == ""


def test_response_that_has_no_reader_is_a_failure(work):
    payload = '{"letter": "x", "size": 5}'
    result = run_unread("--handler", "work.big", "-e", payload, "-o", "-", cwd=work)

    assert result.returncode == 1
    assert "cannot write the response" in result.stderr


PRINTING = """
import ctypes
import subprocess

print("by the module")

def handler(event, context):
    print("by the handler")
    subprocess.run(["echo", "by a program"], check=True)
    # In a buffer of its own until the process exits.
    ctypes.CDLL(None).printf(b"by a library\\n")
    return {"done": True}
"""


def test_stdout_has_the_response_alone_whatever_prints(response_of, handle_lambda_request, work):
    (work / "printing.py").write_text(PRINTING)

    assert response_of("printing.handler", "{}") == '{"done": true}\n'

    result = handle_lambda_request("--handler", "printing.handler", "--payload", "{}")
    assert (result.returncode, result.stdout) == (0, "")
    printed = {f"by {who}" for who in ("the module", "the handler", "a program", "a library")}
    assert printed <= set(result.stderr.splitlines())


def test_stdout_of_a_program_that_runs_a_handler_is_restored(run_command, work):
    (work / "printing.py").write_text(PRINTING)
    code = (
        "import subprocess; from aibs_informatics_aws_lambda.main import handle_cli; "
        "handle_cli(['--handler', 'printing.handler', '--payload', '{}', '-o', '-']); "
        "print('printed', flush=True); subprocess.run(['echo', 'by a program'])"
    )
    result = run_command(sys.executable, "-c", code)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[:3] == ['{"done": true}', "printed", "by a program"]


def test_process_without_stderr_runs_a_handler(run_command, work):
    (work / "printing.py").write_text(PRINTING)
    command = f"{SCRIPT} --handler printing.handler --payload '{{}}' -o - 2>&-"
    assert run_command("sh", "-c", command).stdout == '{"done": true}\n'


def test_pipe_that_breaks_in_a_handler_is_a_failure(start, work):
    (work / "breaking.py").write_text(
        "def handler(event, context):\n    raise BrokenPipeError(32, 'Broken pipe')\n"
    )

    process = start("breaking.handler", {})
    _, stderr = process.communicate(timeout=120)

    assert process.returncode == 1
    assert "the handler failed: BrokenPipeError" in stderr
