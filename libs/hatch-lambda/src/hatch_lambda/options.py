"""Read and validate the options of the build target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from packaging.utils import InvalidName, canonicalize_name

from .errors import LambdaBuildError
from .platforms import ARCHITECTURES, PLATFORMS, RUNTIMES, Platform
from .prune import RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TABLE = "tool.hatch.build.targets.lambda"
ENVIRONMENT_PREFIX = "HATCH_LAMBDA_"
INTERPRETER_VARIABLE = "HATCH_LAMBDA_PYTHON"


@dataclass(frozen=True)
class Options:
    """Options of one build.

    Attributes:
        runtime: Lambda runtime.
        architecture: Instruction set architecture.
        bytecode: Whether to compile modules; `auto` skips it without a matching interpreter.
        debug_ranges: Whether bytecode contains column numbers.
        include_sdk: Whether to include the AWS SDK.
        powertools_layer: Whether the function has the Powertools layer.
        features: Extras of the project to install.
        exclude_dependencies: Further distributions to leave out.
        exclude_files: Patterns of further files to leave out.
        keep: Names of rules for leaving out files that do not apply.
        max_bytes: Maximum size of the archive in bytes.
        constraints: Path of a file with pinned and hashed versions.
        interpreter: Path of the interpreter that compiles modules.
    """

    runtime: str = "python3.13"
    architecture: str = "x86_64"
    bytecode: bool | Literal["auto"] = True
    debug_ranges: bool = False
    include_sdk: bool = False
    powertools_layer: bool = False
    features: tuple[str, ...] = ()
    exclude_dependencies: tuple[str, ...] = ()
    exclude_files: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    max_bytes: int | None = None
    constraints: str | None = None
    interpreter: str | None = None

    @property
    def platform(self) -> Platform:
        """The default platform of the build."""
        return Platform(self.runtime, self.architecture)


@dataclass(frozen=True)
class _Kind:
    """Valid values of an option: a description, a test, and a parser of environment variables."""

    expected: str
    accepts: Callable[[Any], bool]
    from_text: Callable[[str], Any]


def _one_of(*allowed: str) -> _Kind:
    return _Kind(f"one of {', '.join(allowed)}", allowed.__contains__, str)


def _parse_flag(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text, text)


def _are_names(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    try:
        return all(canonicalize_name(name, validate=True) for name in value)
    except (InvalidName, TypeError):
        return False


def _are_rules(value: Any) -> bool:
    return isinstance(value, list) and all(name in list(RULES) for name in value)


def _are_patterns(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0


def _parse_integer(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _are_platforms(value: Any) -> bool:
    return isinstance(value, list) and all(platform in list(PLATFORMS) for platform in value)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


_FLAG = _Kind("true or false", lambda value: isinstance(value, bool), _parse_flag)
_BYTECODE = _Kind(
    'true, false or "auto"', lambda value: isinstance(value, bool) or value == "auto", _parse_flag
)
_NAMES = _Kind("an array of names", _are_names, _split)
_PATTERNS = _Kind("an array of patterns", _are_patterns, _split)
_RULES = _Kind(f"an array of {', '.join(RULES)}", _are_rules, _split)
_SIZE = _Kind("a positive integer (bytes)", _is_size, _parse_integer)
_PATH = _Kind("a path", lambda value: isinstance(value, str) and bool(value), str)

_OPTIONS = {
    "runtime": _one_of(*RUNTIMES),
    "architecture": _one_of(*ARCHITECTURES),
    "bytecode": _BYTECODE,
    "debug-ranges": _FLAG,
    "include-sdk": _FLAG,
    "powertools-layer": _FLAG,
    "features": _NAMES,
    "exclude-dependencies": _NAMES,
    "exclude-files": _PATTERNS,
    "keep": _RULES,
    "max-bytes": _SIZE,
    "constraints": _PATH,
}

_VERSIONS = _Kind(f"an array of {', '.join(PLATFORMS)}", _are_platforms, _split)

# Read by hatchling for every target. Its file selection does not apply: the files of the project
# are those of its wheel.
_OPTIONS_OF_HATCHLING = (
    "dependencies",
    "directory",
    "hooks",
    "require-runtime-dependencies",
    "require-runtime-features",
    "versions",
)


def read_options(table: Mapping[str, Any], environment: Mapping[str, str]) -> Options:
    """Read the options of a build.

    Args:
        table: The table `tool.hatch.build.targets.lambda`.
        environment: Environment variables. `HATCH_LAMBDA_BYTECODE` overrides `bytecode`, and so
            on; empty variables are ignored.

    Returns:
        The validated options.

    Raises:
        LambdaBuildError: An option is unknown, or its value is invalid.
    """
    _check_names(table)
    if "versions" in table:
        _check(f"{TABLE}.versions", table["versions"], _VERSIONS)
    values = {name: value for name, value in table.items() if name in _OPTIONS}
    for name, value in values.items():
        _check(f"{TABLE}.{name}", value, _OPTIONS[name])
    return _make_options(values | _overrides(environment), environment)


def _make_options(values: Mapping[str, Any], environment: Mapping[str, str]) -> Options:
    fields = {name.replace("-", "_"): value for name, value in values.items()}
    for name in ("features", "exclude_dependencies"):
        fields[name] = tuple(canonicalize_name(item) for item in fields.get(name, ()))
    for name in ("exclude_files", "keep"):
        fields[name] = tuple(fields.get(name, ()))
    return Options(**fields, interpreter=environment.get(INTERPRETER_VARIABLE) or None)


def _overrides(environment: Mapping[str, str]) -> dict[str, Any]:
    variables = {_variable(name): name for name in _OPTIONS}
    found = {
        variable: text
        for variable, text in environment.items()
        if variable.startswith(ENVIRONMENT_PREFIX) and variable != INTERPRETER_VARIABLE and text
    }
    if unknown := sorted(found.keys() - variables.keys()):
        message = (
            f"Unknown environment variable `{unknown[0]}`. "
            f"Supported: {', '.join(variables)} and {INTERPRETER_VARIABLE}."
        )
        raise LambdaBuildError(message)
    overrides = {}
    for variable, text in found.items():
        name = variables[variable]
        value = _OPTIONS[name].from_text(text)
        _check(variable, value, _OPTIONS[name])
        overrides[name] = value
    return overrides


def _variable(option: str) -> str:
    return ENVIRONMENT_PREFIX + option.replace("-", "_").upper()


def _check_names(table: Mapping[str, Any]) -> None:
    known = (*_OPTIONS, *_OPTIONS_OF_HATCHLING)
    if unknown := [name for name in table if name not in known]:
        message = (
            f"Unknown option `{unknown[0]}` with value {table[unknown[0]]!r} in `{TABLE}`. "
            f"Supported: {', '.join(known)}. "
            f"To select files of the project, configure its wheel target."
        )
        raise LambdaBuildError(message)


def _check(source: str, value: Any, kind: _Kind) -> None:
    if not kind.accepts(value):
        message = f"`{source}` is {value!r}, but must be {kind.expected}."
        raise LambdaBuildError(message)
