from __future__ import annotations

import sys
from importlib import import_module

import pytest
from aibs_informatics_aws_lambda.common.cli import move_check

OURS = "aibs_informatics_aws_lambda"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write modules of a package ``project`` in the current directory, and check it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "__init__.py").touch()

    def check(**sources: str) -> tuple[list[str], bool]:
        for name, source in sources.items():
            (tmp_path / "project" / f"{name}.py").write_text(source)
        report, works = move_check.check_move(["project"])
        return report.splitlines(), works

    yield check
    for name in [name for name in sys.modules if name.startswith("project")]:
        del sys.modules[name]


def test_names_that_exist_are_not_reported(project):
    source = (
        f"from {OURS}.common.handler import LambdaHandler\n"
        f"import {OURS}.common.models as models\n"
        f"models.DefaultLambdaContext\n"
        f"NAME = '{OURS}.main.handle'\n"
    )

    assert project(app=source) == (["checked: 2, problems: 0, names that have moved: 0"], True)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            f"from {OURS}.common.base import Missing",
            f"project/app.py:1: {OURS}.common.base.Missing does not exist. "
            "Use another name, or keep version 1.1.0.",
        ),
        (
            f"NAME = '{OURS}.common.nothing.handler'",
            f"project/app.py:1: {OURS}.common.nothing.handler does not exist. "
            "Use another name, or keep version 1.1.0.",
        ),
        (
            "def later():\n    from aibs_informatics_core.exceptions import ValidationError",
            "project/app.py:2: aibs_informatics_core.exceptions.ValidationError is no longer "
            f"raised. Import it from {OURS}.common.exceptions.",
        ),
        (
            "import no_such_module",
            "project/app.py: cannot import project.app: ModuleNotFoundError: "
            "No module named 'no_such_module'",
        ),
        (
            "raise SystemExit(3)",
            "project/app.py: cannot import project.app: SystemExit: 3",
        ),
        (
            "def (",
            "project/app.py: cannot import project.app: SyntaxError: "
            "invalid syntax (app.py, line 1)",
        ),
    ],
)
def test_missing_names_and_failing_imports_are_problems(project, source, line):
    lines, works = project(app=source)

    assert (lines, works) == (
        [line, "checked: 2, problems: 1, names that have moved: 0"],
        False,
    )


def test_names_of_the_support_libraries_are_reported_with_their_home(project):
    source = (
        "def later():\n"
        "    from aibs_informatics_core.models.base import PydanticBaseModel\n"
        "    from aibs_informatics_aws_utils.s3 import upload_json, list_s3_paths\n"
        "    import aibs_informatics_core\n"
    )

    lines, works = project(app=source)

    assert works
    assert lines == [
        "project/app.py:2: aibs_informatics_core.models.base.PydanticBaseModel has moved. "
        f"Import it from {OURS}.common.model.",
        "project/app.py:3: aibs_informatics_aws_utils.s3.list_s3_paths is not part of these "
        "packages. Keep aibs-informatics-aws-utils as a requirement.",
        "project/app.py:3: aibs_informatics_aws_utils.s3.upload_json has moved. "
        f"Import it from {OURS}.common.s3.",
        "checked: 2, problems: 0, names that have moved: 3",
    ]


def test_a_package_that_is_not_installed_is_named(project, monkeypatch):
    monkeypatch.setattr(move_check, "_import", lambda _: None)
    move_check._resolves.cache_clear()

    lines, works = project(
        app=f"NAME = '{OURS}.handlers.data_sync.data_sync_handler'\n"
        "def later():\n    from aibs_informatics_core.models.aws.efs import EFSPath\n"
    )

    move_check._resolves.cache_clear()
    assert not works
    assert lines[:2] == [
        f"project/app.py:1: {OURS}.handlers.data_sync.data_sync_handler is not installed. "
        "Install aibs-informatics-aws-lambda-data-sync.",
        "project/app.py:3: aibs_informatics_core.models.aws.efs.EFSPath has moved to "
        f"{OURS}.storage.efs. Install aibs-informatics-aws-lambda-storage.",
    ]


def test_modules_that_are_programs_are_not_run(project):
    lines, works = project(__main__="raise AssertionError", app="")

    assert (lines, works) == (["checked: 2, problems: 0, names that have moved: 0"], True)


def test_a_module_that_does_not_exist_is_a_problem():
    report, works = move_check.check_move(["no_such_project"])

    assert not works
    assert report.startswith("cannot import no_such_project: ModuleNotFoundError")


@pytest.mark.parametrize(
    ("installed", "is_reported"),
    [("0.0.14", True), ("1.1.0", True), ("1.2.0", False), ("1.2.0rc1", False), ("2.0", False)],
)
def test_an_installation_of_the_old_version_is_a_problem(installed, is_reported, monkeypatch):
    monkeypatch.setattr(move_check, "version", lambda _: installed)

    report, works = move_check.check_move([])

    assert works is not is_reported
    assert (
        report.startswith(f"aibs-informatics-aws-lambda {installed} is installed") == is_reported
    )


@pytest.mark.parametrize("library", move_check.MOVED)
def test_modules_of_the_core_that_replace_others_exist(library):
    for home in move_check.MOVED[library]:
        if home.startswith("common."):
            import_module(f"{OURS}.{home}")


def test_the_command_prints_the_report(handle_lambda_request, work):
    (work / "app.py").write_text(f"from {OURS}.common.base import Missing\n")

    result = handle_lambda_request("--check-move", "work", "app")

    assert result.returncode == 1
    assert result.stdout.splitlines()[-1] == ("checked: 2, problems: 1, names that have moved: 0")
    assert handle_lambda_request("--check-move", "work").returncode == 0
