"""Change the pure modules in every small way, and check that their table tests notice.

``tools/mutation.toml`` lists the modules and, with the reason, the mutants that live: because they
do the same as the module, or differ in the text of a message alone. A mutant that lives and is not
listed fails the run, and so does one that is listed and dies, and a module of whose mutants less
than nine in ten die.

Each mutant runs in a fork of a process that has imported what the tests need, and is never written
to a disk: thousands take minutes, and a run that is interrupted leaves nothing behind.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import resource
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from mutants import Mutant

ROOT = Path(__file__).parents[1]
CONFIGURATION = Path(__file__).with_name("mutation.toml")

_LEAST_KILLED = 0.9
# A mutant that takes so many times as long as the module is in an endless loop, or waits for ever:
# it counts as killed.
_TIMES_AS_LONG = 10
_MEMORY_BYTES = 4 * 2**30

_PASSED = 0


@dataclass(frozen=True, order=True)
class Survivor:
    """A mutant that lives.

    Args:
        module: the path of the module below the package, without its suffix.
        function: the function that is changed.
        before: the lines that are changed.
        after: the same lines, changed.
        reason: why no test can, or need, tell it from the module.
    """

    module: str
    function: str
    before: str
    after: str
    reason: str = ""

    def __str__(self) -> str:
        place = f"{self.module}: {self.function}" if self.function else self.module
        return f"{place}\n  - {self.before}\n  + {self.after}"

    def without_reason(self) -> Survivor:
        """Return what a run finds of it."""
        return replace(self, reason="")


@dataclass(frozen=True)
class Configuration:
    """What is mutated.

    Args:
        source: the folder of the package.
        package: its name.
        tests: the folder of its tests, which mirrors the package.
        modules: the paths of the modules below the package, without their suffixes.
        survivors: the mutants that are known to live.
    """

    source: Path
    package: str
    tests: Path
    modules: Sequence[str]
    survivors: Sequence[Survivor]

    def path_of(self, module: str) -> Path:
        """Return the file of a module."""
        return self.source / f"{module}.py"

    def name_of(self, module: str) -> str:
        """Return the name that a module is imported by."""
        return f"{self.package}.{module.replace('/', '.')}"

    def test_of(self, module: str) -> Path:
        """Return the table test of a module."""
        folder, _, name = module.rpartition("/")
        return self.tests / folder / f"test_{name}.py"


def read_configuration(path: Path = CONFIGURATION, root: Path = ROOT) -> Configuration:
    """Return what is mutated, as a file has it."""
    content = tomllib.loads(path.read_text())
    survivors = []
    for module, entries in content.get("survivors", {}).items():
        for entry in entries:
            before, after = entry["change"]
            function = entry.get("function", "")
            survivors.append(Survivor(module, function, before, after, entry["reason"]))
    return Configuration(
        source=root / content["source"],
        package=content["package"],
        tests=root / content["tests"],
        modules=content["modules"],
        survivors=survivors,
    )


def compare(found: Iterable[Survivor], known: Iterable[Survivor]) -> list[str]:
    """Return what differs between the mutants that live and those that are known to."""
    lives = Counter(survivor.without_reason() for survivor in found)
    listed = Counter(survivor.without_reason() for survivor in known)
    return [
        *(f"lives, and is not listed: {survivor}" for survivor in lives - listed),
        *(f"is listed, and does not live: {survivor}" for survivor in listed - lives),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants of modules, print a line for each module, and return an exit status."""
    parser = argparse.ArgumentParser(prog="mutate", description=__doc__)
    parser.add_argument("modules", nargs="*", help="such as sync/diff; all by default")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    options = parser.parse_args(arguments)
    configuration = read_configuration()
    unknown = [name for name in options.modules if not configuration.path_of(name).is_file()]
    if unknown:
        parser.error(f"{unknown[0]} is not a module of {configuration.package}, such as sync/diff")
    modules = options.modules or configuration.modules
    _print(f"{'module':24} mutants  killed  listed  not listed  seconds")
    failed = False
    for module in modules:
        # At once: those of all modules take an hour, which may be interrupted.
        for problem in _run_module(configuration, module, options.jobs):
            _print(f"  {problem}")
            failed = True
    return 1 if failed else 0


def _run_module(configuration: Configuration, module: str, jobs: int) -> list[str]:
    start = time.monotonic()
    known = [survivor for survivor in configuration.survivors if survivor.module == module]
    # A process for each module, since what one imports is not to be there for the next.
    total, survivors = _in_child(lambda: _survivors(configuration, module, jobs))
    found = [Survivor(module, *survivor) for survivor in survivors]
    problems = compare(found, known)
    killed = total - len(found)
    unlisted = sum(problem.startswith("lives") for problem in problems)
    seconds = time.monotonic() - start
    _print(
        f"{module:24} {total:7} {killed:7} {len(found) - unlisted:7} {unlisted:11} {seconds:8.0f}"
    )
    if killed < _LEAST_KILLED * total:
        problems.append(f"{module}: {killed} of {total} mutants die, and nine in ten must")
    return problems


