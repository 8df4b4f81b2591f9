"""Requests without a model have the same fields, values and defaults as those with one."""

from __future__ import annotations

from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.sync.plain_request import (
    PlainFilters,
    PlainObjectSettings,
    PlainRequest,
    PlainStaging,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.request import as_model
from aibs_informatics_aws_lambda.handlers.data_sync.sync.result import (
    Comparison,
    Counts,
    SyncResult,
    as_counts_model,
)
from aibs_informatics_aws_lambda.storage.data_sync import (
    DataSyncCounts,
    DataSyncFilterConfig,
    DataSyncRequest,
    DataSyncResult,
    ObjectSettings,
    RemoteToLocalConfig,
    Verification,
)

PATHS: dict[str, Any] = {"source_path": Path("/src"), "destination_path": S3Path("s3://bkt/dst")}


def _default(field) -> object:
    if field.default_factory is not MISSING:
        return asdict(field.default_factory())
    return "required" if field.default is MISSING else field.default


def _defaults_of(model) -> dict[str, object]:
    return {
        name: "required" if field.is_required() else _as_dict(field.get_default())
        for name, field in model.model_fields.items()
    }


def _as_dict(value: object) -> object:
    # The default of a nested model is data that it validates.
    return asdict(PlainStaging()) if value == {} else value


@pytest.mark.parametrize(
    ("plain", "model"),
    [
        (PlainRequest, DataSyncRequest),
        (PlainFilters, DataSyncFilterConfig),
        (PlainObjectSettings, ObjectSettings),
        (PlainStaging, RemoteToLocalConfig),
        (Counts, DataSyncCounts),
        (Comparison, Verification),
        (SyncResult, DataSyncResult),
    ],
)
def test_fields_and_defaults_are_those_of_the_model(plain, model):
    assert is_dataclass(plain)
    assert {field.name: _default(field) for field in fields(plain)} == _defaults_of(model)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"delete": False, "existing": "update", "retries": 3, "report_path": Path("/r.jsonl")},
        {
            "filter_config": PlainFilters(include=".*", exclude=["a", "b"]),
            "object_settings": PlainObjectSettings(keep=True),
            "remote_to_local_config": PlainStaging(
                use_custom_tmp_dir=True, custom_tmp_dir=Path("/tmp")
            ),
        },
    ],
    ids=len,
)
def test_request_becomes_the_model_of_the_same_values(options):
    given = {name: asdict(v) if is_dataclass(v) else v for name, v in options.items()}
    model = DataSyncRequest(**PATHS, **given)

    request = PlainRequest(**PATHS, **options)
    assert as_model(request) == model
    assert request.to_dict() == model.to_dict()


def test_model_stays_what_it_is():
    model = DataSyncRequest(**PATHS)
    assert as_model(model) is model


def test_copy_has_other_values_for_some_fields():
    request = PlainRequest(**PATHS, size_only=True)
    copy = request.model_copy(update={"dry_run": True})
    assert as_model(copy) == DataSyncRequest(**PATHS, size_only=True, dry_run=True)
    assert request.dry_run is None


def test_counts_of_a_result_become_a_model():
    result = SyncResult(files_transferred=2, files_backed_up=1, files_failed=3)
    assert as_counts_model(result) == DataSyncCounts(files_transferred=2, files_backed_up=1)
