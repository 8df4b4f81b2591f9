from __future__ import annotations

import pytest
from hatch_lambda.wheels import can_build_here

# A build backend of a few lines, as a project may bring one along.
BACKEND = """
import zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "homemade-1.0-py3-none-any.whl"
    info = "homemade-1.0.dist-info"
    files = {
        "homemade.py": "N = 1\\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: homemade\\nVersion: 1.0\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{info}/RECORD": f"homemade.py,,\\n{info}/METADATA,,\\n",
    }
    with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
"""


def test_a_sibling_with_another_build_backend_is_built_in_isolation(workspace, build):
    system = 'requires = []\nbuild-backend = "backend"\nbackend-path = ["."]'
    homemade = workspace.add("libs/homemade", build_system=system)
    (homemade / "backend.py").write_text(BACKEND)
    app = workspace.add("packages/app", dependencies=("homemade",))

    built = build(app)

    assert built.distributions == {"app", "homemade"}
    assert "homemade.py" in built.names


@pytest.mark.parametrize(
    ("build_system", "expected"),
    [
        ({"build-backend": "hatchling.build", "requires": ["hatchling>=1"]}, True),
        ({"build-backend": "hatchling.build", "requires": ["hatchling>=999"]}, False),
        ({"build-backend": "hatchling.build", "requires": ["hatchling", "no-such-plugin"]}, False),
        ({"build-backend": "hatchling.build", "requires": ["x; python_version < '3'"]}, True),
        ({"build-backend": "setuptools.build_meta", "requires": ["setuptools"]}, False),
        ({}, False),
    ],
)
def test_only_hatchling_with_installed_requirements_builds_without_isolation(
    build_system, expected
):
    assert can_build_here(build_system) is expected


def test_a_sibling_of_the_wrong_version_is_rejected(workspace, refusal):
    workspace.add("libs/base", version="2.1")
    workspace.add("libs/middle", dependencies=("base>=1,<2",))
    message = refusal(workspace.add("packages/app", dependencies=("middle",)))

    assert "`middle` 1.0 requires `base<2,>=1`" in message
    assert "the workspace has `base` 2.1" in message


def test_a_direct_reference_to_a_sibling_is_rejected(workspace, refusal):
    workspace.add("libs/base")
    dependencies = ("base @ {root:parent:parent:uri}/libs/base",)
    message = refusal(workspace.add("packages/app", dependencies=dependencies))

    assert "`app` requires `base` by direct reference" in message


def test_the_output_of_a_failed_build_backend_is_shown(workspace, refusal):
    broken = workspace.add("libs/broken")
    with (broken / "pyproject.toml").open("a") as file:
        file.write('[tool.hatch.build.hooks.custom]\npath = "missing_hook.py"\n')
    message = refusal(workspace.add("packages/app", dependencies=("broken",)))

    assert f"Cannot build the wheel of {broken}" in message
    assert "missing_hook.py" in message
