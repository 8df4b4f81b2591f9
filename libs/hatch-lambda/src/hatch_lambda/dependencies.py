"""Resolve and install the dependencies of a project with uv."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from .constraints import pinned_hashes, read_pins
from .errors import LambdaBuildError
from .uv_pip import run_uv, write_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.tags import Tag

    from .options import Options
    from .platforms import Platform
    from .wheels import Wheel

# Part of every managed Python runtime of Lambda.
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

# The layer is `aws-lambda-powertools[all]`. Their own dependencies are left out as well, unless
# another distribution requires them: then the archive contains them and takes precedence.
POWERTOOLS_LAYER = (
    "aws-encryption-sdk",
    "aws-lambda-powertools",
    "aws-xray-sdk",
    "fastjsonschema",
    "jsonpath-ng",
    "pydantic",
    "pydantic-settings",
)


@dataclass(frozen=True)
class Resolved:
    """A resolved distribution.

    Attributes:
        name: Normalized name.
        version: Version.
        hashes: File names by SHA-256 of the wheels that are compatible with the platform; the
            name is empty if unknown. uv installs the best one. Empty if the index has no hashes.
    """

    name: str
    version: str
    hashes: Mapping[str, str]


def left_out(options: Options) -> tuple[str, ...]:
    """Return the names of the distributions that are excluded from the archive."""
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
    """Resolve the dependencies of wheels.

    Args:
        wheels: Wheels built from the workspace, that of the project first.
        features: Extras of the project.
        platform: Platform of the archive.
        excluded: Names of distributions to leave out.
        constraints: File with pinned and hashed versions.
        scratch: Folder for input files of uv.

    Returns:
        All distributions to install, including the wheels.

    Raises:
        LambdaBuildError: There is no solution, or it does not match the constraints.
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
        item
        if item.name in local
        else replace(
            item,
            hashes=pinned_hashes(item.name, item.version, item.hashes, pins, constraints.name),
        )
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
    """Install resolved distributions and verify their hashes.

    Args:
        resolved: Distributions to install.
        wheels: Wheels built from the workspace, that of the project first.
        platform: Platform of the archive.
        tree: Folder to install into.
        scratch: Folder for input files of uv.

    Raises:
        LambdaBuildError: A distribution cannot be downloaded, or its hash does not match.
    """
    local = {wheel.name: wheel.path.as_uri() for wheel in wheels}
    lines = (_locked_requirement(item, local) for item in resolved)
    requirements = write_lines(scratch / "requirements.txt", lines)
    arguments = ["--no-deps", "--link-mode", "copy", "--target", str(tree)]
    _run_uv("install", [*arguments, "-r", str(requirements)], wheels[0].name, platform)


def check_siblings(
    resolved: Iterable[Resolved], wheels: Sequence[Wheel], members: Collection[str]
) -> None:
    """Check that no member of the workspace is downloaded from the package index.

    That happens if only a published distribution requires it. On the index, the name of an
    unpublished member may belong to someone else (dependency confusion).

    Args:
        resolved: Distributions to install.
        wheels: Wheels built from the workspace, that of the project first.
        members: Names of the members of the workspace.

    Raises:
        LambdaBuildError: A member would be downloaded.
    """
    local = {wheel.name for wheel in wheels}
    for item in resolved:
        if item.name in members and item.name not in local:
            message = (
                f"`{item.name}` is a member of the workspace, but would be downloaded from the "
                f"package index, because only published distributions require it. Add it to the "
                f"dependencies of `{wheels[0].name}`."
            )
            raise LambdaBuildError(message)


def find_hash(item: Resolved, tags: frozenset[Tag]) -> str | None:
    """Find the hash of the wheel that was installed.

    Args:
        item: The resolved distribution.
        tags: Tags of the installed wheel.

    Returns:
        Its SHA-256, or `None` if it is ambiguous.
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


def local_requirements(wheels: Sequence[Wheel], features: Collection[str]) -> Iterator[str]:
    """Format wheels as requirements.

    Args:
        wheels: Wheels built from the workspace, that of the project first.
        features: Extras of the project.

    Yields:
        One line of a requirements file per wheel.
    """
    project, *siblings = wheels
    extras = f"[{','.join(sorted(features))}]" if features else ""
    yield f"{project.name}{extras} @ {project.path.as_uri()}"
    for sibling in siblings:
        yield f"{sibling.name} @ {sibling.path.as_uri()}"


def _locked_requirement(item: Resolved, local: Mapping[str, str]) -> str:
    source = f" @ {local[item.name]}" if item.name in local else f"=={item.version}"
    return item.name + source + "".join(f" --hash=sha256:{digest}" for digest in item.hashes)


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
    location: str = file.get("name") or file.get("url") or file.get("path") or ""
    return unquote(PurePosixPath(urlsplit(location).path).name)


def _run_uv(command: str, arguments: Sequence[str], project: str, platform: Platform) -> str:
    target = (
        "--python-version",
        platform.python_version,
        "--python-platform",
        platform.uv_platform,
    )
    subject = f"`{project}` for {platform.runtime} on {platform.architecture}"
    return run_uv(command, [*target, *arguments], subject)
