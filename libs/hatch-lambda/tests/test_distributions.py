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
