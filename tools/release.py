"""Prepare the release of a distribution, and check its tag.

Each distribution is released separately. Its tag consists of its folder and version, such as
``data-sync-v0.2.0``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from workspace import Project, find_projects

ROOT = Path(__file__).parents[1]

_TAG = re.compile(r"(?P<folder>[a-z0-9-]+)-v(?P<version>\d.*)")
_VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")


class ReleaseError(ValueError):
    """The release is not possible; the message says why."""


def check(tag: str, root: Path) -> Project:
    """Return the project that a tag releases.

    Raises:
        ReleaseError: the project does not exist, has another version, is not in the changelog, or
            requires exactly another version of a sibling.
    """
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ReleaseError(f"{tag!r} is not a valid tag. Use FOLDER-vVERSION: data-sync-v0.2.0.")
    project = _find(match["folder"], root)
    if project.version != match["version"]:
        raise ReleaseError(
            f"the tag {tag} does not match the version {project.version} of {project.folder.name}"
        )
    _check_pins(project, root)
    notes_of(project, root)
    return project


def _find(folder: str, root: Path) -> Project:
    projects = find_projects(root)
    if folder not in projects:
        raise ReleaseError(f"unknown project {folder!r}. Projects: {', '.join(projects)}.")
    return projects[folder]


def _check_pins(project: Project, root: Path) -> None:
    for sibling in find_projects(root).values():
        pin = project.pins.get(sibling.name, sibling.version)
        if pin != sibling.version:
            raise ReleaseError(
                f"{project.folder.name} requires {sibling.name}=={pin}, but its version is "
                f"{sibling.version}. Update {project.folder.name}/pyproject.toml."
            )


def notes_of(project: Project, root: Path) -> str:
    """Return the section of the changelog about the current version of a project.

    Raises:
        ReleaseError: the section does not exist or is empty.
    """
    heading = f"## {project.folder.name} {project.version}"
    for section in _sections(_changelog(root).read_text(), "##"):
        title, _, text = section.partition("\n")
        if (title == heading or title.startswith(f"{heading} ")) and text.strip():
            return text.strip() + "\n"
    raise ReleaseError(f"CHANGELOG.md has no section {heading!r}, or it is empty")


def prepare(folder: str, version: str, root: Path, date: str) -> list[Path]:
    """Set a new version of a project in all its files; return the paths of the changed files.

    Projects that require exactly this version require the new one afterwards. The entries of the
    project under *Unreleased* in the changelog become the section of the new version.

    Args:
        folder: folder of the project.
        version: new version, ``1.2.3`` or ``1.2.3rc1``.
        root: root of the workspace.
        date: date of the release, ``YYYY-MM-DD``.

    Raises:
        ReleaseError: the project is unknown, the version is invalid, or there are no changes.
    """
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is not a valid version. Use 1.2.3 or 1.2.3rc1.")
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
    for path in (project.folder / "README.md", *sorted(project.folder.glob("template*.yaml"))):
        if path.is_file() and re.search(rf"\b{old}\b", path.read_text()):
            changes[path] = re.sub(rf"\b{old}\b", new, path.read_text())
    for other in find_projects(root).values():
        if pin := other.pins.get(project.name):
            path = other.folder / "pyproject.toml"
            changes[path] = path.read_text().replace(
                f'"{project.name}=={pin}"', f'"{project.name}=={version}"'
            )
    for path, text in changes.items():
        path.write_text(text)
    return list(changes)


def _release_in(changelog: str, folder: str, heading: str) -> str:
    """Move the unreleased entries of a project below a new heading."""
    head, *sections = _sections(changelog, "##")
    unreleased = next((one for one in sections if one.startswith("## Unreleased")), "")
    parts = _sections(unreleased, "###")
    found = next((one for one in parts if one.startswith(f"### {folder}\n")), "")
    entries = found.partition("\n")[2].strip()
    if not entries:
        raise ReleaseError(f"CHANGELOG.md has no entries for {folder} under Unreleased")
    rest = "".join(one for one in parts if one is not found)
    others = [one for one in sections if one is not unreleased]
    return "".join([head, rest, f"{heading}\n\n{entries}\n\n", *others]).rstrip("\n") + "\n"


def _sections(text: str, marker: str) -> list[str]:
    """Split Markdown before every heading of a level; the first part has no heading."""
    return re.split(rf"^(?={marker} )", text, flags=re.MULTILINE)


def _changelog(root: Path) -> Path:
    return root / "CHANGELOG.md"


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; return exit status 0, or 2 if the release is not possible."""
    parser = argparse.ArgumentParser(prog="release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check_parser = commands.add_parser("check", help="check a tag, and print its distribution")
    notes_parser = commands.add_parser("notes", help="print the release notes of a tag")
    for one in (check_parser, notes_parser):
        one.add_argument("tag", help="tag, such as data-sync-v0.2.0")
    prepare_parser = commands.add_parser("prepare", help="set a new version of a project")
    prepare_parser.add_argument("name", help="folder of the project, such as data-sync")
    prepare_parser.add_argument("version", help="new version, such as 0.2.0 or 0.2.0rc1")
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
    # The format of step outputs of GitHub Actions.
    folder = project.folder.relative_to(root)
    zipped = str(project.has_zip).lower()
    sys.stdout.write(
        f"folder={folder}\nname={project.name}\nversion={project.version}\nzip={zipped}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
