from __future__ import annotations

import subprocess
import sys

import pytest
from hatch_lambda.errors import LambdaBuildError
from hatch_lambda.prune import is_kept, match_files, trim_metadata


@pytest.mark.parametrize(
    "path",
    [
        "module.py",
        "package/__init__.py",
        "package/tests/helpers.py",
        "package/data.json",
        "package/_native.cpython-313-aarch64-linux-gnu.so",
        "package/bin/tool",
        "package.libs/libfoo.so.1",
        "thing-1.0.dist-info/METADATA",
        "thing-1.0.dist-info/entry_points.txt",
        "thing-1.0.dist-info/licenses/LICENSE",
        "thing-1.0.dist-info/LICENCE.md",
        "thing-1.0.dist-info/NOTICE",
        "thing-1.0.dist-info/sboms/thing.cdx.json",
    ],
)
def test_runtime_files_and_licenses_are_kept(path):
    assert is_kept(path)


@pytest.mark.parametrize(
    "path",
    [
        "bin/tool",
        "../../bin/tool",
        "/etc/passwd",
        "package/py.typed",
        "package/stubs.pyi",
        "package/_native.c",
        "package/include/native.h",
        "package/fast.pyx",
        "package/__pycache__/module.cpython-311.pyc",
        "thing-1.0.dist-info/RECORD",
        "thing-1.0.dist-info/WHEEL",
        "thing-1.0.dist-info/INSTALLER",
        "thing-1.0.dist-info/REQUESTED",
        "thing-1.0.dist-info/direct_url.json",
        "thing-1.0.dist-info/uv_cache.json",
        "thing-1.0.dist-info/top_level.txt",
    ],
)
def test_files_that_are_not_read_at_run_time_are_left_out(path):
    assert not is_kept(path)


def test_patterns_match_whole_paths_including_slashes():
    paths = ["package/a.js", "package/page/b.js", "package/page/b.py", "other/page/b.js"]

    assert match_files(paths, ["package/*.js"]) == {"package/a.js", "package/page/b.js"}
    assert match_files(paths, ["package/a.js", "other/*"]) == {"package/a.js", "other/page/b.js"}


def test_an_outdated_pattern_is_rejected():
    with pytest.raises(LambdaBuildError, match=r"'package/gone/\*' .* matches no file"):
        match_files(["package/a.js"], ["package/gone/*"])


def test_a_pattern_for_an_excluded_distribution_is_ignored():
    assert match_files(["package/a.js"], ["elsewhere/*"]) == set()


def test_excluded_files_are_left_out_with_their_bytecode(workspace, wheelhouse, build):
    files = dict.fromkeys(("helper/__init__.py", "helper/page/a.js", "helper/shell.py"), "")
    wheelhouse.add("helper", files=files)
    options = 'exclude-files = ["helper/page/*", "helper/shell.py"]'
    built = build(workspace.add("packages/app", dependencies=("helper",), options=options))

    files = {name for name in built.names if name.startswith("helper/")}
    assert {name for name in files if "__pycache__" not in name} == {"helper/__init__.py"}
    assert len(files) == 2
    assert built.facts["left-out:files"] == "helper/page/*, helper/shell.py"


def test_a_license_shared_with_siblings_is_packed_once(workspace, wheelhouse, build):
    ours, theirs = "Do as you please.", "Ask first."
    wheelhouse.add("helper", files={"helper-1.0.dist-info/licenses/LICENSE": ours})
    dependencies = []
    for name, license_text in (("same", ours), ("differs", theirs)):
        (workspace.add(f"libs/{name}") / "LICENSE").write_text(license_text)
        dependencies.append(name)
    app = workspace.add("packages/app", dependencies=(*dependencies, "helper"))
    (app / "LICENSE").write_text(ours)

    licenses = {name for name in build(app).names if name.endswith("/LICENSE")}

    assert {name.partition("-")[0] for name in licenses} == {"app", "differs", "helper"}


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_the_description_is_removed_from_metadata(newline):
    content = newline.join(
        [
            b"Metadata-Version: 2.4",
            b"Name: thing",
            b"Description: first line",
            b"        |second line",
            b"Description-Content-Type: text/markdown",
            b"Requires-Dist: other",
            b"",
            b"# Thing",
            b"",
            b"Name: not a header",
        ]
    )

    assert trim_metadata(content) == (
        b"Metadata-Version: 2.4\nName: thing\nRequires-Dist: other\n"
    )


def test_versions_entry_points_and_licenses_are_available_at_run_time(
    workspace, wheelhouse, build, tmp_path
):
    wheelhouse.add(
        "helper",
        "1.2.3",
        description="Long.\n" * 100,
        headers=("License-File: LICENSE",),
        files={
            "helper/__init__.py": "",
            "helper/_speedups.c": "int main() {}",
            "helper-1.2.3.dist-info/entry_points.txt": "[plugins]\nmain = helper\n",
            "helper-1.2.3.dist-info/licenses/LICENSE": "Do as you please.",
            "helper-1.2.3.data/scripts/helper": "#!python\n",
        },
    )
    built = build(workspace.add("packages/app", dependencies=("helper",)))
    code = (
        "from importlib.metadata import entry_points, version\n"
        "print(version('app'), version('helper'), *entry_points(group='plugins').names)\n"
    )

    result = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(built.unpack(tmp_path / "task"))},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.split() == ["1.0", "1.2.3", "main"]
    assert "Long." not in built.read("helper-1.2.3.dist-info/METADATA")
    assert built.read("helper-1.2.3.dist-info/licenses/LICENSE") == "Do as you please."
    assert [name for name in built.names if name.startswith(("bin/", "."))] == []
    assert "helper/_speedups.c" not in built.names
