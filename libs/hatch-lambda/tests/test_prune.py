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
def test_what_a_function_reads_or_a_licence_demands_is_kept(path):
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
def test_what_a_function_never_reads_is_left_out(path):
    assert not is_kept(path)


def test_patterns_match_whole_paths_and_reach_into_folders():
    paths = ["package/a.js", "package/page/b.js", "package/page/b.py", "other/page/b.js"]

    assert match_files(paths, ["package/*.js"]) == {"package/a.js", "package/page/b.js"}
    assert match_files(paths, ["package/a.js", "other/*"]) == {"package/a.js", "other/page/b.js"}


def test_pattern_that_is_out_of_date_is_refused():
    with pytest.raises(LambdaBuildError, match=r"'package/gone/\*', which no file matches"):
        match_files(["package/a.js"], ["package/gone/*"])


def test_pattern_for_a_distribution_that_is_left_out_does_no_harm():
    assert match_files(["package/a.js"], ["elsewhere/*"]) == set()


def test_files_that_the_function_never_uses_are_left_out_with_their_bytecode(
    workspace, wheelhouse, build
):
    files = dict.fromkeys(("helper/__init__.py", "helper/page/a.js", "helper/shell.py"), "")
    wheelhouse.add("helper", files=files)
    options = 'exclude-files = ["helper/page/*", "helper/shell.py"]'
    built = build(workspace.add("packages/app", dependencies=("helper",), options=options))

    files = {name for name in built.names if name.startswith("helper/")}
    assert {name for name in files if "__pycache__" not in name} == {"helper/__init__.py"}
    assert len(files) == 2
    assert built.facts["left-out:files"] == "helper/page/*, helper/shell.py"


def test_licence_that_siblings_share_with_the_project_is_packed_once(workspace, wheelhouse, build):
    ours, theirs = "Do as you please.", "Ask first."
    wheelhouse.add("helper", files={"helper-1.0.dist-info/licenses/LICENSE": ours})
    dependencies = []
    for name, licence in (("same", ours), ("differs", theirs)):
        (workspace.add(f"libs/{name}") / "LICENSE").write_text(licence)
        dependencies.append(name)
    app = workspace.add("packages/app", dependencies=(*dependencies, "helper"))
    (app / "LICENSE").write_text(ours)

    licences = {name for name in build(app).names if name.endswith("/LICENSE")}

    assert {name.partition("-")[0] for name in licences} == {"app", "differs", "helper"}


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_metadata_keeps_its_headers_without_the_description(newline):
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


def test_versions_entry_points_and_licences_are_there_at_run_time(
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

    answer = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(built.unpack(tmp_path / "task"))},
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.split() == ["1.0", "1.2.3", "main"]
    assert "Long." not in built.read("helper-1.2.3.dist-info/METADATA")
    assert built.read("helper-1.2.3.dist-info/licenses/LICENSE") == "Do as you please."
    assert [name for name in built.names if name.startswith(("bin/", "."))] == []
    assert "helper/_speedups.c" not in built.names
