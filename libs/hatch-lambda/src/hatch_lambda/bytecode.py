"""Compile modules to bytecode for the Python version of the target."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from uv import find_uv_bin

from .errors import LambdaBuildError
from .options import INTERPRETER_VARIABLE
from .process import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# Lambda unpacks archives here; tracebacks show these paths.
_TASK_ROOT = "/var/task"

_DESCRIBE = (
    "import sys; i = sys.implementation; "
    "print(i.cache_tag, '.'.join(map(str, i.version[:3])), i.version.releaselevel)"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python interpreter that compiles modules.

    Attributes:
        path: Path of the executable.
        version: Full version.
    """

    path: str
    version: str


def find_interpreter(
    python_version: str, named: str | None, environment: Mapping[str, str]
) -> Interpreter | None:
    """Find a CPython interpreter of a minor version on this machine.

    Args:
        python_version: Minor version, such as `3.13`.
        named: Path configured by the user, if any.
        environment: Environment variables; `PATH` and `PYENV_ROOT` are used.

    Returns:
        The first match of: this interpreter, those found by uv, on the `PATH`, and of pyenv.

    Raises:
        LambdaBuildError: The configured interpreter has another version.
    """
    if named:
        interpreter = _examine(named, python_version)
        if interpreter is None:
            message = (
                f"`{INTERPRETER_VARIABLE}` is {named!r}, not the path of a released "
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
    # uv stops at the first executable of that name, which may be the shim of a version manager for
    # an inactive Python.
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
        output = run([path, "-I", "-c", _DESCRIBE]).stdout.split()
    except OSError:
        return None
    # The cache tag excludes other implementations and free-threaded builds. The bytecode format
    # of a prerelease may still change.
    if len(output) != 3 or output[0] != _tag(python_version) or output[2] != "final":
        return None
    return Interpreter(path, output[1])


def _tag(python_version: str) -> str:
    return "cpython-" + python_version.replace(".", "")


def bytecode_path(source: str, python_version: str) -> str:
    """Return the path of the bytecode of a module.

    Args:
        source: Path of the module, with slashes.
        python_version: Minor version of Python.

    Returns:
        Path of the `.pyc` file.
    """
    path = PurePosixPath(source)
    return str(path.parent / "__pycache__" / f"{path.stem}.{_tag(python_version)}.pyc")


def compile_tree(
    tree: Path, python_version: str, interpreter: Interpreter, *, debug_ranges: bool
) -> dict[str, str]:
    """Compile every module of a folder.

    The bytecode is unchecked: Python does not compare it with its source. In an archive the two
    cannot diverge, and a comparison of timestamps would fail after unpacking.

    Args:
        tree: Folder with the modules.
        python_version: Minor version of the target.
        interpreter: Interpreter of that version.
        debug_ranges: Whether bytecode contains column numbers, with which tracebacks underline
            the failing part of a line.

    Returns:
        Paths of the modules by the path of their bytecode. Invalid modules, such as templates in
        packages, are omitted.

    Raises:
        LambdaBuildError: The interpreter failed.
    """
    sources = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*.py"))
    result = run(
        _compile_command(tree, interpreter),
        environment=_compile_environment(debug_ranges=debug_ranges),
        stdin="".join(f"{tree / source}\n" for source in sources),
    )
    # The exit status of compileall is 1 if a module is invalid.
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
    # For reproducible bytecode: references to equal objects, and the order of sets, depend on the
    # modules compiled before and on the hash seed.
    inherited: Iterable[tuple[str, str]] = os.environ.items()
    kept = {name: value for name, value in inherited if not name.startswith("PYTHON")}
    # https://docs.python.org/3/using/cmdline.html#envvar-PYTHONNODEBUGRANGES
    ranges = {} if debug_ranges else {"PYTHONNODEBUGRANGES": "1"}
    return {**kept, **ranges, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
