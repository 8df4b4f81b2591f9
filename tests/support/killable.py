"""Run verbs in processes of their own, which can be killed at any request or change of the disk.

Each run is a fork of a process that has imported the product: a run takes a tenth of a second.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from fault_worlds import Verb

# Audit events of changes to a disk: https://docs.python.org/3/library/audit_events.html
_CHANGES: Final = frozenset(
    {
        "open",
        "os.chmod",
        "os.link",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.truncate",
        "os.utime",
    }
)


@dataclass(frozen=True)
class Ended:
    """The end of a run.

    Args:
        status: 0, or that of an error; negative for a signal.
        changes: the number of changes to the disk.
        error: the error that the run raised, if any.
        counts: the counts of the response, unless the run was killed.
    """

    status: int
    changes: int
    error: str
    counts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def was_killed(self) -> bool:
        """Whether it was killed."""
        return self.status == -signal.SIGKILL


class Runner:
    """Runs verbs, one after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(
        self,
        verb: Verb,
        request: Mapping[str, Any],
        folder: Path,
        environment: Mapping[str, str],
        *,
        kill_at_change: int | None = None,
        started: Callable[[int], None] = lambda pid: None,
    ) -> Ended:
        """Run a verb and wait for its end.

        Args:
            verb: the verb.
            request: its request.
            folder: the folder below which changes to the disk count.
            environment: environment variables.
            kill_at_change: the number, from 1, of the change before which the run is killed.
            started: called with the process ID before the process does anything.
        """
        job = {
            "verb": asdict(verb),
            "request": request,
            "folder": str(folder),
            "environment": dict(environment),
            "kill_at_change": kill_at_change,
        }
        pid = self._ask(job)["pid"]
        started(pid)
        return Ended(**self._ask({"continue": pid}))

    def _ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        reader, writer = self._process.stdout, self._process.stdin
        if reader is None or writer is None:
            raise RuntimeError("the process was started without pipes")
        writer.write(json.dumps(message) + "\n")
        writer.flush()
        answer: dict[str, Any] = json.loads(reader.readline())
        return answer


@contextmanager
def killable_runs() -> Iterator[Runner]:
    """Start the process whose forks run verbs."""
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Runner(process)
    finally:
        process.kill()
        process.communicate()


class Context:
    """The context of an invocation."""

    aws_request_id = "11111111-2222-4333-8444-555555555555"
    function_name = "function"
    function_version = "1"
    invoked_function_arn = "arn:aws:lambda:us-west-2:123456789012:function:function"
    memory_limit_in_mb = 512

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def _main() -> None:
    # Before the first fork, so that none of these imports them.
    import awscrt.s3  # noqa: F401
    from aibs_informatics_aws_lambda.handlers.data_sync import file_system, operations  # noqa: F401
    from aibs_informatics_aws_lambda.handlers.data_sync.sync import engine  # noqa: F401
    from fault_worlds import run_verb

    for line in sys.stdin:
        job = json.loads(line)
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reader)
            _run(job, writer, lambda job: run_verb(Verb(**job["verb"]), job["request"], Context()))
        os.close(writer)
        os.waitpid(pid, os.WUNTRACED)
        _tell({"pid": pid})
        sys.stdin.readline()
        os.kill(pid, signal.SIGCONT)
        with os.fdopen(reader) as results:
            told = results.read()
        _, status = os.waitpid(pid, 0)
        found = json.loads(told) if told else {"changes": 0, "error": ""}
        _tell({"status": os.waitstatus_to_exitcode(status), **found})


def _tell(message: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _run(
    job: Mapping[str, Any], writer: int, run: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.environ.update(job["environment"])
    changes = 0

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal changes
        if event in _CHANGES and _is_change(event, arguments, job["folder"]):
            changes += 1
            if changes == job["kill_at_change"]:
                os.kill(os.getpid(), signal.SIGKILL)

    os.kill(os.getpid(), signal.SIGSTOP)
    sys.addaudithook(note)
    error, counts = "", {}
    try:
        counts = run(job)
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    os.write(writer, json.dumps({"changes": changes, "error": error, "counts": counts}).encode())
    os._exit(1 if error else 0)


def _is_change(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    if event != "open":
        return True
    path, _, flags = arguments
    if not flags & (os.O_WRONLY | os.O_RDWR) or not isinstance(path, str | os.PathLike):
        return False
    # A name alone is one in a folder that is held open.
    return os.fspath(path).startswith(folder) or "/" not in os.fspath(path)


if __name__ == "__main__":
    _main()
