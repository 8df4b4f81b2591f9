"""Lists that are stored in S3: a state machine could not pass them on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSON, JSONArray
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path, download_to_json, upload_json
from aibs_informatics_aws_lambda.storage.data_sync import PlannedPath, RemoveDataPathsRequest
from aibs_informatics_aws_lambda.storage.paths import DataPath, parse_data_path

__all__ = ["read_list", "read_removal", "store_list"]

T = TypeVar("T")


def read_list(place: S3Path) -> JSONArray:
    """Return the list that a JSON document holds.

    Raises:
        ValidationError: it holds something else.
        AWSError: it cannot be read.
    """
    document = download_to_json(place)
    if not isinstance(document, list):
        raise ValidationError(f"{place} holds a JSON {type(document).__name__}, expected a list")
    return document


def read_removal(
    request: RemoveDataPathsRequest,
) -> tuple[list[DataPath], list[PlannedPath] | None]:
    """Return the paths and the plan of a request, which may be stored.

    Raises:
        ValidationError: what is stored is something else.
        AWSError: it cannot be read.
    """
    paths, plan = request.paths, request.plan
    if isinstance(paths, S3Path):
        paths = [parse_data_path(path) for path in read_list(paths)]
    if isinstance(plan, S3Path):
        plan = [PlannedPath.from_dict(entry) for entry in read_list(plan)]
    return paths, plan


def store_list(values: list[T], folder: S3Path | None, name: str) -> list[T] | S3Path:
    """Return a list as it is; with a folder, store it there and return where.

    Args:
        values: models, paths or text.
        folder: the prefix to store it at, as ``<name>.json``.
        name: the field of the answer.

    Raises:
        AWSError: it cannot be written.
    """
    if folder is None:
        return values
    place = folder / f"{name}.json"
    upload_json(_as_json(values), place)
    return place


def _as_json(values: Sequence[object]) -> JSON:
    return [
        value.to_dict() if isinstance(value, PydanticBaseModel) else str(value) for value in values
    ]
