"""What a project imports that is missing or has moved since version 1.1.0."""

import contextlib
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from .errors import error_message
from .references import Reference, find_references

NAMESPACE = "aibs_informatics_aws_lambda"
DISTRIBUTION = "aibs-informatics-aws-lambda"
FIRST_VERSION = (1, 2)
_PARTS = frozenset({"batch", "data_sync", "demand", "ecr", "notifications", "storage"})

# The support libraries of version 1.1.0, and where their modules are now.
MOVED = {
    "aibs_informatics_core.env": ("common.env",),
    "aibs_informatics_core.exceptions": ("common.exceptions",),
    "aibs_informatics_core.executors": ("common.executor",),
    "aibs_informatics_core.models.api.http_parameters": ("common.api.http_parameters",),
    "aibs_informatics_core.models.api.route": ("common.api.route",),
    "aibs_informatics_core.models.aws.efs": ("storage.efs",),
    "aibs_informatics_core.models.aws.s3": ("common.s3",),
    "aibs_informatics_core.models.aws.sns": ("handlers.notifications.sns",),
    "aibs_informatics_core.models.base": ("common.model",),
    "aibs_informatics_core.models.data_sync": ("storage.data_sync",),
    "aibs_informatics_core.models.demand_execution": ("handlers.demand.execution",),
    "aibs_informatics_core.models.version": ("common.api.version",),
    "aibs_informatics_core.utils.json": ("common.json_io",),
    "aibs_informatics_aws_utils.batch": ("handlers.batch.job_definition",),
    "aibs_informatics_aws_utils.constants.lambda_": ("common.constants",),
    "aibs_informatics_aws_utils.ecr": ("handlers.ecr",),
    "aibs_informatics_aws_utils.efs": (
        "storage.efs",
        "storage.efs_inventory",
        "storage.mount_points",
        "storage.mount_discovery",
    ),
    "aibs_informatics_aws_utils.exceptions": ("common.exceptions",),
    "aibs_informatics_aws_utils.s3": ("common.s3",),
    "aibs_informatics_aws_utils.ses": ("handlers.notifications.ses",),
    "aibs_informatics_aws_utils.sns": ("handlers.notifications.sns",),
}
_SUPPORT_LIBRARIES = frozenset({"aibs_informatics_core", "aibs_informatics_aws_utils"})
_PACKAGES = _SUPPORT_LIBRARIES | {NAMESPACE}


@dataclass(frozen=True)
class Finding:
    """A line of the report.

    Args:
        text: the line.
        is_problem: whether the project does not work before it is resolved.
    """

    text: str
    is_problem: bool


def check_move(names: Sequence[str]) -> tuple[str, bool]:
    """Import modules and packages, and return a report and whether they work.

    Args:
        names: qualified names of the modules and packages; of a package, all modules are imported.
    """
    found = list(_of_installation())
    modules = list(dict.fromkeys(module for name in names for module in _modules_of(name)))
    for module in modules:
        found += _of_module(module)
    problems = sum(finding.is_problem for finding in found)
    moved = len(found) - problems
    summary = f"checked: {len(modules)}, problems: {problems}, names that have moved: {moved}"
    return "\n".join([*(finding.text for finding in found), summary]), problems == 0


def _of_installation() -> Iterator[Finding]:
    try:
        installed = version(DISTRIBUTION)
    except PackageNotFoundError:
        return
    if tuple(int(part) for part in installed.split(".")[:2] if part.isdecimal()) < FIRST_VERSION:
        yield Finding(
            f"{DISTRIBUTION} {installed} is installed beside these packages and has files with "
            f"the same paths. Run pip install --upgrade {DISTRIBUTION}.",
            is_problem=True,
        )


def _modules_of(name: str) -> Iterator[str]:
    """Yield a module and, for a package, all modules below it; importing them may fail."""
    yield name
    with contextlib.suppress(Exception, SystemExit):
        paths = getattr(importlib.import_module(name), "__path__", None)
        for found in pkgutil.iter_modules(paths, f"{name}.") if paths else ():
            # It would run as a program.
            if not found.name.endswith(".__main__"):
                yield from _modules_of(found.name)


def _of_module(name: str) -> list[Finding]:
    failure = _import_error(name)
    path = _path_of(name)
    found: list[Finding] = []
    if path is not None:
        # Importing it fails with the same errors.
        with contextlib.suppress(SyntaxError, UnicodeDecodeError):
            found += _of_references(path, find_references(path.read_text(), _PACKAGES))
    if failure and not any(finding.is_problem for finding in found):
        where = f"{_shown(path)}: " if path else ""
        found.append(Finding(f"{where}cannot import {name}: {failure}", is_problem=True))
    return found


def _import_error(name: str) -> str | None:
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error_message(error)}"
    return None


def _path_of(name: str) -> Path | None:
    """Return the source file of a module, or None without one."""
    with contextlib.suppress(Exception, SystemExit):
        spec = find_spec(name)
        if spec and spec.origin and spec.origin.endswith(".py"):
            return Path(spec.origin)
    return None


def _of_references(path: Path, references: Iterable[Reference]) -> Iterator[Finding]:
    for reference in references:
        package = reference.name.partition(".")[0]
        check = _of_ours if package == NAMESPACE else _of_support_library
        for text, is_problem in check(reference.name):
            yield Finding(f"{_shown(path)}:{reference.line}: {text}", is_problem)


def _of_ours(name: str) -> Iterator[tuple[str, bool]]:
    if _resolves(name):
        return
    if distribution := _missing_distribution(name):
        yield f"{name} is not installed. Install {distribution}.", True
    else:
        yield f"{name} does not exist. Use another name, or keep version 1.1.0.", True


def _of_support_library(name: str) -> Iterator[tuple[str, bool]]:
    if name in _SUPPORT_LIBRARIES:
        return  # Part of a longer name in another line.
    home = _home_of(name)
    if home is None:
        library = name.partition(".")[0].replace("_", "-")
        yield f"{name} is not part of these packages. Keep {library} as a requirement.", False
    elif distribution := _missing_distribution(home):
        yield f"{name} has moved to {home}. Install {distribution}.", False
    elif home.endswith(".exceptions"):
        # `except` does not catch an error of the other class.
        yield f"{name} is no longer raised. Import it from {home}.", True
    else:
        yield f"{name} has moved. Import it from {home}.", False


def _home_of(name: str) -> str | None:
    """Return the module that contains a module or name of a support library now."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        for home in MOVED.get(".".join(parts[:length]), ()):
            module = f"{NAMESPACE}.{home}"
            is_there = _resolves(".".join([module, *parts[length:][-1:]]))
            if is_there or _missing_distribution(module):
                return module
    return None


@cache
def _resolves(name: str) -> bool:
    """Whether a qualified name is a module, or the name of a module with at most one more part."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = _import(".".join(parts[:length]))
        if module is not None:
            # Further attributes may be fields, which a class does not have.
            return length == len(parts) or hasattr(module, parts[length])
    return False


def _import(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit):
        return None


def _missing_distribution(name: str) -> str | None:
    """Return the distribution of a part of the namespace, if it is not installed."""
    part = next((part for part in name.split(".")[1:3] if part in _PARTS), None)
    folder = f"handlers.{part}" if part != "storage" else part
    if part is None or _import(f"{NAMESPACE}.{folder}"):
        return None
    return f"{DISTRIBUTION}-{part.replace('_', '-')}"


def _shown(path: Path) -> str:
    """Return a path as a user writes it: relative to the current directory if it is below."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
