from __future__ import annotations

import hashlib

import pytest
from hatch_lambda.dependencies import Resolved, advice, check_pin, read_pins
from hatch_lambda.errors import LambdaBuildError

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


def test_tampered_hash_stops_the_build(workspace, wheelhouse, refusal):
    wheelhouse.add("helper")
    app = workspace.add(
        "packages/app", dependencies=("helper",), options='constraints = "pins.txt"'
    )
    (app / "pins.txt").write_text(f"helper==1.0 --hash=sha256:{ONE}\n")

    message = refusal(app)

    assert "hash of `helper` 1.0" in message
    assert "`pins.txt`" in message


def test_dependency_that_the_constraints_do_not_pin_stops_the_build(
    workspace, wheelhouse, refusal
):
    wheel = wheelhouse.add("helper", requires=("forgotten",))
    wheelhouse.add("forgotten")
    app = workspace.add(
        "packages/app", dependencies=("helper",), options='constraints = "pins.txt"'
    )
    (app / "pins.txt").write_text(f"helper==1.0 --hash=sha256:{sha256(wheel)}\nforgotten==1.0\n")

    assert "`pins.txt` does not pin `forgotten==1.0` with a hash" in refusal(app)


def test_missing_constraints_are_named(workspace, refusal):
    app = workspace.add("packages/app", options='constraints = "pins.txt"')

    assert f"no file {app / 'pins.txt'}" in refusal(app)


def test_file_that_was_changed_after_it_was_resolved_is_not_installed(
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
    assert "Do not use it" in message


def test_ranges_without_a_solution_are_explained(workspace, wheelhouse, refusal):
    wheelhouse.add("helper", "1.0")
    app = workspace.add("packages/app", dependencies=("helper>=2",))

    message = refusal(app)

    assert "uv cannot resolve the dependencies of `app`" in message
    assert "helper>=2" in message


def test_dependency_without_a_wheel_for_the_platform_is_explained(workspace, wheelhouse, refusal):
    wheelhouse.add("native", tag="py3-none-win_amd64")
    app = workspace.add("packages/app", dependencies=("native",))

    message = refusal(app)

    assert "native" in message
    assert "Dependencies are installed from wheels only" in message


def test_unpublished_project_outside_of_the_workspace_is_explained(workspace, refusal):
    app = workspace.add("packages/app", dependencies=("unlisted",))

    assert "envs.default.workspace.members" in refusal(app)


def test_sibling_that_only_a_published_distribution_needs_is_not_taken_from_the_index(
    workspace, wheelhouse, refusal
):
    wheelhouse.add("published", requires=("base",))
    wheelhouse.add("base", "6.6.6")
    workspace.add("libs/base")
    app = workspace.add("packages/app", dependencies=("published",))

    message = refusal(app)

    assert "`base` is a member of the workspace" in message
    assert "Add it to the dependencies of `app`" in message


def test_sibling_of_the_workspace_goes_before_one_on_the_index(workspace, wheelhouse, build):
    wheelhouse.add("base", "6.6.6")
    workspace.add("libs/base", files={"base.py": "HERE = True\n"})
    app = workspace.add("packages/app", dependencies=("base",))

    assert build(app).read("base.py") == "HERE = True\n"


def test_pins_are_read_whatever_way_the_file_is_written():
    text = (
        "# made by a tool\n"
        "--index-url https://example.org\n"
        f"Some_Thing[extra]==1.0 ; python_version < '3.13' --hash=sha256:{ONE}  # via x\n"
        f"some-thing==2.0 \\\n  --hash=sha256:{ONE} \\\n  --hash=sha256:{TWO}\n"
        "plain>=1\n"
    )

    pins = read_pins(text)

    assert [str(pin.requirement.specifier) for pin in pins["some-thing"]] == ["==1.0", "==2.0"]
    assert pins["some-thing"][1].hashes == {ONE, TWO}
    assert pins["plain"][0].hashes == set()


def test_line_that_is_no_requirement_is_named():
    with pytest.raises(LambdaBuildError, match="`what is this`"):
        read_pins("what is this\n")


def test_hashes_are_narrowed_to_those_of_the_constraints():
    pins = read_pins(f"thing==1.0 --hash=sha256:{TWO}")

    both = Resolved("thing", "1.0", {ONE: "one.whl", TWO: "two.whl"})
    unknown = Resolved("thing", "1.0", {})

    assert check_pin(both, pins, "pins.txt").hashes == {TWO: "two.whl"}
    assert check_pin(unknown, pins, "pins.txt").hashes == {TWO: ""}


def test_range_with_a_hash_is_no_pin():
    pins = read_pins(f"thing>=1.0 --hash=sha256:{ONE}")

    with pytest.raises(LambdaBuildError, match=r"does not pin `thing==1\.0`"):
        check_pin(Resolved("thing", "1.0", {ONE: ""}), pins, "pins.txt")


def test_error_of_unknown_kind_gets_general_advice():
    assert "ranges" in advice("something new")
