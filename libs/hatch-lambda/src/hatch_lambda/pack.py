"""Making an archive of a project, step by step."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .archive import publish, write_archive
from .bill_of_materials import Materials, describe
from .bytecode import compile_tree, find_interpreter
from .dependencies import check_siblings, find_hash, install, left_out, resolve
from .distributions import owners, read_distributions, repeated_licences
from .errors import LambdaBuildError
from .options import INTERPRETER_VARIABLE
from .prune import match_files, prune
from .sizes import check_budget, installed_sizes, measure, report
from .wheels import build_wheels
from .workspace import find_workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .archive import Entry
    from .bytecode import Interpreter
    from .dependencies import Resolved
    from .distributions import Distribution
    from .options import Options
    from .platforms import Platform
    from .wheels import Wheel

# What Lambda takes, layers included.
_LARGEST_UNPACKED = 250 * 1024 * 1024


@dataclass(frozen=True)
class Packed:
    """An archive that was made.

    Attributes:
        archive: Path of the zip.
        platform: What it is for.
        unpacked: Size of its files in bytes.
        distributions: How many distributions are in it.
        bytecode: Version of the Python which compiled it, if one did.
        uncompiled: Modules without bytecode although it was asked for.
    """

    archive: Path
    platform: Platform
    unpacked: int
    distributions: int
    bytecode: str | None
    uncompiled: Sequence[str]

    def summary(self, project: Path) -> str:
        """The archive in a line, its path relative to the project where it is within."""
        inside = self.archive.is_relative_to(project)
        path = self.archive.relative_to(project) if inside else self.archive
        compiled = f"bytecode of CPython {self.bytecode}" if self.bytecode else "no bytecode"
        return (
            f"{path}: {self.archive.stat().st_size} bytes ({self.unpacked} unpacked), "
            f"{self.distributions} distributions, {self.platform}, {compiled}"
        )

    @property
    def warnings(self) -> list[str]:
        """What the user should look at."""
        found = []
        if self.uncompiled:
            names = ", ".join(self.uncompiled)
            found.append(f"No valid modules for {self.platform.runtime}, not compiled: {names}")
        if self.unpacked > _LARGEST_UNPACKED:
            found.append(
                f"Lambda takes {_LARGEST_UNPACKED} bytes unpacked, and these are {self.unpacked}. "
                f"Leave distributions out with `exclude-dependencies`, or split the project."
            )
        return found


@dataclass(frozen=True)
class _Contents:
    """A tree that is ready to be archived, and what is known about it."""

    tree: Path
    wheels: Sequence[Wheel]
    resolved: Sequence[Resolved]
    distributions: Sequence[Distribution]
    installed: Mapping[str, int]
    owners: Mapping[str, str]
    uncompiled: Sequence[str]


def pack(project: Path, platform: Platform, options: Options, target: Path) -> Packed:
    """Make an archive, its bill of materials and its size report.

    Args:
        project: Folder of the project.
        platform: What it is for.
        options: Options of the build.
        target: Path of the files to write, without their suffixes.

    Returns:
        What was made.

    Raises:
        LambdaBuildError: Something is in the way; then nothing was written.
    """
    interpreter = _choose_interpreter(platform, options)
    with tempfile.TemporaryDirectory(prefix="hatch-lambda-") as folder:
        scratch = Path(folder).resolve()
        contents = _collect(project, platform, options, interpreter, scratch)
        made = scratch / "archive.zip"
        archive = target.with_name(f"{target.name}.zip")
        entries = write_archive(contents.tree, made)
        sizes = measure(contents.distributions, contents.installed, entries, contents.owners)
        check_budget(made, archive.name, sizes, options.max_bytes)
        publish(made, archive)
    facts = _facts(platform, options, interpreter)
    materials = _materials(contents, entries, archive, platform, options, facts)
    _write_json(target.with_name(f"{target.name}.cdx.json"), describe(materials))
    _write_json(target.with_name(f"{target.name}.sizes.json"), report(archive, sizes))
    return Packed(
        archive=archive,
        platform=platform,
        unpacked=sum(entry.size for entry in entries),
        distributions=len(contents.distributions),
        bytecode=interpreter.version if interpreter else None,
        uncompiled=contents.uncompiled,
    )


def _collect(
    project: Path,
    platform: Platform,
    options: Options,
    interpreter: Interpreter | None,
    scratch: Path,
) -> _Contents:
    tree = scratch / "tree"
    wheels, resolved = _install(project, platform, options, tree, scratch)
    distributions = read_distributions(tree)
    installed = installed_sizes(tree, distributions)
    owned = owners(distributions)
    unwanted = match_files(owned, options.exclude_files) | _repeated(wheels, distributions)
    owned = {path: owner for path, owner in owned.items() if path not in unwanted}
    prune(tree, owned)
    compiled = _compile(tree, platform, options, interpreter)
    modules = {path for path in owned if path.endswith(".py")} if interpreter else set()
    return _Contents(
        tree=tree,
        wheels=wheels,
        resolved=resolved,
        distributions=distributions,
        installed=installed,
        owners=owned | {path: owned[source] for path, source in compiled.items()},
        uncompiled=sorted(modules - set(compiled.values())),
    )


def _repeated(wheels: Sequence[Wheel], distributions: Sequence[Distribution]) -> set[str]:
    found = {item.name: item for item in distributions}
    project, *siblings = (found[wheel.name] for wheel in wheels)
    return repeated_licences(project, siblings)


def _compile(
    tree: Path, platform: Platform, options: Options, interpreter: Interpreter | None
) -> dict[str, str]:
    if interpreter is None:
        return {}
    version = platform.python_version
    return compile_tree(tree, version, interpreter, debug_ranges=options.debug_ranges)


def _install(
    project: Path, platform: Platform, options: Options, tree: Path, scratch: Path
) -> tuple[list[Wheel], list[Resolved]]:
    workspace = find_workspace(project)
    wheels = build_wheels(
        project,
        features=options.features,
        workspace=workspace,
        platforms=[platform],
        excluded=left_out(options),
        destination=scratch / "wheels",
    )
    resolved = resolve(
        wheels,
        features=options.features,
        platform=platform,
        excluded=left_out(options),
        constraints=_find_constraints(project, options),
        scratch=scratch,
    )
    check_siblings(resolved, wheels, workspace.members)
    install(resolved, wheels, platform=platform, tree=tree, scratch=scratch)
    return wheels, resolved


def _materials(
    contents: _Contents,
    entries: Sequence[Entry],
    archive: Path,
    platform: Platform,
    options: Options,
    facts: Mapping[str, str],
) -> Materials:
    return Materials(
        project=contents.wheels[0].name,
        features=options.features,
        platform=platform,
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        entries=entries,
        owners=contents.owners,
        distributions=contents.distributions,
        local=[wheel.name for wheel in contents.wheels],
        wheel_hashes=_wheel_hashes(contents),
        properties=facts,
    )


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8", newline="\n")


def _choose_interpreter(platform: Platform, options: Options) -> Interpreter | None:
    if not options.bytecode:
        return None
    version = platform.python_version
    found = find_interpreter(version, options.interpreter, os.environ)
    if found or options.bytecode == "auto":
        return found
    message = (
        f"Bytecode for {platform.runtime} takes a CPython {version}, and there is none: not this "
        f"one, none that uv finds, none on the PATH, none of pyenv. Install one (`uv python "
        f"install {version}`), or name one in `{INTERPRETER_VARIABLE}`, or do without: "
        f'`bytecode = "auto"`.'
    )
    raise LambdaBuildError(message)


def _find_constraints(project: Path, options: Options) -> Path | None:
    if options.constraints is None:
        return None
    path = project / options.constraints
    if not path.is_file():
        message = f"`constraints` is {options.constraints!r}, but there is no file {path}."
        raise LambdaBuildError(message)
    return path


def _wheel_hashes(contents: _Contents) -> dict[str, str]:
    tags = {item.name: item.tags for item in contents.distributions}
    found = {item.name: find_hash(item, tags[item.name]) for item in contents.resolved}
    return {name: digest for name, digest in found.items() if digest}


def _facts(
    platform: Platform, options: Options, interpreter: Interpreter | None
) -> dict[str, str]:
    facts = {
        "runtime": platform.runtime,
        "architecture": platform.architecture,
        "bytecode": "unchecked-hash" if interpreter else "none",
        "powertools-layer": str(options.powertools_layer).lower(),
        "left-out": ", ".join(left_out(options)),
    }
    if options.exclude_files:
        facts["left-out:files"] = ", ".join(options.exclude_files)
    if interpreter:
        facts["bytecode:interpreter"] = f"CPython {interpreter.version}"
        facts["bytecode:debug-ranges"] = str(options.debug_ranges).lower()
    elif options.bytecode:
        facts["bytecode:fallback"] = f"no CPython {platform.python_version} was found"
    return facts
