"""Lists stored in S3, as they may exceed the payload limit of a state machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSON, JSONArray
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path, download_to_json, upload_json
from aibs_informatics_aws_lambda.storage.quoted_names import quote_name

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.batch import RequestsOrLocation
    from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

T = TypeVar("T")


def read_list(location: S3Path) -> JSONArray:
    """Return the list in a JSON document.

    Raises:
        ValidationError: the document is not a list.
        AWSError: the document cannot be read.
    """
    document = download_to_json(location)
    if not isinstance(document, list):
        raise ValidationError(
            f"invalid list in {location}: expected a JSON array, not {type(document).__name__}"
        )
    return document


def read_requests(requests: RequestsOrLocation) -> list[DataSyncRequest]:
    """Return the syncs of a batch, which may be stored in S3.

    Raises:
        ValidationError: the stored document is not a list of syncs.
        AWSError: the document cannot be read.
    """
    if not isinstance(requests, S3Path):
        return requests
    # Other lists need no models of syncs.
    from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

    return [DataSyncRequest.from_dict(request) for request in read_list(requests)]


def store_list(values: list[T], folder: S3Path | None, name: str) -> list[T] | S3Path:
    """Store a list in a folder and return its location; without a folder, return the list.

    Args:
        values: models, paths or strings.
        folder: the S3 prefix at which the list is stored, as ``<name>.json``.
        name: the name of the response field.

    Raises:
        AWSError: the list cannot be stored.
    """
    if folder is None:
        return values
    location = folder / f"{name}.json"
    upload_json(_as_json(values), location)
    return location


def _as_json(values: Sequence[object]) -> JSON:
    return [
        value.to_dict() if isinstance(value, PydanticBaseModel) else _to_text(value)
        for value in values
    ]


def _to_text(value: object) -> str:
    return quote_name(str(value)) if isinstance(value, Path) else str(value)
