"""Each distribution is released by a tag with its name and version."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import release
import yaml
from workspace import find_projects

ROOT = Path(__file__).parents[1]

CHANGELOG = """\
# Changelog

Introduction.

## Unreleased

### core

- Core does more.

### data-sync

- Syncs are faster.
- And safer.

## data-sync 0.1.0 (2026-01-02)

- Syncs.

## core 0.1.0 (2026-01-01)

- Handlers.
"""


@pytest.fixture
def workspace(tmp_path) -> Path:
    """A copy of the files that a release changes, with its own changelog."""
    for path in (*ROOT.glob("libs/*"), *ROOT.glob("packages/*")):
        target = tmp_path / path.relative_to(ROOT)
        target.mkdir(parents=True)
        for pattern in ("pyproject.toml", "README.md", "template*.yaml"):
            for found in path.glob(pattern):
                shutil.copy(found, target)
    for path in tmp_path.glob("*/*/pyproject.toml"):
        text = re.sub(r'^version = ".*"$', 'version = "0.1.0"', path.read_text(), flags=re.M)
        text = re.sub(r'==[\w.]+",$', '==0.1.0",', text, flags=re.M)
        path.write_text(text)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_check_prints_the_project_of_a_tag(workspace, capsys):
    assert release.main(["check", "data-sync-v0.1.0"], workspace) == 0

    assert capsys.readouterr().out.splitlines() == [
        "folder=packages/data-sync",
        "name=aibs-informatics-aws-lambda-data-sync",
        "version=0.1.0",
        "zip=true",
    ]


def test_a_library_has_no_zip(workspace, capsys):
    assert release.main(["check", "core-v0.1.0"], workspace) == 0
    assert "zip=false" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("v0.1.0", "'v0.1.0' is not a valid tag"),
        ("data-sync-0.1.0", "is not a valid tag"),
        ("no-such-v0.1.0", "unknown project 'no-such'. Projects: core"),
        ("data-sync-v0.2.0", "does not match the version 0.1.0 of data-sync"),
        ("ecr-v0.1.0", "CHANGELOG.md has no section '## ecr 0.1.0'"),
    ],
)
def test_an_invalid_tag_is_rejected_with_the_reason(workspace, capsys, tag, reason):
    assert release.main(["check", tag], workspace) == 2
    assert reason in capsys.readouterr().err


def test_notes_are_the_section_of_the_changelog(workspace, capsys):
    assert release.main(["notes", "data-sync-v0.1.0"], workspace) == 0
    assert capsys.readouterr().out == "- Syncs.\n"


def test_notes_of_a_prerelease_are_not_those_of_the_release(workspace):
    changelog = workspace / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("core 0.1.0 ", "core 0.1.0rc1 "))

    with pytest.raises(release.ReleaseError, match="no section"):
        release.check("core-v0.1.0", workspace)


def test_a_prepared_release_passes_the_check(workspace, capsys):
    assert release.main(["prepare", "data-sync", "0.2.0"], workspace) == 0
    assert release.main(["check", "data-sync-v0.2.0"], workspace) == 0

    printed = capsys.readouterr().out.splitlines()
    assert printed[:5] == [
        "CHANGELOG.md",
        "packages/data-sync/pyproject.toml",
        "packages/data-sync/README.md",
        "packages/data-sync/template-managed-instances.yaml",
        "packages/data-sync/template.yaml",
    ]


def test_prepare_changes_the_version_in_all_files_of_the_project_only(workspace):
    before = {path: path.read_text() for path in workspace.rglob("*") if path.is_file()}

    release.prepare("data-sync", "0.2.0", workspace, "2026-02-03")

    folder = workspace / "packages" / "data-sync"
    changed = {path for path, text in before.items() if path.read_text() != text}
    assert changed == {
        workspace / "CHANGELOG.md",
        folder / "pyproject.toml",
        folder / "README.md",
        folder / "template-managed-instances.yaml",
        folder / "template.yaml",
        workspace / "packages" / "all" / "pyproject.toml",
    }
    for path in (folder / "README.md", *folder.glob("template*.yaml")):
        assert path.read_text() == before[path].replace("data_sync-0.1.0", "data_sync-0.2.0")
    versions = {name: one.version for name, one in find_projects(workspace).items()}
    assert {name for name, version in versions.items() if version != "0.1.0"} == {"data-sync"}
    pins = find_projects(workspace)["all"].pins
    assert {name for name, version in pins.items() if version != "0.1.0"} == {
        "aibs-informatics-aws-lambda-data-sync"
    }


def test_a_release_that_requires_an_old_version_of_a_sibling_is_rejected(workspace):
    release.prepare("data-sync", "0.2.0", workspace, "2026-02-03")
    path = workspace / "packages" / "all" / "pyproject.toml"
    path.write_text(path.read_text().replace("data-sync==0.2.0", "data-sync==0.1.9"))

    with pytest.raises(
        release.ReleaseError, match=r"data-sync==0\.1\.9, but its version is 0\.2\.0"
    ):
        release.check("all-v0.1.0", workspace)


def test_prepare_moves_the_unreleased_entries_of_the_project(workspace):
    release.prepare("data-sync", "0.2.0", workspace, "2026-02-03")

    assert (workspace / "CHANGELOG.md").read_text() == CHANGELOG.replace(
        "### data-sync\n\n- Syncs are faster.\n- And safer.\n",
        "## data-sync 0.2.0 (2026-02-03)\n\n- Syncs are faster.\n- And safer.\n",
    )


@pytest.mark.parametrize(
    ("name", "version", "reason"),
    [
        ("data-sync", "2", "'2' is not a valid version"),
        ("no-such", "0.2.0", "unknown project 'no-such'"),
        ("ecr", "0.2.0", "no entries for ecr under Unreleased"),
    ],
)
def test_a_failed_preparation_changes_nothing(workspace, capsys, name, version, reason):
    before = {path: path.read_text() for path in workspace.rglob("*") if path.is_file()}

    assert release.main(["prepare", name, version], workspace) == 2

    assert reason in capsys.readouterr().err
    assert {path: path.read_text() for path in before} == before


def test_a_failing_command_of_a_pipe_fails_its_workflow_step():
    for path in ROOT.glob(".github/workflows/*.yml"):
        workflow = yaml.safe_load(path.read_text())
        steps = [
            step
            for job in workflow["jobs"].values()
            for step in job.get("steps", ())
            if re.search(r"(?<!\|)\|(?!\|)", step.get("run", ""))
        ]
        # GitHub runs `bash -eo pipefail` for this, and `bash -e` by default.
        assert [step["run"] for step in steps if step.get("shell") != "bash"] == [], path


def test_the_changelog_has_an_entry_for_every_project():
    text = (ROOT / "CHANGELOG.md").read_text()
    for name, project in find_projects(ROOT).items():
        assert f"### {name}\n" in text or f"## {name} {project.version}" in text
