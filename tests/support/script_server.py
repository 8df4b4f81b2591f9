"""Console scripts as processes that import nothing at their start.

A new Python takes most of the time of a short command to import what that needs. A server imports
it once, and forks for each run. The fork gets the arguments, the folder, the environment and the
descriptors of the run, runs the script itself, and exits as any Python does.

What an import does to a process is not part of such a run: tests of imports start a new Python.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["ScriptServer", "Stdout", "script_server"]

_MAX_REQUEST_BYTES = 1 << 18
# A run that takes so long is killed.
_LIMIT_SECONDS = 300


Stdout: TypeAlias = Literal["read", "unread", "full", "closed"]
"""A pipe that is read, one whose reader is gone, a device without space, or none."""


class ScriptServer:
    """Runs a console script.

    Args:
        script: the path of the script.
        requests: the socket of the server.
    """

    def __init__(self, script: str, requests: socket.socket) -> None:
        self._script = script
        self._requests = requests

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        stdin: str,
        stdout: Stdout = "read",
    ) -> subprocess.CompletedProcess[str]:
        """Run the script with its standard streams in pipes, or with another stdout."""
        their_stdin, stdin_writer = os.pipe()
        stdout_reader, their_stdout = _open_stdout(stdout)
        stderr_reader, their_stderr = os.pipe()
        status_reader, their_status = os.pipe()
        theirs = [their_stdin, their_stdout, their_stderr, their_status]
        arguments = [self._script, *arguments]
        is_closed = stdout == "closed"
        request = json.dumps([arguments, str(folder), dict(environment), is_closed])
        socket.send_fds(self._requests, [request.encode()], theirs)
        for descriptor in theirs:
            os.close(descriptor)
        with ThreadPoolExecutor(3) as threads:
            threads.submit(_write, stdin_writer, stdin)
            printed = threads.submit(_read, stdout_reader)
            stderr = threads.submit(_read, stderr_reader)
            status = int(_read(status_reader))
        return subprocess.CompletedProcess(arguments, status, printed.result(), stderr.result())


def _open_stdout(stdout: Stdout) -> tuple[int, int]:
    """Return a descriptor to read from, and the stdout of the run."""
    if stdout == "full":
        return os.open(os.devnull, os.O_RDONLY), os.open("/dev/full", os.O_WRONLY)
    reader, theirs = os.pipe()
    if stdout != "unread":
        return reader, theirs
    os.close(reader)
    return os.open(os.devnull, os.O_RDONLY), theirs


def _read(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8") as file:
        return file.read()


def _write(descriptor: int, text: str) -> None:
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except BrokenPipeError:
        """The script does not read all of it."""


@contextmanager
def script_server(script: str, modules: Sequence[str]) -> Iterator[ScriptServer]:
    """Run the server of a console script.

    Args:
        script: the path of the script, a Python program.
        modules: what it imports; the others are imported by each run.

    Raises:
        RuntimeError: a module cannot be imported.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno()), *modules],
            pass_fds=[theirs.fileno()],
            # Pipes, as those of the runs: Python remembers that it cannot seek in them.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    # The server ends with its socket.
    with process, ours:
        if not ours.recv(1):
            raise RuntimeError(f"no server of {script}:\n{process.communicate()[1].decode()}")
        yield ScriptServer(script, ours)


def _serve(requests: socket.socket, modules: Sequence[str]) -> list[str]:
    """Fork for each request; return the arguments of the run in its process, else none."""
    for module in modules:
        importlib.import_module(module)
    # What is there by now is neither looked through nor copied by the forks.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    requests.send(b".")
    while True:
        message, descriptors, *_ = socket.recv_fds(requests, _MAX_REQUEST_BYTES, 4)
        if not message:
            return []
        if not os.fork():
            requests.close()
            return _start(message, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _start(message: bytes, descriptors: Sequence[int]) -> list[str]:
    """Fork once more, for a process that reports the exit status of the other."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, status = descriptors
    if process := os.fork():
        for descriptor in (*streams, 1):
            os.close(descriptor)
        _, state = os.waitpid(process, 0)
        os.write(status, b"%d" % os.waitstatus_to_exitcode(state))
        os._exit(0)
    os.close(status)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    arguments, folder, environment, is_closed = json.loads(message)
    if is_closed:
        # As a new Python has it.
        os.close(1)
        sys.stdout = sys.__stdout__ = None  # type: ignore[misc]
    added = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [entry for entry in added if entry and entry not in sys.path]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    signal.alarm(_LIMIT_SECONDS)
    return list(arguments)


if __name__ == "__main__":
    del sys.path[0]  # The folder of this file, where a run has that of the script.
    with socket.socket(fileno=int(sys.argv[1])) as _requests:
        sys.argv = _serve(_requests, sys.argv[2:])
    if sys.argv:
        sys.path.insert(0, str(Path(sys.argv[0]).parent))
        runpy.run_path(sys.argv[0], run_name="__main__")
