from __future__ import annotations

import pytest
from hatch_lambda.errors import LambdaBuildError
from hatch_lambda.workspace import find_workspace


def make_project(folder, name, extra=""):
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n{extra}')
    return folder


def test_members_are_read_from_a_parent_hatch_toml(tmp_path):
    (tmp_path / "hatch.toml").write_text(
        '[envs.default]\nworkspace.members = ["libs/*", { path = "app", features = ["x"] }]\n'
    )
    app = make_project(tmp_path / "app", "App")
    lib = make_project(tmp_path / "libs" / "lib", "My_Lib")
    (tmp_path / "libs" / "no-project").mkdir()

    assert find_workspace(app).members == {"my-lib": lib, "app": app}


def test_members_are_read_from_the_pyproject_of_the_root(tmp_path):
    workspace = '[tool.hatch.envs.default]\nworkspace.members = ["{root}/libs/*", "../beside"]\n'
    root = make_project(tmp_path / "root", "root", workspace)
    lib = make_project(root / "libs" / "lib", "lib")
    beside = make_project(tmp_path / "beside", "beside")

    expected = {"lib": lib, "beside": beside}
    assert find_workspace(root).members == expected
    assert find_workspace(lib).members == expected


def test_excluded_members_are_not_siblings(tmp_path):
    (tmp_path / "hatch.toml").write_text(
        '[envs.default.workspace]\nmembers = ["libs/*"]\nexclude = ["libs/old*"]\n'
    )
    new = make_project(tmp_path / "libs" / "new", "new")
    make_project(tmp_path / "libs" / "old-thing", "old-thing")

    assert find_workspace(new).members == {"new": new}


def test_a_workspace_that_does_not_list_the_project_is_skipped(tmp_path):
    (tmp_path / "hatch.toml").write_text('[envs.default]\nworkspace.members = ["*/inner/app"]\n')
    outer = make_project(
        tmp_path / "outer", "outer", '[tool.hatch.envs.default]\nworkspace.members = ["other"]\n'
    )
    make_project(outer / "other", "other")
    app = make_project(outer / "inner" / "app", "app")

    assert find_workspace(app).members == {"app": app}


def test_project_without_a_workspace_has_no_siblings(tmp_path):
    assert find_workspace(make_project(tmp_path / "alone", "alone")).members == {}


def test_two_members_with_the_same_name_are_rejected(tmp_path):
    (tmp_path / "hatch.toml").write_text('[envs.default]\nworkspace.members = ["*"]\n')
    make_project(tmp_path / "one", "same.name")
    two = make_project(tmp_path / "two", "same-name")

    with pytest.raises(LambdaBuildError, match="have the name `same-name`"):
        find_workspace(two)


def test_an_invalid_configuration_file_is_named(tmp_path):
    (tmp_path / "hatch.toml").write_text("[envs")
    project = make_project(tmp_path / "app", "app")

    with pytest.raises(LambdaBuildError, match=r"hatch\.toml"):
        find_workspace(project)