def _survivors(
    configuration: Configuration, module: str, jobs: int
) -> tuple[int, list[tuple[str, str, str]]]:
    from mutants import make_mutants

    source = configuration.path_of(module).read_text()
    mutants = sorted(make_mutants(source))
    runner = _Runner(configuration.name_of(module), configuration.test_of(module), source)
    runner.warm_up()
    lives = runner.run(mutants, jobs)
    return len(mutants), [(mutant.function, mutant.before, mutant.after) for mutant in lives]


class _Runner:
    """Runs a test file against mutants of a module.

    Args:
        name: the name of the module.
        test: the test file.
        source: the module as it is.
    """

    def __init__(self, name: str, test: Path, source: str) -> None:
        self._name = name
        self._test = test
        self._source = source
        self._limit_seconds = 0

    def warm_up(self) -> None:
        """Check that the tests pass, and import what they import except the package itself."""
        package = self._name.partition(".handlers.")[0] + ".handlers."
        status, names = _in_child(lambda: (self._test_code(self._source), sorted(sys.modules)))
        self._check(status)
        for name in names:
            if not name.startswith((package, "conftest", "packages.")):
                with suppress(Exception):
                    importlib.import_module(name)
        # Again, as what is imported by now could be why all mutants fail.
        start = time.monotonic()
        self._check(_in_child(lambda: self._test_code(self._source)))
        self._limit_seconds = 5 + int(_TIMES_AS_LONG * (time.monotonic() - start))

    def _check(self, status: int) -> None:
        if status != _PASSED:
            raise SystemExit(f"{self._test} fails without any mutant: pytest ends in {status}")

    def run(self, mutants: Sequence[Mutant], jobs: int) -> list[Mutant]:
        """Return the mutants that pass the tests."""
        lives: list[Mutant] = []
        running: dict[int, Mutant] = {}
        for mutant in mutants:
            if len(running) >= jobs:
                self._wait(running, lives)
            process = os.fork()
            if not process:
                _limit(self._limit_seconds)
                _leave(self._test_code(mutant.code))
            running[process] = mutant
        while running:
            self._wait(running, lives)
        return lives

    def _wait(self, running: dict[int, Mutant], lives: list[Mutant]) -> None:
        process, status = os.wait()
        mutant = running.pop(process)
        if os.waitstatus_to_exitcode(status) == _PASSED:
            lives.append(mutant)

    def _test_code(self, code: str) -> int:
        """Run the tests with some code for the module, and return the exit status of pytest."""
        import pytest

        # Plugins that are installed take time, and order and split tests.
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        sys.meta_path.insert(0, _MutantFinder(self._name, code))
        _silence()
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            status = pytest.main(
                [str(self._test), "-x", "-p", "no:cacheprovider", f"--basetemp={folder}/tests"],
                plugins=[_WithoutServers()],
            )
        return int(status)


class _WithoutServers:
    """A plugin of pytest that leaves out the tests that start a mock of AWS: they take seconds."""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Keep the others."""
        items[:] = [item for item in items if "aws" not in item.fixturenames]


class _MutantLoader(importlib.machinery.SourceFileLoader):
    """Loads some code in the place of that of a file."""

    def __init__(self, code: str, fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the mutant."""
        code: CodeType = compile(self._code, self.get_filename(fullname), "exec")
        return code


class _MutantFinder(importlib.abc.MetaPathFinder):
    """Finds a mutant by the name of its module, which is not imported yet."""

    def __init__(self, name: str, code: str) -> None:
        self._name = name
        self._code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return how to load the mutant, and nothing for all other modules."""
        if fullname != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"there is no module {fullname}", name=fullname)
        spec.loader = _MutantLoader(self._code, fullname, spec.origin)
        return spec


def _limit(seconds: int) -> None:
    """End this process by a signal where a mutant does not end."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def _in_child(function: Any) -> Any:
    """Return what a function returns in a fork of this process; it has to fit JSON."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        os.close(reader)
        output = os.fdopen(writer, "w")
        try:
            json.dump(function(), output)
            output.close()
        except SystemExit as error:
            os.write(2, f"{error}\n".encode())
            _leave(1)
        _leave(_PASSED)
    os.close(writer)
    with os.fdopen(reader) as results:
        text = results.read()
    _, status = os.waitpid(process, 0)
    if os.waitstatus_to_exitcode(status) != _PASSED:
        raise SystemExit(1)
    return json.loads(text)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _leave(status: int) -> NoReturn:
    # Not sys.exit: what this process got from its parent is for its parent to end.
    os._exit(status)


if __name__ == "__main__":
    raise SystemExit(main())
