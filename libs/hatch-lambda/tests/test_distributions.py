from __future__ import annotations


def test_different_files_of_two_distributions_at_one_place_are_refused(
    workspace, wheelhouse, refusal
):
    wheelhouse.add("one", files={"shared/util.py": "N = 1\n"})
    wheelhouse.add("two", files={"shared/util.py": "N = 2\n"})

    message = refusal(workspace.add("packages/app", dependencies=("one", "two")))

    assert "`one` and `two` have different files at `shared/util.py`" in message


def test_equal_files_of_two_distributions_are_one(workspace, wheelhouse, build):
    wheelhouse.add("one", files={"shared/__init__.py": "", "shared/one.py": ""})
    wheelhouse.add("two", files={"shared/__init__.py": "", "shared/two.py": ""})

    built = build(workspace.add("packages/app", dependencies=("one", "two")))

    assert built.names.count("shared/__init__.py") == 1


def test_strays_beside_the_packages_which_differ_are_left_out(workspace, wheelhouse, build):
    wheelhouse.add("one", files={"one.py": "", "README.md": "one", "same.txt": ""})
    wheelhouse.add("two", files={"two.py": "", "README.md": "two", "same.txt": ""})

    built = build(workspace.add("packages/app", dependencies=("one", "two")))

    assert "README.md" not in built.names
    assert {"one.py", "two.py", "same.txt"} <= {*built.names}
