from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hatch_lambda.errors import LambdaBuildError
from hatch_lambda.prune import RULES, is_packable, match_files, rule_for, trim_metadata


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("module.py", None),
        ("package/__init__.py", None),
        ("package/tests/helpers.py", None),
        ("package/data.json", None),
        ("package/compiled_only.pyc", None),
        ("package/_native.cpython-313-aarch64-linux-gnu.so", None),
        ("package/bin/tool", None),
        ("bin/tool", None),
        ("package.libs/libfoo.so.1", None),
        ("thing-1.0.dist-info/METADATA", None),
        ("thing-1.0.dist-info/entry_points.txt", None),
        ("thing-1.0.dist-info/licenses/LICENSE", None),
        ("thing-1.0.dist-info/LICENCE.md", None),
        ("thing-1.0.dist-info/NOTICE", None),
        ("thing-1.0.dist-info/sboms/thing.cdx.json", None),
        ("package/loaded.pyi", None),
        ("package/stubs.pyi", "type-stubs"),
        ("package/py.typed", "type-markers"),
        ("package/_native.c", "extension-sources"),
        ("package/include/native.h", "extension-sources"),
        ("package/fast.pyx", "extension-sources"),
        ("package/__pycache__/module.cpython-311.pyc", "bytecode"),
        ("thing-1.0.dist-info/WHEEL", "metadata"),
        ("thing-1.0.dist-info/top_level.txt", "metadata"),
    ],
)
def test_files_of_dependencies_are_left_out_by_rules(path, rule):
    stubs = {"package/loaded.pyi"}

    assert rule_for(path, is_local=False, scripts=["tool"], stubs=stubs) == rule
    assert rule is None or rule in RULES


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("package/stubs.pyi", None),
        ("package/_native.c", None),
        ("package/page.html", None),
        ("bin/helper", None),
        ("bin/tool", "entry-point-scripts"),
        ("package/py.typed", "type-markers"),
        ("thing-1.0.dist-info/WHEEL", "metadata"),
    ],
)
def test_data_of_the_project_is_kept_whatever_its_suffix(path, rule):
    assert rule_for(path, is_local=True, scripts=["tool"], stubs=()) == rule


@pytest.mark.parametrize(
    "path",
    [
        "../../bin/tool",
        "/etc/passwd",
        "thing-1.0.dist-info/RECORD",
        "thing-1.0.dist-info/INSTALLER",
        "thing-1.0.dist-info/REQUESTED",
        "thing-1.0.dist-info/direct_url.json",
        "thing-1.0.dist-info/uv_cache.json",
    ],
)
def test_files_of_the_installer_are_never_packed(path):
    assert not is_packable(path)


def test_a_stub_that_its_module_loads_is_kept(workspace, wheelhouse, build):
    files = {
        "lazy/__init__.py": "import lazy_loader\nlazy_loader.attach_stub(__name__, __file__)\n",
        "lazy/__init__.pyi": "from .work import run\n",
        "lazy/work.py": "def run(): ...\n",
        "lazy/work.pyi": "def run() -> None: ...\n",
    }
    wheelhouse.add("lazy", files=files)

    built = build(workspace.add("packages/app", dependencies=("lazy",)))

    assert "lazy/__init__.pyi" in built.names
    assert "lazy/work.pyi" not in built.names


def test_every_rule_can_be_disabled(workspace, wheelhouse, build):
    files = {
        "helper/__init__.py": "",
        "helper/__init__.pyi": "",
        "helper/py.typed": "",
        "helper/fast.c": "",
        "helper-1.0.dist-info/top_level.txt": "helper\n",
    }
    wheelhouse.add("helper", files=files, description="Long.\n" * 100)
    keep = '"type-stubs", "type-markers", "extension-sources", "metadata", "descriptions"'
    options = f"bytecode = false\nkeep = [{keep}]"
    built = build(workspace.add("packages/app", dependencies=("helper",), options=options))

    assert {*files, "helper-1.0.dist-info/WHEEL"} <= {*built.names}
    assert "Long." in built.read("helper-1.0.dist-info/METADATA")
    assert built.facts["kept"].startswith("type-stubs, type-markers")


def test_the_report_lists_every_dropped_file_with_rule_and_size(workspace, wheelhouse, build):
    files = {
        "helper/__init__.py": "",
        "helper/__init__.pyi": "x = 1\n",
        "helper/unused.py": "pass\n",
        "helper/py.typed": "",
    }
    wheelhouse.add("helper", files=files, description="Long.\n" * 10)
    options = 'exclude-files = ["helper/unused.py"]'
    built = build(workspace.add("packages/app", dependencies=("helper",), options=options))

    found = {item["path"]: item for item in built.dropped if item["distribution"] == "helper"}
    assert {path: item["rule"] for path, item in found.items()} == {
        "helper/__init__.pyi": "type-stubs",
        "helper/unused.py": "exclude-files",
        "helper/py.typed": "type-markers",
        "helper-1.0.dist-info/WHEEL": "metadata",
        "helper-1.0.dist-info/METADATA": "descriptions",
    }
    assert found["helper/__init__.pyi"]["bytes"] == 6
    assert found["helper/unused.py"]["bytes"] == 5
    assert found["helper-1.0.dist-info/METADATA"]["bytes"] >= 60
    packed = {name for name in built.names if "__pycache__" not in name}
    assert not packed & {path for path, item in found.items() if item["rule"] != "descriptions"}


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
    assert [name for name in built.names if name.startswith(".")] == []
    assert "helper/_speedups.c" not in built.names


def test_the_readme_describes_every_rule():
    readme = (Path(__file__).parents[1] / "README.md").read_text()

    for name, files in RULES.items():
        assert f"| `{name}` | {files}" in readme
