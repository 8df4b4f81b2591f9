from __future__ import annotations


def test_different_files_at_the_same_path_stop_the_build(workspace, wheelhouse, refusal):
    wheelhouse.add("one", files={"shared/util.py": "N = 1\n"})
    wheelhouse.add("two", files={"shared/util.py": "N = 2\n"})

    message = refusal(workspace.add("packages/app", dependencies=("one", "two")))

    assert "`one` and `two` have different files at the same path `shared/util.py`" in message


def test_identical_files_at_the_same_path_are_packed_once(workspace, wheelhouse, build):
    wheelhouse.add("one", files={"shared/__init__.py": "", "shared/one.py": ""})
    wheelhouse.add("two", files={"shared/__init__.py": "", "shared/two.py": ""})

    built = build(workspace.add("packages/app", dependencies=("one", "two")))

    assert built.names.count("shared/__init__.py") == 1


def test_different_top_level_data_files_are_left_out(workspace, wheelhouse, build):
    wheelhouse.add("one", files={"one.py": "", "README.md": "one", "same.txt": ""})
    wheelhouse.add("two", files={"two.py": "", "README.md": "two", "same.txt": ""})

    built = build(workspace.add("packages/app", dependencies=("one", "two")))

    assert "README.md" not in built.names
    assert {"one.py", "two.py", "same.txt"} <= {*built.names}


def test_excluded_files_do_not_collide(workspace, wheelhouse, build):
    wheelhouse.add("one", files={"one.py": "", "tests/__init__.py": "# one\n"})
    wheelhouse.add("two", files={"two.py": "", "tests/__init__.py": "# of two\n"})
    options = 'exclude-files = ["tests/*"]'
    built = build(workspace.add("packages/app", dependencies=("one", "two"), options=options))

    assert not [name for name in built.names if name.startswith("tests/")]
    sizes = {
        item["distribution"]: item["bytes"] for item in built.dropped if "tests" in item["path"]
    }
    assert sizes == {"one": 6, "two": 9}


def test_scripts_of_two_dependencies_with_the_same_name_stop_the_build(
    workspace, wheelhouse, refusal, build, monkeypatch
):
    for name in ("one", "two"):
        files = {f"{name}.py": "", f"{name}-1.0.data/scripts/tool": f"#!/bin/sh\necho {name}\n"}
        wheelhouse.add(name, files=files)
    app = workspace.add("packages/app", dependencies=("one", "two"))

    assert "`one` and `two` have different files at the same path `bin/tool`" in refusal(app)

    monkeypatch.setenv("HATCH_LAMBDA_EXCLUDE_FILES", "bin/*")
    assert not [name for name in build(app).names if name.startswith("bin/")]
