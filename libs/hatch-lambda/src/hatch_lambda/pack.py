"""Build the archive of a project, its SBOM and its size report."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .archive import publish, write_archive
from .bytecode import compile_tree, find_interpreter
from .dependencies import check_siblings, find_hash, install, left_out, resolve
from .distributions import read_distributions
from .errors import LambdaBuildError
from .options import INTERPRETER_VARIABLE
from .prune import prune, trim_descriptions
from .sbom import SbomSource, make_sbom
from .scripts import make_portable
from .selection import select_files
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
    from .prune import Dropped
    from .wheels import Wheel

# The limit of Lambda, layers included.
_MAX_UNPACKED_BYTES = 250 * 1024 * 1024


@dataclass(frozen=True)
class Packed:
    """The result of a build.

    Attributes:
        archive: Path of the zip.
        platform: Platform of the archive.
        unpacked: Uncompressed size in bytes.
        distributions: Number of distributions in the archive.
        dropped: Number of files that are left out.
        bytecode: Version of the interpreter that compiled the modules, or `None`.
        uncompiled: Modules that could not be compiled.
    """

    archive: Path
    platform: Platform
    unpacked: int
    distributions: int
    dropped: int
    bytecode: str | None
    uncompiled: Sequence[str]

    def summary(self, project: Path) -> str:
        """Return a one-line summary, with a path relative to the project if possible."""
        inside = self.archive.is_relative_to(project)
        path = self.archive.relative_to(project) if inside else self.archive
        compiled = f"bytecode of CPython {self.bytecode}" if self.bytecode else "no bytecode"
        return (
            f"{path}: {self.archive.stat().st_size} bytes ({self.unpacked} unpacked), "
            f"{self.distributions} distributions, {self.dropped} files left out, {self.platform}, "
            f"{compiled}"
        )

    @property
    def warnings(self) -> list[str]:
        """Warnings for the user."""
        found = []
        if self.uncompiled:
            names = ", ".join(self.uncompiled)
            found.append(f"Not compiled, invalid in {self.platform.runtime}: {names}")
        if self.unpacked > _MAX_UNPACKED_BYTES:
            found.append(
                f"The archive is {self.unpacked} bytes unpacked, and the limit of Lambda is "
                f"{_MAX_UNPACKED_BYTES}. Leave distributions out with `exclude-dependencies`, or "
                f"split the project."
            )
        return found


@dataclass(frozen=True)
class _Contents:
    """The files of an archive, ready to be zipped, and their metadata."""

    tree: Path
    wheels: Sequence[Wheel]
    resolved: Sequence[Resolved]
    distributions: Sequence[Distribution]
    installed: Mapping[str, int]
    owners: Mapping[str, str]
    dropped: Sequence[Dropped]
    uncompiled: Sequence[str]


def pack(project: Path, platform: Platform, options: Options, target: Path) -> Packed:
    """Build an archive, its SBOM and its size report.

    Args:
        project: Folder of the project.
        platform: Platform of the archive.
        options: Options of the build.
        target: Path of the files to write, without their suffixes.

    Returns:
        The result of the build.

    Raises:
        LambdaBuildError: The build failed; nothing was written.
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
    source = _sbom_source(contents, entries, archive, platform, options, facts)
    _write_json(target.with_name(f"{target.name}.cdx.json"), make_sbom(source))
    sizes_report = report(archive, sizes, contents.dropped)
    _write_json(target.with_name(f"{target.name}.sizes.json"), sizes_report)
    return Packed(
        archive=archive,
        platform=platform,
        unpacked=sum(entry.size for entry in entries),
        distributions=len(contents.distributions),
        dropped=len(contents.dropped),
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
    make_portable(tree)
    selection = select_files(
        tree,
        distributions,
        local=[wheel.name for wheel in wheels],
        patterns=options.exclude_files,
        keep=options.keep,
    )
    owned = selection.owners
    prune(tree, owned)
    trimmed = [] if "descriptions" in options.keep else trim_descriptions(tree, owned)
    compiled = _compile(tree, platform, options, interpreter)
    modules = {path for path in owned if path.endswith(".py")} if interpreter else set()
    return _Contents(
        tree=tree,
        wheels=wheels,
        resolved=resolved,
        distributions=distributions,
        installed=installed,
        owners={**owned, **{path: owned[source] for path, source in compiled.items()}},
        dropped=[*selection.dropped, *trimmed],
        uncompiled=sorted(modules - set(compiled.values())),
    )


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


def _sbom_source(
    contents: _Contents,
    entries: Sequence[Entry],
    archive: Path,
    platform: Platform,
    options: Options,
    facts: Mapping[str, str],
) -> SbomSource:
    return SbomSource(
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
        f"Compiling for {platform.runtime} requires CPython {version}, but this interpreter has "
        f"another version, and neither uv, the PATH nor pyenv has one. Install it (`uv python "
        f"install {version}`), set `{INTERPRETER_VARIABLE}` to its path, or set "
        f'`bytecode = "auto"` to build without bytecode.'
    )
    raise LambdaBuildError(message)


def _find_constraints(project: Path, options: Options) -> Path | None:
    if options.constraints is None:
        return None
    path = project / options.constraints
    if not path.is_file():
        message = f"`constraints` is {options.constraints!r}, but {path} does not exist."
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
    if options.keep:
        facts["kept"] = ", ".join(options.keep)
    if interpreter:
        facts["bytecode:interpreter"] = f"CPython {interpreter.version}"
        facts["bytecode:debug-ranges"] = str(options.debug_ranges).lower()
    elif options.bytecode:
        facts["bytecode:fallback"] = f"CPython {platform.python_version} was not found"
    return facts
