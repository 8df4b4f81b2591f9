"""Every zip works as Lambda functions after unpacking, and stays within its budget."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from environments import make_environment, runtime_environment
from functions import build_zip, running_function, unpack
from hatch_lambda.platforms import PLATFORMS
from registry import INDEX, digest_of
from shared import made_once
from workspace import find_projects

ROOT = Path(__file__).parents[1]
HANDLERS = "aibs_informatics_aws_lambda.handlers"
TEMPLATE = ROOT / "templates" / "new-family"
PACKAGES = [name for name, project in find_projects(ROOT).items() if project.has_zip]
PROJECTS = [*(ROOT / "packages" / name for name in PACKAGES), TEMPLATE]

# Maximum size in bytes of a zip for a function with the Powertools layer. Bytecode of Python 3.14
# is the largest.
LAYERED = dict.fromkeys(PACKAGES, 250_000) | {
    "data-sync": 6_500_000,
    "demand": 350_000,
    "ecr": 370_000,
    "notifications": 820_000,
}

PLACE = {"account_id": "123456789012", "region": "us-west-2"}


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def synced(aws, folder: Path) -> dict[str, Any]:
    return {
        "source_path": write(folder, "a.txt", "x"),
        "destination_path": f"s3://{aws.make_bucket()}/a.txt",
    }


def batch_job(aws, folder: Path) -> dict[str, Any]:
    return {
        "image": "quay.io/biocontainers/samtools:1.17",
        "job_definition_name": "align",
        "job_queue_name": "queue",
        "command": ["samtools", "sort"],
        "resource_requirements": {"MEMORY": 2048, "VCPU": 2},
    }


def make_lambda(aws) -> None:
    """Create the Lambda function that the handler looks up for its mounts."""
    policy = {"Version": "2012-10-17", "Statement": []}
    role = aws.client("iam").create_role(
        RoleName="function", AssumeRolePolicyDocument=json.dumps(policy)
    )
    aws.client("lambda").create_function(
        FunctionName="function",
        Handler="module.handler",
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": b"any"},
    )


def demand_execution(aws, folder: Path) -> dict[str, Any]:
    efs = aws.client("efs")
    tags = [{"Key": "Name", "Value": "main"}, {"Key": "env_base", "Value": "dev-test"}]
    file_system = efs.create_file_system(CreationToken="main", Tags=tags)["FileSystemId"]
    for name in ("scratch", "shared", "tmp"):
        efs.create_access_point(
            FileSystemId=file_system,
            ClientToken=name,
            RootDirectory={"Path": f"/{name}"},
            Tags=[{"Key": "Name", "Value": name}, {"Key": "env_base", "Value": "dev-test"}],
        )
    make_lambda(aws)
    execution = {
        "execution_type": "align",
        "execution_id": "exec-0001",
        "execution_image": "123456789012.dkr.ecr.us-west-2.amazonaws.com/tools/align:1.0",
        "execution_parameters": {"command": ["align"], "output_s3_prefix": "s3://bucket/results"},
        "execution_platform": {"aws_batch": {"job_queue_name": "queue"}},
    }
    return {
        "demand_execution": execution,
        "context_manager_configuration": {},
        "file_system_configurations": {},
    }


def image(aws, folder: Path) -> dict[str, Any]:
    """An empty image index, because moto does not accept layers."""
    ecr = aws.client("ecr")
    for name in ("team/source", "team/target"):
        ecr.create_repository(repositoryName=name)
    manifest = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []})
    digest = digest_of(manifest.encode())
    ecr.put_image(repositoryName="team/source", imageManifest=manifest, imageDigest=digest)
    return {
        "source_image": {**PLACE, "repository_name": "team/source", "image_digest": digest},
        "destination_repository": {**PLACE, "repository_name": "team/target"},
        "destination_image_tags": ["v2"],
    }


def tags(aws, folder: Path) -> dict[str, Any]:
    request = image(aws, folder)
    source = request["source_image"]
    (found,) = aws.client("ecr").batch_get_image(
        repositoryName="team/source", imageIds=[{"imageDigest": source["image_digest"]}]
    )["images"]
    aws.client("ecr").put_image(
        repositoryName="team/source",
        imageManifest=found["imageManifest"],
        imageDigest=source["image_digest"],
        imageTag="v1",
    )
    registry = "{account_id}.dkr.ecr.{region}.amazonaws.com".format(**source)
    return {
        "source_repository": f"{registry}/team/source",
        "destination_repository": request["destination_repository"],
    }


def notification(aws, folder: Path) -> dict[str, Any]:
    topic = aws.client("sns").create_topic(Name="alerts")["TopicArn"]
    return {"content": {"subject": "Done", "message": "Done."}, "targets": [{"topic": topic}]}


def message(body: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": "1",
                "body": body,
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-west-2:123456789012:notifications",
            }
        ]
    }


@dataclass(frozen=True)
class Case:
    """A valid and an invalid event of a function.

    Args:
        package: package whose zip contains the function.
        good: creates the valid event and its resources, on AWS and in an empty folder.
        response: regular expressions of values in the response, by path.
        field: text in the error message of the invalid event.
        bad: invalid event.
        error: error type of the invalid event.
        environment: environment variables of the function.
    """

    package: str
    good: Callable[[Any, Path], Any]
    response: Mapping[str, str]
    field: str
    bad: Any = field(default_factory=dict)
    error: str = "ValidationError"
    environment: Mapping[str, str] = field(default_factory=dict)


# Every function of the packages, by handler.
CASES = {
    "batch.create.handler": Case(
        "batch",
        batch_job,
        {"job_definition_arn": r"arn:aws:batch:us-west-2:\d+:job-definition/align:1"},
        "image",
        environment={"ENV_BASE": "dev-test"},
    ),
    "batch.deregister.handler": Case(
        "batch",
        lambda aws, folder: {"job_definition_name_prefix": "dev-test"},
        {"unused_job_definition_arns": r"\[\]"},
        "job_definition_name_prefix",
    ),
    "data_sync.data_sync_handler": Case(
        "data-sync", synced, {"result.files_transferred": "1"}, "source_path"
    ),
    "data_sync.batch_data_sync_handler": Case(
        "data-sync",
        lambda aws, folder: {"requests": [synced(aws, folder)]},
        {"result.successful_requests_count": "1", "result.files_transferred": "1"},
        "requests",
    ),
    "data_sync.prepare_batch_data_sync_handler": Case(
        "data-sync", synced, {"requests.0.requests.0.source_path": r".*/a\.txt"}, "source_path"
    ),
    "data_sync.get_json_from_file_handler": Case(
        "data-sync",
        lambda aws, folder: {"path": write(folder, "a.json", '{"a": [1, null]}')},
        {"content.a": r"\[1, null\]"},
        "path",
    ),
    "data_sync.put_json_to_file_handler": Case(
        "data-sync",
        lambda aws, folder: {"content": {"a": 1}, "path": f"s3://{aws.make_bucket()}/a.json"},
        {"path": "s3://bucket/a.json"},
        "content",
    ),
    "data_sync.get_data_path_stats_handler": Case(
        "data-sync",
        lambda aws, folder: {"path": write(folder, "a.txt", "abc")},
        {"path_stats.size_bytes": "3", "path_stats.object_count": "1"},
        "path",
    ),
    "data_sync.list_data_paths_handler": Case(
        "data-sync",
        lambda aws, folder: {"path": str(Path(write(folder, "a.txt", "abc")).parent)},
        {"paths": r".*/a\.txt.*"},
        "path",
    ),
    "data_sync.outdated_data_path_scanner_handler": Case(
        "data-sync",
        lambda aws, folder: {"path": write(folder, "a.txt", "abc")},
        {"paths": r".*/a\.txt.*"},
        "path",
    ),
    "data_sync.remove_data_paths_handler": Case(
        "data-sync",
        lambda aws, folder: {"paths": [write(folder, "a.txt", "abc")]},
        {"size_bytes_removed": "3"},
        "paths",
        bad={"paths": 1},
    ),
    "data_sync.summarize_batch_data_sync_handler": Case(
        "data-sync",
        lambda aws, folder: {"responses": [{"result": {"files_transferred": n}} for n in (1, 2)]},
        {"result.files_transferred": "3", "total_batches_count": "2"},
        "responses",
        bad={"responses": 1},
    ),
    "demand.scaffolding.handler": Case(
        "demand",
        demand_execution,
        {"setup_configs.batch_create_request.job_queue_name": "queue"},
        "demand_execution",
        environment={"ENV_BASE": "dev-test"},
    ),
    "ecr.replicate_image.lambda_handler": Case(
        "ecr", image, {"destination_image.repository_name": "team/target"}, "source_image"
    ),
    "ecr.replicate_tags.lambda_handler": Case(
        "ecr", tags, {"images.0.tags.0": "v1"}, "source_repository"
    ),
    "notifications.notification_router_handler": Case(
        "notifications", notification, {"results.0.success": "true"}, "content"
    ),
    "notifications.sqs_handler.handler": Case(
        "notifications",
        lambda aws, folder: message(json.dumps(notification(aws, folder))),
        {"batchItemFailures": r"\[\]"},
        "JSON",
        bad=message("no document"),
        error="BatchProcessingError",
    ),
}


def find(document: Any, path: str) -> str:
    """Return the value at a path of a document: a string, or JSON."""
    for key in path.split("."):
        document = document[int(key) if key.isdecimal() else key]
    return document if isinstance(document, str) else json.dumps(document)


@pytest.fixture
def built(shared_folder):
    """Build the zip of a package, once in a run of the tests."""

    def build(package: str, name: str = "zip", **options: str) -> Path:
        folder = made_once(
            shared_folder / f"{name}-{package}",
            lambda folder: build_zip(ROOT / "packages" / package, folder, **options),
        )
        (archive,) = folder.glob("*.zip")
        return archive

    return build


@pytest.fixture
def layered(built):
    """Build the zip of a package for a function with the Powertools layer, within its budget."""

    def build(package: str) -> Path:
        size = str(LAYERED[package])
        return built(package, "layered-zip", powertools_layer="true", max_bytes=size)

    return build


@pytest.fixture
def task_root(built, shared_folder):
    """Unpack the zip of a package, once in a run of the tests."""

    def unpacked(package: str) -> Path:
        archive = built(package)
        return made_once(shared_folder / f"task-{package}", lambda folder: unpack(archive, folder))

    return unpacked


@pytest.fixture
def runtime_python(shared_folder) -> str:
    """A Python with the packages of the Lambda runtime: boto3 and the runtime client."""
    return runtime_environment(shared_folder)


@pytest.fixture
def start(task_root, runtime_python):
    """Start a function of the zip of a package."""

    def start_function(package: str, handler: str, **environment: str):
        return running_function(runtime_python, task_root(package), handler, **environment)

    return start_function


def test_every_function_of_a_template_is_tested():
    # Packages with a `test_zip.py` test their functions there.
    apart = {path.parents[1].name for path in ROOT.glob("packages/*/tests/test_zip.py")}
    templates = [
        path.read_text()
        for path in ROOT.glob("packages/*/template.yaml")
        if path.parent.name not in apart
    ]
    handlers = {name for text in templates for name in re.findall(r"Handler: (\S+)", text)}

    assert {case.package for case in CASES.values()} == set(PACKAGES) - apart
    assert handlers <= {f"{HANDLERS}.{name}" for name in CASES}


@pytest.mark.parametrize("handler", CASES)
def test_a_function_rejects_invalid_events_and_handles_valid_ones(handler, start, aws, tmp_path):
    case = CASES[handler]
    event = case.good(aws, tmp_path)

    with start(case.package, f"{HANDLERS}.{handler}", **case.environment) as function:
        invalid, valid = function.invoke(case.bad), function.invoke(event)

    assert (invalid.kind, invalid.body["errorType"]) == ("error", case.error), function.log
    assert case.field in invalid.body["errorMessage"]
    assert valid.kind == "response", (valid.body, function.log)
    for path, pattern in case.response.items():
        assert re.fullmatch(pattern, find(valid.body, path)), valid.body


def test_an_error_shows_the_line_that_raised_it(start):
    with start("batch", f"{HANDLERS}.batch.create.handler") as function:
        trace = "".join(function.invoke({}).body["stackTrace"])

    assert "aibs_informatics_aws_lambda/common/model.py" in trace
    assert "raise ValidationError(str(error)) from error" in trace


def test_the_router_runs_every_handler_of_the_zip(start, tmp_path):
    handler = f"{HANDLERS}.data_sync.operations.GetJSONFromFileHandler"
    event = {"path": write(tmp_path, "document.json", "1")}

    with start("data-sync", "aibs_informatics_aws_lambda.main.handle") as function:
        outcome = function.invoke({"handler": handler, "event": event})

    assert (outcome.kind, outcome.body) == ("response", {"content": 1})


@pytest.mark.parametrize("package", PACKAGES)
def test_a_zip_contains_its_siblings_but_not_the_packages_of_the_runtime(built, package):
    with zipfile.ZipFile(built(package)) as content:
        tops = {name.partition("/")[0] for name in content.namelist()}

    assert {"aibs_informatics_aws_lambda", "aws_lambda_powertools", "pydantic"} <= tops
    assert not tops & {"boto3", "botocore", "s3transfer", "urllib3", "yaml", "bin", "tests"}


@pytest.mark.parametrize("package", sorted(set(PACKAGES) - {"data-sync"}))
def test_only_the_data_sync_zip_contains_the_transfer_engine(built, package):
    with zipfile.ZipFile(built(package)) as content:
        assert not [name for name in content.namelist() if "awscrt" in name]


# The smallest package stands for the others: all have native modules.
@pytest.mark.parametrize(
    "package",
    [
        pytest.param(package, marks=() if package == "batch" else pytest.mark.heavy)
        for package in PACKAGES
    ],
)
def test_zips_built_in_another_folder_are_identical(built, package, tmp_path):
    clone = tmp_path / "a longer name"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "dist", "tests")
    for folder in ("libs", "packages"):
        shutil.copytree(ROOT / folder, clone / folder, ignore=ignored)
    shutil.copy(ROOT / "hatch.toml", clone)

    here = built(package)
    elsewhere = build_zip(clone / "packages" / package, tmp_path / "dist")

    assert here.read_bytes() == elsewhere.read_bytes()
    for suffix in (".cdx.json", ".sizes.json"):
        one, other = (archive.with_name(archive.stem + suffix) for archive in (here, elsewhere))
        assert one.read_bytes() == other.read_bytes()


# The largest package, whose functions run below, stands for the others.
@pytest.mark.parametrize(
    "package",
    [
        pytest.param(package, marks=() if package == "data-sync" else pytest.mark.heavy)
        for package in PACKAGES
    ],
)
def test_a_zip_for_the_powertools_layer_is_small(layered, package):
    with zipfile.ZipFile(layered(package)) as content:
        tops = {name.partition("/")[0] for name in content.namelist()}

    assert not tops & {"aws_lambda_powertools", "pydantic", "pydantic_core", "typing_extensions"}


def test_a_function_runs_with_the_powertools_layer(layered, tmp_path):
    needs = ("boto3", "awslambdaric>=3", "aws-lambda-powertools", "pydantic")
    python = make_environment(tmp_path / "layer", *needs)
    task_root = unpack(layered("data-sync"), tmp_path / "task")
    event = {"path": write(tmp_path, "document.json", "1")}
    handler = f"{HANDLERS}.data_sync.get_json_from_file_handler"

    with running_function(python, task_root, handler) as function:
        outcome = function.invoke(event)

    assert (outcome.kind, outcome.body) == ("response", {"content": 1}), function.log


@pytest.mark.heavy
@pytest.mark.parametrize("target", PLATFORMS)
@pytest.mark.parametrize("package", PACKAGES)
def test_a_zip_is_within_its_budget_on_every_platform(package, target, tmp_path):
    """Without bytecode, which takes an interpreter of each version."""
    archive = build_zip(ROOT / "packages" / package, tmp_path, target, bytecode="false")

    machine = PLATFORMS[target].uv_platform.partition("-")[0]
    with zipfile.ZipFile(archive) as content:
        natives = [name for name in content.namelist() if name.endswith(".so")]
    assert natives
    assert all(machine in name or "abi3" in name for name in natives)


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_every_pattern_of_excluded_files_matches_a_file(project):
    settings = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["hatch"]
    patterns = settings["build"]["targets"]["lambda"]["exclude-files"]
    # The build checks scripts: they depend on the platform.
    patterns = [pattern for pattern in patterns if not pattern.startswith("bin/")]

    assert [
        pattern for pattern in patterns if not fnmatch.filter(files_of(pattern), pattern)
    ] == []


def files_of(pattern: str) -> list[str]:
    """Return the files of the package that a pattern is for."""
    top = pattern.partition("/")[0]
    if top == "aibs_informatics_aws_lambda":
        sources = [*ROOT.glob("libs/*/src"), *ROOT.glob("packages/*/src")]
    else:
        found = find_spec(top)
        assert found is not None, f"{top} is not installed"
        sources = [Path(str(found.origin)).parents[1]]
    paths = ((source, path) for source in sources for path in (source / top).rglob("*"))
    return [path.relative_to(source).as_posix() for source, path in paths]
