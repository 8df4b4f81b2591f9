from __future__ import annotations

from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.cli.compatibility import find_differences, new_fields_of
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import Field

KEY = "its key contains characters other than ASCII letters, digits, spaces and !$&'()*+,-./:;=?@_"


# Models with names of version 1.1.0, which the check knows.
class DataSyncFilterConfig(PydanticBaseModel):
    include: list[str] | None = None
    ignore_case: bool = False


class DataSyncRequest(PydanticBaseModel):
    source_path: S3Path | str = ""
    source_path_prefix: str | None = None
    filter_config: DataSyncFilterConfig | None = None
    dry_run: bool = False


class BatchDataSyncRequest(PydanticBaseModel):
    requests: list[DataSyncRequest] | S3Path | None = None


class RemoveDataPathsRequest(PydanticBaseModel):
    paths: list[str] | str | None = None


class ECRImage(PydanticBaseModel):
    account_id: str = ""
    platform: str | None = None


class ReplicateImageRequest(PydanticBaseModel):
    source_image: ECRImage = Field(default_factory=ECRImage)


class SESEmailTarget(PydanticBaseModel):
    recipients: list[str]


class SlackTarget(PydanticBaseModel):
    webhook: str


class NotificationRequest(PydanticBaseModel):
    targets: list[SESEmailTarget | SlackTarget]
    params: dict[str, S3Path] | None = None


class DataSyncHandler(LambdaHandler[Any, PydanticBaseModel]):
    pass


@pytest.mark.parametrize(
    ("model", "event", "expected"),
    [
        (DataSyncRequest, {"source_path": "s3://bucket/a b"}, []),
        (DataSyncRequest, {"sourcePath": "/ä"}, []),
        (DataSyncRequest, {"dry_run": False}, []),
        (DataSyncRequest, {"dry_run": True}, ["dry_run: version 1.1.0 ignores this field"]),
        (DataSyncRequest, {"dryRun": True}, ["dry_run: version 1.1.0 ignores this field"]),
        (
            DataSyncRequest,
            {"filter_config": {"include": ["a"], "ignore_case": True}},
            ["filter_config.ignore_case: version 1.1.0 ignores this field"],
        ),
        (
            DataSyncRequest,
            {"source_path": "s3://bucket/a#b"},
            [f"source_path: version 1.1.0 reads this S3 URI as a local path: {KEY}"],
        ),
        (DataSyncRequest, {"source_path_prefix": "a/b"}, []),
        (
            DataSyncRequest,
            {"source_path_prefix": "//a"},
            [
                "source_path_prefix: version 1.1.0 refuses this value: it starts with // or "
                f"contains {KEY.partition('contains ')[2]}"
            ],
        ),
        (
            BatchDataSyncRequest,
            {"requests": [{}, {"dry_run": True}]},
            ["requests.1.dry_run: version 1.1.0 ignores this field"],
        ),
        (BatchDataSyncRequest, {"requests": "s3://bucket/a"}, []),
        (
            BatchDataSyncRequest,
            {"requests": "s3://bucket/é"},
            [f"requests: version 1.1.0 refuses this S3 URI: {KEY}"],
        ),
        (RemoveDataPathsRequest, {"paths": ["/a"]}, []),
        (
            RemoveDataPathsRequest,
            {"paths": "s3://bucket/a"},
            ["paths: version 1.1.0 refuses a location here: pass a list"],
        ),
        (ReplicateImageRequest, {"sourceImage": {"account_id": "1"}}, []),
        (
            ReplicateImageRequest,
            {"source_image": {"accountId": "1"}},
            ["source_image.accountId: version 1.1.0 refuses this spelling: use snake_case"],
        ),
        (
            ReplicateImageRequest,
            {"source_image": {"platform": "x"}},
            ["source_image.platform: version 1.1.0 refuses this field"],
        ),
        (NotificationRequest, {"targets": [{"recipients": ["a@example.org"]}]}, []),
        (
            NotificationRequest,
            {"targets": [{"recipients": []}, {"webhook": "https://example.org"}]},
            ["targets.1: version 1.1.0 has no such target and sends an email to nobody"],
        ),
        (
            NotificationRequest,
            {"targets": [], "params": {"in": "s3://bucket/#"}},
            ["params: version 1.1.0 ignores this field"],
        ),
    ],
)
def test_differences_are_named_by_field_and_effect(model, event, expected):
    found = find_differences(DataSyncHandler, model.from_dict(event), event)

    assert [str(difference) for difference in found] == expected


def test_a_handler_that_version_1_1_0_lacks_is_a_difference():
    class CountWordsHandler(LambdaHandler[DataSyncRequest, PydanticBaseModel]):
        pass

    (found,) = find_differences(CountWordsHandler, DataSyncRequest(), {})

    assert str(found) == "version 1.1.0 has no handler CountWordsHandler"


def test_new_fields_are_listed_by_model():
    class DataSyncHandler(LambdaHandler[DataSyncRequest, PydanticBaseModel]):
        pass

    class CountWordsHandler(LambdaHandler[DataSyncRequest, PydanticBaseModel]):
        pass

    assert new_fields_of(DataSyncHandler) == {
        "DataSyncRequest": ("dry_run",),
        "DataSyncFilterConfig": ("ignore_case",),
    }
    assert new_fields_of(CountWordsHandler) == {}


def test_the_command_exits_with_3_for_a_difference(handle_lambda_request):
    result = handle_lambda_request(
        "--handler", "work.Counter", "--payload", '{"count": 1}', "--compat"
    )

    assert (result.returncode, result.stdout) == (
        3,
        "version 1.1.0 has no handler Counter\n",
    )


def test_the_command_reports_an_invalid_payload(handle_lambda_request):
    result = handle_lambda_request("--handler", "work.Counter", "--payload", "{}", "--compat")

    assert result.returncode == 3
    assert "not a valid request of Counter" in result.stderr


def test_a_plain_function_cannot_be_compared(handle_lambda_request):
    result = handle_lambda_request("--handler", "work.echo", "--payload", "{}", "--compat")

    assert result.returncode == 2
    assert "work.echo is a plain function without a request model" in result.stderr
