from __future__ import annotations

import hashlib

from hatch_lambda.dependencies import Resolved

ONE, TWO = "1" * 64, "2" * 64


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_constraints_pin_versions_and_hashes(workspace, wheelhouse, build):
    old = wheelhouse.add("helper", "1.0")
    wheelhouse.add("helper", "2.0")
    app = workspace.add(
        "packages/app", dependencies=("helper",), options='constraints = "pins.txt"'
    )
    (app / "pins.txt").write_text(
        f"# comment\nhelper==1.0 \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{sha256(old)}\n"
        f"    # via app\nunneeded==9 --hash=sha256:{TWO}\n"
    )

    built = build(app)

    assert "helper-1.0.dist-info/METADATA" in built.names


def test_a_hash_mismatch_stops_the_build(workspace, wheelhouse, refusal):
    wheelhouse.add("helper")
    app = workspace.add(
        "packages/app", dependencies=("helper",), options='constraints = "pins.txt"'
    )
    (app / "pins.txt").write_text(f"helper==1.0 --hash=sha256:{ONE}\n")

    message = refusal(app)

    assert "hash of `helper` 1.0" in message
    assert "`pins.txt`" in message


def test_an_unpinned_dependency_stops_the_build(workspace, wheelhouse, refusal):
    wheel = wheelhouse.add("helper", requires=("forgotten",))
    wheelhouse.add("forgotten")
    app = workspace.add(
        "packages/app", dependencies=("helper",), options='constraints = "pins.txt"'
    )
    (app / "pins.txt").write_text(f"helper==1.0 --hash=sha256:{sha256(wheel)}\nforgotten==1.0\n")

    assert "`pins.txt` does not pin `forgotten==1.0` with a hash" in refusal(app)


def test_a_missing_constraints_file_stops_the_build(workspace, refusal):
    app = workspace.add("packages/app", options='constraints = "pins.txt"')

    assert f"{app / 'pins.txt'} does not exist" in refusal(app)


def test_a_file_that_changed_after_resolution_is_not_installed(
    workspace, wheelhouse, refusal, monkeypatch
):
    wheelhouse.add("helper")
    app = workspace.add("packages/app", dependencies=("helper",))
    monkeypatch.setattr(
        "hatch_lambda.pack.resolve",
        lambda wheels, **_: [Resolved("app", "1.0", {}), Resolved("helper", "1.0", {ONE: ""})],
    )

    message = refusal(app)

    assert "Hash mismatch for `helper==1.0`" in message
    assert "before you use it" in message


def test_an_error_explains_conflicting_ranges(workspace, wheelhouse, refusal):
    wheelhouse.add("helper", "1.0")
    app = workspace.add("packages/app", dependencies=("helper>=2",))

    message = refusal(app)

    assert "uv cannot resolve the dependencies of `app`" in message
    assert "helper>=2" in message


def test_an_error_explains_a_missing_wheel(workspace, wheelhouse, refusal):
    wheelhouse.add("native", tag="py3-none-win_amd64")
    app = workspace.add("packages/app", dependencies=("native",))

    message = refusal(app)

    assert "native" in message
    assert "Dependencies are installed from wheels only" in message


def test_an_error_explains_a_sibling_outside_of_the_workspace(workspace, refusal):
    app = workspace.add("packages/app", dependencies=("unlisted",))

    assert "envs.default.workspace.members" in refusal(app)


def test_a_sibling_is_never_downloaded_from_the_index(workspace, wheelhouse, refusal):
    wheelhouse.add("published", requires=("base",))
    wheelhouse.add("base", "6.6.6")
    workspace.add("libs/base")
    app = workspace.add("packages/app", dependencies=("published",))

    message = refusal(app)

    assert "`base` is a member of the workspace" in message
    assert "Add it to the dependencies of `app`" in message


def test_a_sibling_takes_precedence_over_the_index(workspace, wheelhouse, build):
    wheelhouse.add("base", "6.6.6")
    workspace.add("libs/base", files={"base.py": "HERE = True\n"})
    app = workspace.add("packages/app", dependencies=("base",))

    assert build(app).read("base.py") == "HERE = True\n"
