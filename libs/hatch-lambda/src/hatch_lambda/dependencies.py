"""Resolving and installing what a project needs, with uv."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from uv import find_uv_bin

from .commands import run
from .errors import LambdaBuildError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.tags import Tag

    from .options import Options
    from .platforms import Platform
    from .wheels import Wheel

# What every managed Python runtime of Lambda brings.
AWS_SDK = (
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "six",
    "urllib3",
)

# The layer is `aws-lambda-powertools[all]`. What these need in turn is left out with them, unless
# something else needs it too: then the archive has it, and the archive is imported first.
POWERTOOLS_LAYER = (
    "aws-encryption-sdk",
    "aws-lambda-powertools",
    "aws-xray-sdk",
    "fastjsonschema",
    "jsonpath-ng",
    "pydantic",
    "pydantic-settings",
)

_HASH = re.compile(r"--hash[=\s]+sha256:([0-9a-f]{64})")

# Words of uv in an error, and what helps.
_ADVICE = (
    (
        "Hash mismatch",
        "The index served another file than the constraints or the index itself promised. "
        "Do not use it before you know why.",
    ),
    (
        "wheel",
        "Dependencies are installed from wheels only, as a build from source would be for this "
        "machine. Choose another version, runtime or architecture, or name a folder of wheels "
        "in UV_FIND_LINKS.",
    ),
    (
        "was not found in",
        "If it is an unpublished sibling, list it among `envs.default.workspace.members` of the "
        "hatch workspace. Another package index is named by UV_INDEX or UV_FIND_LINKS; the "
        "settings of pip are not read.",
    ),
    (
        "Failed to fetch",
        "Check the connection to the package index, which is named by UV_DEFAULT_INDEX and "
        "UV_INDEX; the settings of pip are not read.",
    ),
)
_GENERAL_ADVICE = "Change the ranges which exclude each other, or the options of the target."


@dataclass(frozen=True)
class Pin:
    """A distribution as the constraints file has it.

    Attributes:
        requirement: Name and version.
        hashes: SHA-256 of its files.
    """

    requirement: Requirement
    hashes: frozenset[str]


@dataclass(frozen=True)
class Resolved:
    """A distribution that was chosen for the archive.

    Attributes:
        name: Normalized name.
        version: Version.
        hashes: SHA-256 of the wheels that fit the platform, with the file name of each if it is
            known. The best of them is installed. Empty if the index has no hashes.
    """

    name: str
    version: str
    hashes: Mapping[str, str]


def left_out(options: Options) -> tuple[str, ...]:
    """Names of the distributions that stay out of the archive."""
    sdk = () if options.include_sdk else AWS_SDK
    layer = POWERTOOLS_LAYER if options.powertools_layer else ()
    return tuple(sorted({*sdk, *layer, *options.exclude_dependencies}))


def resolve(
    wheels: Sequence[Wheel],
    *,
    features: Collection[str],
    platform: Platform,
    excluded: Iterable[str],
    constraints: Path | None,
    scratch: Path,
) -> list[Resolved]:
    """Choose a version of everything the wheels need.

    Args:
        wheels: Wheels built here, that of the project first.
        features: Extras of the project.
        platform: Platform the archive is for.
        excluded: Names of distributions to leave out.
        constraints: File with pinned and hashed versions.
        scratch: Folder for input files of uv.

    Returns:
        Everything to install, the wheels among them.

    Raises:
        LambdaBuildError: There is no solution, or it is at odds with the constraints.
    """
    local = {wheel.name: wheel for wheel in wheels}
    requirements = write_lines(scratch / "requirements.in", local_requirements(wheels, features))
    exclusions = write_lines(scratch / "excludes.txt", excluded)
    arguments = ["--format", "pylock.toml", "--no-header", "--excludes", str(exclusions)]
    if constraints:
        arguments += ["--constraints", str(constraints)]
    lock = _run_uv("compile", [*arguments, str(requirements)], wheels[0].name, platform)
    resolved = list(_read_lock(tomllib.loads(lock)))
    if not constraints:
        return resolved
    pins = read_pins(constraints.read_text(encoding="utf-8"))
    return [
        item if item.name in local else check_pin(item, pins, constraints.name)
        for item in resolved
    ]


def install(
    resolved: Iterable[Resolved],
    wheels: Sequence[Wheel],
    *,
    platform: Platform,
    tree: Path,
    scratch: Path,
) -> None:
    """Install what was chosen, checking its hashes.

    Args:
        resolved: What to install.
        wheels: Wheels built here, that of the project first.
        platform: Platform the archive is for.
        tree: Folder to install into.
        scratch: Folder for input files of uv.

    Raises:
        LambdaBuildError: Something cannot be fetched, or has another hash.
    """
    local = {wheel.name: wheel.path.as_uri() for wheel in wheels}
    lines = (_locked_requirement(item, local) for item in resolved)
    requirements = write_lines(scratch / "requirements.txt", lines)
    arguments = ["--no-deps", "--link-mode", "copy", "--target", str(tree)]
    _run_uv("install", [*arguments, "-r", str(requirements)], wheels[0].name, platform)


def check_siblings(
    resolved: Iterable[Resolved], wheels: Sequence[Wheel], members: Collection[str]
) -> None:
    """Refuse a member of the workspace that would come from the package index.

    That happens when only a published distribution requires it. A stranger may own the name of
    an unpublished one there.

    Args:
        resolved: What is to be installed.
        wheels: Wheels built here, that of the project first.
        members: Names of the members of the workspace.

    Raises:
        LambdaBuildError: There is such a member.
    """
    local = {wheel.name for wheel in wheels}
    for item in resolved:
        if item.name in members and item.name not in local:
            message = (
                f"`{item.name}` is a member of the workspace, but would be taken from the package "
                f"index, as only published dependencies require it. Add it to the dependencies "
                f"of `{wheels[0].name}`."
            )
            raise LambdaBuildError(message)


def read_pins(text: str) -> dict[str, list[Pin]]:
    """Read a constraints file.

    Args:
        text: Content, as `uv pip compile --generate-hashes` or pip-tools write it.

    Returns:
        Its pins by normalized name; there are several where versions depend on the platform.

    Raises:
        LambdaBuildError: A line is no requirement.
    """
    pins: dict[str, list[Pin]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        specification = re.split(r"\s+#|^#|\s--hash", line, maxsplit=1)[0].strip()
        if not specification or specification.startswith("-"):
            continue
        try:
            requirement = Requirement(specification)
        except InvalidRequirement as error:
            message = f"The constraints have a line that is no requirement: `{line}`. {error}"
            raise LambdaBuildError(message) from error
        pin = Pin(requirement, frozenset(_HASH.findall(line)))
        pins.setdefault(canonicalize_name(requirement.name), []).append(pin)
    return pins


def check_pin(item: Resolved, pins: Mapping[str, Sequence[Pin]], file_name: str) -> Resolved:
    """Hold a chosen distribution against the constraints.

    Args:
        item: The distribution.
        pins: The constraints.
        file_name: How the constraints are called in an error.

    Returns:
        The distribution, its hashes narrowed to those of the constraints.

    Raises:
        LambdaBuildError: It is not pinned, not hashed, or has another hash.
    """
    hashes = {
        digest
        for pin in pins.get(item.name, ())
        if _is_pinned(pin.requirement)
        and pin.requirement.specifier.contains(item.version, prereleases=True)
        for digest in pin.hashes
    }
    anew = "Write it anew with `python -m hatch_lambda.lock`"
    if not hashes:
        message = f"`{file_name}` does not pin `{item.name}=={item.version}` with a hash. {anew}."
        raise LambdaBuildError(message)
    common = {digest: name for digest, name in item.hashes.items() if digest in hashes}
    if item.hashes and not common:
        message = (
            f"The hash of `{item.name}` {item.version} on the package index is not one of those "
            f"in `{file_name}`: either the file or the release was changed. {anew} once you know "
            f"which."
        )
        raise LambdaBuildError(message)
    return replace(item, hashes=common or dict.fromkeys(sorted(hashes), ""))


def find_hash(item: Resolved, tags: frozenset[Tag]) -> str | None:
    """Find out which of the wheels that fit was installed.

    Args:
        item: What was chosen.
        tags: Tags of the wheel that was installed.

    Returns:
        Its SHA-256, unless that is not clear.
    """
    if len(item.hashes) == 1:
        return next(iter(item.hashes))
    fitting = [digest for digest, name in item.hashes.items() if _tags_of(name) == tags]
    return fitting[0] if len(fitting) == 1 else None


def _tags_of(file_name: str) -> frozenset[Tag]:
    try:
        return parse_wheel_filename(file_name)[3]
    except InvalidWheelFilename:
        return frozenset()


def _is_pinned(requirement: Requirement) -> bool:
    return any(specifier.operator in ("==", "===") for specifier in requirement.specifier)


def local_requirements(wheels: Sequence[Wheel], features: Collection[str]) -> Iterator[str]:
    """Write wheels as requirements.

    Args:
        wheels: Wheels built here, that of the project first.
        features: Extras of the project.

    Yields:
        Each as a line of a requirements file.
    """
    project, *siblings = wheels
    extras = f"[{','.join(sorted(features))}]" if features else ""
    yield f"{project.name}{extras} @ {project.path.as_uri()}"
    for sibling in siblings:
        yield f"{sibling.name} @ {sibling.path.as_uri()}"


def _locked_requirement(item: Resolved, local: Mapping[str, str]) -> str:
    place = f" @ {local[item.name]}" if item.name in local else f"=={item.version}"
    return item.name + place + "".join(f" --hash=sha256:{digest}" for digest in item.hashes)


def _read_lock(lock: Mapping[str, Any]) -> Iterator[Resolved]:
    for package in lock.get("packages", []):
        files = [package["archive"]] if "archive" in package else package.get("wheels", [])
        yield Resolved(
            name=canonicalize_name(package["name"]),
            version=package["version"],
            hashes={
                file["hashes"]["sha256"]: _file_name(file)
                for file in files
                if "sha256" in file.get("hashes", {})
            },
        )


def _file_name(file: Mapping[str, Any]) -> str:
    place: str = file.get("name") or file.get("url") or file.get("path") or ""
    return unquote(PurePosixPath(urlsplit(place).path).name)


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """Write an input file of uv and return its path."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _run_uv(verb: str, arguments: Sequence[str], project: str, platform: Platform) -> str:
    target = (
        "--python-version",
        platform.python_version,
        "--python-platform",
        platform.uv_platform,
    )
    place = f"{platform.runtime} on {platform.architecture}"
    return run_uv(verb, [*target, *arguments], f"`{project}` for {place}")


def run_uv(verb: str, arguments: Sequence[str], subject: str) -> str:
    """Run `uv pip` on wheels alone, whatever the machine has set for uv in files.

    Args:
        verb: `compile` or `install`.
        arguments: Its further arguments.
        subject: Whose dependencies these are, for an error.

    Returns:
        What it printed.

    Raises:
        LambdaBuildError: It failed; the message says what helps.
    """
    common = (
        *("--python", sys.executable, "--only-binary", ":all:"),
        *("--no-config", "--no-sources", "--no-progress", "--quiet", "--color", "never"),
    )
    result = run([find_uv_bin(), "pip", verb, *common, *arguments])
    if result.returncode:
        message = (
            f"uv cannot {'resolve' if verb == 'compile' else 'install'} the dependencies of "
            f"{subject}:\n\n{result.stderr.strip()}\n\n{advice(result.stderr)}"
        )
        raise LambdaBuildError(message)
    return result.stdout


def advice(output: str) -> str:
    """What helps against an error of uv."""
    return next((help_ for words, help_ in _ADVICE if words in output), _GENERAL_ADVICE)
