from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hatch_lambda.builder import LambdaBuilder
from hatch_lambda.pack import Packed
from hatch_lambda.platforms import PLATFORMS


def test_the_archive_contains_the_project_its_siblings_and_dependencies(
    workspace, wheelhouse, build
):
    wheelhouse.add("published")
    wheelhouse.add("unneeded")
    workspace.add("libs/base", dependencies=("published>=1",))
    workspace.add("libs/middle", dependencies=("base>=1,<2",))
    workspace.add("libs/stranger")
    app = workspace.add("packages/app", dependencies=("middle",))

    built = build(app)

    assert built.archive == app / "dist" / "app-1.0.zip"
    assert built.distributions == {"app", "middle", "base", "published"}
    assert {"app/__init__.py", "middle/__init__.py", "published/__init__.py"} <= {*built.names}


def test_namespace_of_several_distributions_is_merged(workspace, wheelhouse, build):
    wheelhouse.add("space-three", files={"space/three.py": "N = 3\n"})
    workspace.add("libs/space-one", files={"space/one/__init__.py": "N = 1\n"})
    app = workspace.add(
        "packages/space-two",
        dependencies=("space-one", "space-three"),
        files={"space/two.py": "N = 2\n"},
        options="bytecode = false",
    )

    names = [name for name in build(app).names if name.startswith("space/")]

    assert names == ["space/one/__init__.py", "space/three.py", "space/two.py"]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("", {"app", "helper"}),
        ("include-sdk = true", {"app", "helper", "boto3", "botocore", "only-of-sdk"}),
        ('exclude-dependencies = ["Helper"]', {"app"}),
    ],
)
def test_the_sdk_is_left_out_with_its_own_dependencies(
    workspace, wheelhouse, build, option, expected
):
    wheelhouse.add("boto3", requires=("botocore",))
    wheelhouse.add("botocore", requires=("only-of-sdk",))
    wheelhouse.add("only-of-sdk")
    wheelhouse.add("helper")
    app = workspace.add("packages/app", dependencies=("boto3", "helper"), options=option)

    assert build(app).distributions == expected


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("", {"app", "aws-lambda-powertools", "pydantic", "pydantic-core", "shared"}),
        ("powertools-layer = true", {"app", "shared"}),
    ],
)
def test_distributions_of_the_powertools_layer_are_left_out(
    workspace, wheelhouse, build, option, expected
):
    wheelhouse.add("aws-lambda-powertools", requires=("shared",))
    wheelhouse.add("pydantic", requires=("pydantic-core", "shared"))
    wheelhouse.add("pydantic-core")
    wheelhouse.add("shared")
    dependencies = ("aws-lambda-powertools", "pydantic", "shared")
    app = workspace.add("packages/app", dependencies=dependencies, options=option)

    assert build(app).distributions == expected


def test_an_excluded_sibling_is_not_built(workspace, build):
    workspace.add("libs/broken", build_system='requires = []\nbuild-backend = "no_such_backend"')
    app = workspace.add(
        "packages/app", dependencies=("broken",), options='exclude-dependencies = ["broken"]'
    )

    assert build(app).distributions == {"app"}


def test_features_of_project_and_of_siblings_are_installed(workspace, wheelhouse, build):
    for name in ("for-app", "for-base", "for-nobody"):
        wheelhouse.add(name)
    features = {"more": ["for-base"], "rest": ["for-nobody"]}
    workspace.add("libs/base", features=features)
    workspace.add("libs/optional", dependencies=("base[more]",))
    app = workspace.add(
        "packages/app",
        features={"wide": ["for-app", "optional"], "rest": ["for-nobody"]},
        options='features = ["wide"]',
    )

    assert build(app).distributions == {"app", "optional", "base", "for-app", "for-base"}


def test_an_error_for_an_unknown_feature_lists_the_known_ones(workspace, refusal):
    features = {"Wide_One": [], "other": []}
    app = workspace.add("packages/app", features=features, options='features = ["typo"]')

    message = refusal(app)

    assert "`features` contains 'typo'" in message
    assert "`app` are: other, wide-one" in message


def test_an_archive_above_the_limit_of_lambda_gives_a_warning(tmp_path):
    packed = Packed(
        archive=tmp_path / "app.zip",
        platform=PLATFORMS["python3.13-arm64"],
        unpacked=262_144_001,
        distributions=1,
        dropped=0,
        bytecode=None,
        uncompiled=[],
    )

    assert "262144001 bytes unpacked, and the limit of Lambda is 262144000" in packed.warnings[0]
    assert not replace(packed, unpacked=262_144_000).warnings


