from __future__ import annotations

import hashlib

import pytest
from hatch_lambda.constraints import read_pins
from hatch_lambda.errors import LambdaBuildError
from hatch_lambda.lock import lock, main


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def app(workspace, wheelhouse):
    """A project with a sibling, an extra, and needs on one platform and of the SDK."""
    for name in ("boto3", "for-arm", "optional", "unneeded"):
        wheelhouse.add(name)
    wheelhouse.add("helper", "1.0")
    workspace.add("libs/base", dependencies=("helper", "boto3"))
    return workspace.add(
        "packages/app",
        dependencies=("base", "for-arm; platform_machine == 'aarch64'"),
        features={"more": ["optional"]},
        options='constraints = "pins.txt"',
    )


def test_all_dependencies_but_no_siblings_are_pinned(app, wheelhouse):
    pins = read_pins(lock(app))

    assert set(pins) == {"boto3", "for-arm", "helper", "optional"}
    (helper,) = pins["helper"]
    assert str(helper.requirement) == "helper==1.0"
    assert helper.hashes == {sha256(next(wheelhouse.folder.glob("helper-1.0-*")))}


def test_constraints_contain_neither_paths_nor_indexes(app, tmp_path):
    text = lock(app)

    assert str(tmp_path) not in text
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_a_build_uses_the_pinned_version_until_it_is_renewed(app, wheelhouse, build, capsys):
    assert main([str(app)]) == 0
    assert capsys.readouterr().out == f"{app / 'pins.txt'}\n"
    wheelhouse.add("helper", "2.0")

    assert "helper-1.0.dist-info/METADATA" in build(app).names

    main([str(app)])
    assert "helper-2.0.dist-info/METADATA" in build(app).names


def test_all_members_with_constraints_are_renewed_by_default(app, workspace, monkeypatch, capsys):
    other = workspace.add("packages/other")
    monkeypatch.chdir(workspace.root)

    assert main([]) == 0

    assert capsys.readouterr().out == f"{app / 'pins.txt'}\n"
    assert not list(other.glob("*.txt"))


def test_a_project_without_constraints_option_is_rejected(workspace, capsys):
    other = workspace.add("packages/other")

    assert main([str(other)]) == 1
    assert "Set `tool.hatch.build.targets.lambda.constraints`" in capsys.readouterr().err


def test_a_failed_resolution_leaves_the_constraints_unchanged(app, wheelhouse, capsys):
    (app / "pins.txt").write_text("helper==1.0\n")
    for helper in wheelhouse.folder.glob("helper-*"):
        helper.unlink()

    assert main([str(app)]) == 1

    assert "uv cannot resolve the dependencies of `app`" in capsys.readouterr().err
    assert (app / "pins.txt").read_text() == "helper==1.0\n"


def test_requires_python_without_a_matching_runtime_is_rejected(workspace):
    app = workspace.add("packages/app")
    text = (app / "pyproject.toml").read_text()
    (app / "pyproject.toml").write_text(
        text.replace("[project]\n", '[project]\nrequires-python = "<3"\n')
    )

    with pytest.raises(LambdaBuildError, match="`requires-python` is '<3'"):
        lock(app)
