from __future__ import annotations

import hashlib
import json
import zipfile

import pytest
from hatch_lambda.sbom import licenses
from packaging.metadata import parse_email


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the project that is built once, for all tests that read what was built."""
    return tmp_path_factory.mktemp("example")


@pytest.fixture(scope="module")
def built(folder, closed_world, make_workspace, build):
    with closed_world(folder) as wheelhouse:
        for name in ("deep", "optional", "boto3"):
            wheelhouse.add(name)
        wheelhouse.add(
            "Helper.Lib",
            "1.0+local.1",
            requires=("deep", "optional; extra == 'more'", "boto3"),
            headers=("Summary: Helps.", "License-Expression: MIT", "Provides-Extra: more"),
        )
        workspace = make_workspace(folder / "workspace")
        workspace.add("libs/base", dependencies=("helper-lib[more]",))
        dependencies = ("base", "deep; sys_platform == 'win32'")
        return build(workspace.add("packages/app", dependencies=dependencies))


def test_the_sbom_is_valid_cyclonedx(built):
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")

    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)

    assert validator.validate_str(built.sbom_path.read_text()) is None


def test_the_sbom_has_the_hash_of_the_archive(built):
    document = built.sbom
    archive = document["metadata"]["component"]

    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert (archive["type"], archive["name"], archive["version"]) == ("application", "app", "1.0")
    digest = hashlib.sha256(built.archive.read_bytes()).hexdigest()
    assert archive["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_every_distribution_is_a_component_with_its_metadata(built, folder):
    components = {item["name"]: item for item in built.sbom["components"]}
    helper = components["helper-lib"]
    wheel = next((folder / "wheelhouse").glob("Helper*"))

    assert set(components) == {"base", "helper-lib", "deep", "optional"}
    assert helper["purl"] == "pkg:pypi/helper-lib@1.0%2Blocal.1"
    assert helper["description"] == "Helps."
    assert helper["licenses"] == [{"expression": "MIT"}]
    assert helper["hashes"][0]["content"] == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert helper["properties"] == [{"name": "hatch-lambda:origin", "value": "index"}]
    assert components["base"]["properties"][0]["value"] == "workspace"


def test_the_hash_is_that_of_the_installed_wheel(workspace, wheelhouse, build):
    for tag in (
        "py3-none-any",
        "py3-none-manylinux_2_17_aarch64",
        "py3-none-manylinux_2_34_aarch64",
    ):
        installed = wheelhouse.add("native", files={"native.py": f"# {tag}\n"}, tag=tag)
    app = workspace.add("packages/app", dependencies=("native",), options="bytecode = false")

    built = build(app, "python3.13-arm64")

    assert built.read("native.py") == "# py3-none-manylinux_2_34_aarch64\n"
    digest = hashlib.sha256(installed.read_bytes()).hexdigest()
    assert built.sbom["components"][0]["hashes"][0]["content"] == digest


def test_every_file_belongs_to_a_distribution_and_has_its_hash(built):
    document = built.sbom
    components = [document["metadata"]["component"], *document["components"]]
    files = [file for component in components for file in component["components"]]

    with zipfile.ZipFile(built.archive) as archive:
        expected = {
            name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()
        }

    assert {file["name"]: file["hashes"][0]["content"] for file in files} == expected
    assert len(files) == len(expected)
    assert any(name.endswith(".pyc") for name in expected)


def test_the_dependency_graph_depends_on_platform_and_extras(built):
    graph = {item["ref"]: item["dependsOn"] for item in built.sbom["dependencies"]}

    assert graph == {
        "pkg:pypi/app@1.0": ["pkg:pypi/base@1.0"],
        "pkg:pypi/base@1.0": ["pkg:pypi/helper-lib@1.0%2Blocal.1"],
        "pkg:pypi/helper-lib@1.0%2Blocal.1": ["pkg:pypi/deep@1.0", "pkg:pypi/optional@1.0"],
        "pkg:pypi/deep@1.0": [],
        "pkg:pypi/optional@1.0": [],
    }


def test_invalid_requirements_of_old_distributions_are_ignored(workspace, wheelhouse, build):
    wheelhouse.add("old", requires=("deep>=1.*",))
    wheelhouse.add("deep")

    built = build(workspace.add("packages/app", dependencies=("old",)))

    assert {item["name"] for item in built.sbom["components"]} == {"old", "deep"}


def test_the_sbom_has_platform_and_excluded_distributions(built, runtime):
    assert built.facts["runtime"] == runtime
    assert built.facts["architecture"] == "arm64"
    assert built.facts["powertools-layer"] == "false"
    assert "boto3" in built.facts["left-out"]


def test_the_sbom_has_neither_paths_nor_times(built, folder):
    text = built.sbom_path.read_text()

    assert str(folder) not in text
    assert "file:" not in text
    assert not {"serialNumber", "timestamp"} & {*json.loads(text), *json.loads(text)["metadata"]}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["License-Expression: mit or Apache-2.0"], [{"expression": "MIT OR Apache-2.0"}]),
        (["License: bsd-3-clause"], [{"expression": "BSD-3-Clause"}]),
        (["License: New BSD"], [{"license": {"name": "New BSD"}}]),
        (
            ["License: " + "words " * 50, "Classifier: License :: OSI Approved :: MIT License"],
            [{"license": {"name": "MIT License"}}],
        ),
        (
            ["Classifier: License :: Public Domain", "Classifier: Topic :: Software"],
            [{"license": {"name": "Public Domain"}}],
        ),
        ([], []),
    ],
)
def test_the_most_specific_license_is_used(headers, expected):
    metadata, _ = parse_email("\n".join(["Metadata-Version: 2.4", "Name: x", *headers, "", ""]))

    assert licenses(metadata) == expected
