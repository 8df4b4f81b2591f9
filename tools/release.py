"""Prepare the release of one distribution, and check the tag that releases it.

A tag is the folder of the distribution and its version, ``data-sync-v0.2.0``: each distribution
has versions of its own.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from workspace import Project, find_projects

__all__ = ["ReleaseError", "check", "main", "notes_of", "prepare"]

ROOT = Path(__file__).parents[1]

_TAG = re.compile(r"(?P<folder>[a-z0-9-]+)-v(?P<version>\d.*)")
_VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")


class ReleaseError(ValueError):
    """A release that cannot be made; the text says why."""


def check(tag: str, root: Path) -> Project:
    """Return the project that a tag releases.

    Raises:
        ReleaseError: there is none, it has another version, or the changelog says nothing of it.
    """
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ReleaseError(f"the tag {tag!r} is not of the form data-sync-v0.2.0")
    project = _find(match["folder"], root)
    if project.version != match["version"]:
        raise ReleaseError(
            f"the tag {tag} does not fit: {project.folder.name} has version {project.version}"
        )
    notes_of(project, root)
    return project


def _find(folder: str, root: Path) -> Project:
    projects = find_projects(root)
    if folder not in projects:
        raise ReleaseError(f"there is no project {folder!r}; there are {', '.join(projects)}")
    return projects[folder]


def notes_of(project: Project, root: Path) -> str:
    """Return what the changelog says of the present version of a project.

    Raises:
        ReleaseError: nothing.
    """
    heading = f"## {project.folder.name} {project.version}"
    for section in _sections(_changelog(root).read_text(), "##"):
        title, _, text = section.partition("\n")
        if (title == heading or title.startswith(f"{heading} ")) and text.strip():
            return text.strip() + "\n"
    raise ReleaseError(f"CHANGELOG.md has no section {heading!r}, or an empty one")


def prepare(folder: str, version: str, root: Path, date: str) -> list[Path]:
    """Give a project a new version wherever it is written; return the files that were changed.

    What the changelog has under *Unreleased* for the project becomes the section of the version.

    Args:
        folder: the folder of the project.
        version: the new version, ``1.2.3`` or ``1.2.3rc1``.
        root: of the workspace.
        date: of the release, ``YYYY-MM-DD``.

    Raises:
        ReleaseError: no such project, no such form of version, or nothing to release.
    """
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is not of the form 1.2.3 or 1.2.3rc1")
    project = _find(folder, root)
    changelog = _changelog(root)
    released = _release_in(changelog.read_text(), folder, f"## {folder} {version} ({date})")
    old, new = (
        f"{project.module_name}-{number}" for number in (re.escape(project.version), version)
    )
    changes = {
        changelog: released,
        project.folder / "pyproject.toml": re.sub(
            r'^version = ".*"$',
            f'version = "{version}"',
            (project.folder / "pyproject.toml").read_text(),
            count=1,
            flags=re.MULTILINE,
        ),
    }
    for name in ("README.md", "template.yaml"):
        path = project.folder / name
        if path.is_file() and re.search(rf"\b{old}\b", path.read_text()):
            changes[path] = re.sub(rf"\b{old}\b", new, path.read_text())
    for path, text in changes.items():
        path.write_text(text)
    return list(changes)


def _release_in(changelog: str, folder: str, heading: str) -> str:
    """Move what is unreleased of a project below a heading of its own."""
    head, *sections = _sections(changelog, "##")
    unreleased = next((one for one in sections if one.startswith("## Unreleased")), "")
    parts = _sections(unreleased, "###")
    found = next((one for one in parts if one.startswith(f"### {folder}\n")), "")
    entries = found.partition("\n")[2].strip()
    if not entries:
        raise ReleaseError(f"CHANGELOG.md has nothing under Unreleased for {folder}")
    rest = "".join(one for one in parts if one is not found)
    others = [one for one in sections if one is not unreleased]
    return "".join([head, rest, f"{heading}\n\n{entries}\n\n", *others]).rstrip("\n") + "\n"


def _sections(text: str, mark: str) -> list[str]:
    """Split Markdown before every heading of a level; what comes first has none."""
    return re.split(rf"^(?={mark} )", text, flags=re.MULTILINE)


def _changelog(root: Path) -> Path:
    return root / "CHANGELOG.md"


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command and return its exit status: 0, or 2 for what cannot be released."""
    parser = argparse.ArgumentParser(prog="release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check_parser = commands.add_parser("check", help="check a tag; print what it releases")
    notes_parser = commands.add_parser("notes", help="print the changes that a tag releases")
    for one in (check_parser, notes_parser):
        one.add_argument("tag")
    prepare_parser = commands.add_parser("prepare", help="give a project a new version")
    prepare_parser.add_argument("name", help="folder of the project, such as data-sync")
    prepare_parser.add_argument("version")
    options = parser.parse_args(arguments)
    try:
        _run(options, root)
    except ReleaseError as error:
        sys.stderr.write(f"release: error: {error}\n")
        return 2
    return 0


def _run(options: argparse.Namespace, root: Path) -> None:
    if options.command == "prepare":
        date = datetime.now(UTC).date().isoformat()
        for path in prepare(options.name, options.version, root, date):
            sys.stdout.write(f"{path.relative_to(root)}\n")
        return
    project = check(options.tag, root)
    if options.command == "notes":
        sys.stdout.write(notes_of(project, root))
        return
    # In the form of the outputs of a step of GitHub Actions.
    folder = project.folder.relative_to(root)
    zipped = str(project.is_package).lower()
    sys.stdout.write(
        f"folder={folder}\nname={project.name}\nversion={project.version}\nzip={zipped}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
