"""The public names of aibs-informatics-aws-lambda 1.1.0 can be imported from the same modules."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "aibs_informatics_aws_lambda"
RECORDED: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("names-1.1.0.json").read_text()
)

_REGEX_HELPERS = "a helper of the base class for validated strings, not of image references"
_SUPPORT_LIBRARY = "a constant that the module imported from a support library"
_NO_FILE_SYSTEMS = "takes a file system object, which this package does not have"
_TEXT = "the path in the response is text, as on the wire"

LEFT_OUT = {
    "common.api.handler": {
        "ApiLambdaHandler.request_config_cls": "headers are read by ApiRoute itself",
    },
    "handlers.batch.create": dict.fromkeys(
        (
            "DockerImageUri.find_prefix",
            "DockerImageUri.find_suffix",
            "DockerImageUri.findall",
            "DockerImageUri.get_match_groups",
            "DockerImageUri.has_regex_pattern",
            "DockerImageUri.is_prefixed",
            "DockerImageUri.is_suffixed",
            "DockerImageUri.max_len",
            "DockerImageUri.min_len",
            "DockerImageUri.suball",
            "DockerImageUri.validate_regex_pattern",
        ),
        _REGEX_HELPERS,
    ),
    "handlers.data_sync.model": dict.fromkeys(
        (
            "GetDataPathStatsResponse.efs_path",
            "GetDataPathStatsResponse.local_path",
            "GetDataPathStatsResponse.s3_path",
        ),
        _TEXT,
    ),
    "handlers.data_sync.operations": {
        "BYTES_PER_GIBIBYTE": _SUPPORT_LIBRARY,
        "PrepareBatchDataSyncHandler.validate_filters_matched": _NO_FILE_SYSTEMS,
    },
    "handlers.demand.context_manager": {"BYTES_PER_GIBIBYTE": _SUPPORT_LIBRARY},
}
"""Names that are missing on purpose, with the reason."""


def is_there(module: Any, name: str) -> bool:
    owner = module
    for part in name.split("."):
        if part in getattr(owner, "model_fields", {}):
            return True
        if not hasattr(owner, part):
            return False
        owner = getattr(owner, part)
    return True


@pytest.mark.parametrize("module", RECORDED)
def test_names_of_1_1_0_are_there_unless_they_are_left_out_on_purpose(module):
    imported = import_module(f"{PACKAGE}.{module}")

    missing = {name for name in RECORDED[module] if not is_there(imported, name)}

    assert missing == set(LEFT_OUT.get(module, ()))


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        ("common.api.resolver", "API_GATEWAY_REST", "requestContext.requestId"),
        ("common.base", "CONTEXT_ATTR", "_context"),
        ("common.models", "AWS_LAMBDA_FUNCTION_NAME", "unknown"),
        ("common.models", "AWS_LAMBDA_FUNCTION_NAME_KEY", "AWS_LAMBDA_FUNCTION_NAME"),
        ("main", "AWS_LAMBDA_EVENT_PAYLOAD_KEY", "AWS_LAMBDA_EVENT_PAYLOAD"),
        ("main", "AWS_LAMBDA_FUNCTION_HANDLER_STANDARD_KEY", "_HANDLER"),
        (
            "handlers.data_sync.operations",
            "SCRATCH_EXTRA_ARGS",
            {"Tagging": "time-to-live=scratch"},
        ),
        ("handlers.demand.scaffolding", "EFS_TMP_ACCESS_POINT_NAME", "tmp"),
        ("handlers.demand.scaffolding", "EFS_TMP_PATH", "/tmp"),
        ("handlers.demand.context_manager", "EFS_SCRATCH_ACCESS_POINT_NAME", "scratch"),
        ("handlers.demand.context_manager", "EFS_SHARED_PATH", "/shared"),
    ],
)
def test_constants_have_the_values_of_1_1_0(module, name, value):
    assert getattr(import_module(f"{PACKAGE}.{module}"), name) == value


def test_the_pattern_of_images_has_the_groups_of_1_1_0():
    from aibs_informatics_aws_lambda.handlers.batch.create import DockerImageUri

    match = DockerImageUri.regex_pattern.match("ghcr.io/tools/align:1.0")

    assert match.groups() == ("ghcr.io", "tools/align", "1.0", None)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("s3://bucket/a", "s3_path"), ("fs-12345678:/a", "efs_path"), ("/tmp/a", "local_path")],
)
def test_a_path_is_returned_by_its_kind(text, kind):
    from aibs_informatics_aws_lambda.handlers.data_sync.model import ListDataPathsRequest

    request = ListDataPathsRequest.from_dict({"path": text})

    kinds = {"s3_path", "efs_path", "local_path"}
    assert str(getattr(request, kind)) == text
    assert [getattr(request, other) for other in kinds - {kind}] == [None, None]


def test_patterns_of_a_listing_are_compiled():
    from aibs_informatics_aws_lambda.handlers.data_sync.model import ListDataPathsRequest

    request = ListDataPathsRequest.from_dict({"path": "/a", "include": "a.*", "exclude": []})

    assert [pattern.pattern for pattern in request.include_patterns] == ["a.*"]
    assert request.exclude_patterns is None


def test_filters_between_local_paths_are_not_supported():
    from aibs_informatics_aws_lambda.handlers.data_sync import PrepareBatchDataSyncHandler
    from aibs_informatics_aws_lambda.handlers.data_sync.model import PrepareBatchDataSyncRequest

    paths = {"source_path": "/a", "destination_path": "/b"}
    handler = PrepareBatchDataSyncHandler()

    handler.validate_filters_supported(PrepareBatchDataSyncRequest.from_dict(paths))
    with pytest.raises(ValueError, match="filter"):
        handler.validate_filters_supported(
            PrepareBatchDataSyncRequest.from_dict({**paths, "filter_config": {"include": "x"}})
        )
