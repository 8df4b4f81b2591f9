"""Compiling modules for the Python of the target."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from uv import find_uv_bin

from .commands import run
from .errors import LambdaBuildError
from .options import INTERPRETER_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# Where Lambda unpacks an archive; tracebacks show it.
_TASK_ROOT = "/var/task"

_DESCRIBE = (
    "import sys; i = sys.implementation; "
    "print(i.cache_tag, '.'.join(map(str, i.version[:3])), i.version.releaselevel)"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python which compiles.

    Attributes:
        path: Its executable.
        version: Its full version.
    """

    path: str
    version: str


def find_interpreter(
    python_version: str, named: str | None, environment: Mapping[str, str]
) -> Interpreter | None:
    """Find a CPython of a minor version on this machine.

    Args:
        python_version: Minor version, such as `3.13`.
        named: Path of the one to use, if the user named one.
        environment: Environment variables which say where interpreters are.

    Returns:
        The first that fits: this one, what uv finds, what is on the path, what pyenv has.

    Raises:
        LambdaBuildError: The one named does not fit.
    """
    if named:
        interpreter = _examine(named, python_version)
        if interpreter is None:
            message = (
                f"`{INTERPRETER_VARIABLE}` is {named!r}, but must be the path of a released "
                f"CPython {python_version}."
            )
            raise LambdaBuildError(message)
        return interpreter
    for candidate in _candidates(python_version, environment):
        if interpreter := _examine(candidate, python_version):
            return interpreter
    return None


def _candidates(python_version: str, environment: Mapping[str, str]) -> Iterator[str]:
    if sys.version_info[:2] == tuple(map(int, python_version.split("."))):
        yield sys.executable
    options = ["--no-config", "--no-python-downloads", "--quiet"]
    yield run([find_uv_bin(), "python", "find", *options, f"cpython@{python_version}"]).stdout
    # uv gives up at the first executable of that name, which may be the shim of a version manager
    # for a Python that is not switched on.
    for folder in environment.get("PATH", "").split(os.pathsep):
        yield os.path.join(folder, f"python{python_version}")  # noqa: PTH118
    yield from _of_pyenv(python_version, environment)


def _of_pyenv(python_version: str, environment: Mapping[str, str]) -> Iterator[str]:
    root = Path(environment.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = root.glob(f"versions/{python_version}.*/bin/python{python_version}")
    yield from map(str, sorted(found, key=_patch_release, reverse=True))


def _patch_release(executable: Path) -> int:
    patch = executable.parent.parent.name.rpartition(".")[2]
    return int(patch) if patch.isdecimal() else -1


def _examine(executable: str, python_version: str) -> Interpreter | None:
    path = executable.strip()
    if not path or not Path(path).is_file():
        return None
    try:
        answer = run([path, "-I", "-c", _DESCRIBE]).stdout.split()
    except OSError:
        return None
    # The tag tells other implementations and free-threaded builds apart; before its release, a
    # Python still changes the format of its bytecode.
    if len(answer) != 3 or answer[0] != _tag(python_version) or answer[2] != "final":
        return None
    return Interpreter(path, answer[1])


def _tag(python_version: str) -> str:
    return "cpython-" + python_version.replace(".", "")


def bytecode_path(source: str, python_version: str) -> str:
    """Where the bytecode of a module is.

    Args:
        source: Path of the module, with slashes.
        python_version: Minor version of Python.

    Returns:
        Path of its bytecode.
    """
    place = PurePosixPath(source)
    return str(place.parent / "__pycache__" / f"{place.stem}.{_tag(python_version)}.pyc")


def compile_tree(
    tree: Path, python_version: str, interpreter: Interpreter, *, debug_ranges: bool
) -> dict[str, str]:
    """Compile every module of a tree.

    The bytecode is never checked against its source: in an archive the two cannot part, and a
    check by time would fail, as unpacking sets the times anew.

    Args:
        tree: Folder whose modules are compiled.
        python_version: Minor version of the target.
        interpreter: A Python of that version.
        debug_ranges: Whether bytecode knows the columns of its source, with which tracebacks
            underline what failed in a line.

    Returns:
        Path of each module by the path of its bytecode. A module that is no valid Python for the
        target, which packages have among their templates and tests, is not there.

    Raises:
        LambdaBuildError: The interpreter broke down.
    """
    sources = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*.py"))
    result = run(
        _compile_command(tree, interpreter),
        environment=_compile_environment(debug_ranges=debug_ranges),
        stdin="".join(f"{tree / source}\n" for source in sources),
    )
    # compileall ends with 1 if a module did not compile.
    if result.returncode not in (0, 1):
        message = f"{interpreter.path} cannot compile modules:\n\n{result.stdout}{result.stderr}"
        raise LambdaBuildError(message)
    compiled = {bytecode_path(source, python_version): source for source in sources}
    return {path: source for path, source in compiled.items() if (tree / path).is_file()}


def _compile_command(tree: Path, interpreter: Interpreter) -> list[str]:
    isolation = ["-s", "-S", "-P"]
    mode = ["-qq", "--invalidation-mode", "unchecked-hash"]
    return [
        *(interpreter.path, *isolation, "-m", "compileall", *mode),
        *("-s", str(tree), "-p", _TASK_ROOT, "-i", "-"),
    ]


def _compile_environment(*, debug_ranges: bool) -> dict[str, str]:
    # One process with one seed, fed in one order: bytecode has references to equal objects and
    # sets in it, whose form depends on what was compiled before and on hashes.
    inherited: Iterable[tuple[str, str]] = os.environ.items()
    kept = {name: value for name, value in inherited if not name.startswith("PYTHON")}
    # https://docs.python.org/3/using/cmdline.html#envvar-PYTHONNODEBUGRANGES
    ranges = {} if debug_ranges else {"PYTHONNODEBUGRANGES": "1"}
    return {**kept, **ranges, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