def test_the_configured_platform_is_not_in_the_file_name(workspace, build, other_runtime):
    options = f'runtime = "{other_runtime}"\narchitecture = "x86_64"\nbytecode = false'
    app = workspace.add("packages/app", options=options)

    built = build(app)

    assert built.archive.name == "app-1.0.zip"
    assert built.facts["runtime"] == other_runtime
    assert built.facts["architecture"] == "x86_64"


def test_version_of_the_target_selects_another_platform(workspace, wheelhouse, build):
    for machine in ("aarch64", "x86_64"):
        for glibc in ("2_17", "2_34"):
            tag = f"py3-none-manylinux_{glibc}_{machine}"
            wheelhouse.add("native", files={"native.py": f"# {tag}\n"}, tag=tag)
    app = workspace.add("packages/app", dependencies=("native",), options="bytecode = false")

    old_arm = build(app, "python3.11-arm64")
    new_intel = build(app, "python3.14-x86_64")

    assert new_intel.archive.name == "app-1.0-python3.14-x86_64.zip"
    assert new_intel.sbom_path.name == "app-1.0-python3.14-x86_64.cdx.json"
    assert new_intel.read("native.py") == "# py3-none-manylinux_2_34_x86_64\n"
    assert old_arm.read("native.py") == "# py3-none-manylinux_2_17_aarch64\n"


def test_environment_markers_are_evaluated_for_the_target(workspace, wheelhouse, build):
    wheelhouse.add("for-arm")
    wheelhouse.add("for-new")
    workspace.add("libs/of-windows")
    dependencies = (
        "for-arm; platform_machine == 'aarch64'",
        "for-new; python_version >= '3.14'",
        "of-windows; sys_platform == 'win32'",
    )
    app = workspace.add("packages/app", dependencies=dependencies, options="bytecode = false")

    assert build(app, "python3.13-arm64").distributions == {"app", "for-arm"}
    assert build(app, "python3.14-x86_64").distributions == {"app", "for-new"}


def test_an_override_of_the_platform_changes_the_file_name(workspace, build, monkeypatch):
    app = workspace.add("packages/app")
    monkeypatch.setenv("HATCH_LAMBDA_ARCHITECTURE", "x86_64")
    monkeypatch.setenv("HATCH_LAMBDA_BYTECODE", "false")

    built = build(app)

    assert built.archive.name.endswith("-x86_64.zip")
    assert built.facts["bytecode"] == "none"


def test_an_error_for_an_unknown_platform_lists_the_supported_ones(workspace, refusal):
    message = refusal(workspace.add("packages/app"), "python2.7-arm64")

    assert "`python2.7-arm64`" in message
    assert "python3.13-x86_64" in message


def test_an_invalid_option_stops_the_build_with_a_message(workspace, refusal):
    message = refusal(workspace.add("packages/app", options='bytecode = "perhaps"'))

    assert "target `lambda` of app" in message
    assert "`tool.hatch.build.targets.lambda.bytecode` is 'perhaps'" in message


def test_the_summary_has_path_size_and_number_of_distributions(workspace, build, capsys, tmp_path):
    workspace.add("libs/base")
    app = workspace.add("packages/app", dependencies=("base",))

    size = build(app).archive.stat().st_size
    elsewhere = build(app, directory=tmp_path / "out").archive
    inside, outside = capsys.readouterr().err.splitlines()

    assert inside.startswith(f"{Path('dist', 'app-1.0.zip')}: {size} bytes")
    assert outside.startswith(f"{elsewhere}: {size} bytes")
    assert "2 distributions" in inside


def test_clean_removes_only_files_of_the_project(workspace, tmp_path):
    app = workspace.add("packages/my-app")
    own = ["my_app-0.9.zip", "my_app-1.0-python3.14-arm64.zip", "my_app-1.0.cdx.json"]
    own.append("my_app-1.0.sizes.json")
    foreign = ["my_app_too-1.0.zip", "my_app-1.0-py3-none-any.whl"]
    for name in (*own, *foreign):
        (tmp_path / name).touch()

    list(LambdaBuilder(str(app)).build(directory=str(tmp_path), clean_only=True))

    assert [name for name in (*own, *foreign) if (tmp_path / name).exists()] == foreign


def test_hatchling_finds_the_target(workspace):
    app = workspace.add("packages/app", options="bytecode = false")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "lambda"]

    subprocess.run(command, cwd=app, check=True, capture_output=True)

    names = {path.name for path in (app / "dist").iterdir()}
    assert names == {"app-1.0.zip", "app-1.0.cdx.json", "app-1.0.sizes.json"}
