"""Lists that are stored in S3: a state machine could not pass them on."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSON, JSONArray
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path, download_to_json, upload_json
from aibs_informatics_aws_lambda.storage.quoted_names import quote_name

T = TypeVar("T")


def read_list(location: S3Path) -> JSONArray:
    """Return the list that a JSON document holds.

    Raises:
        ValidationError: it holds something else.
        AWSError: it cannot be read.
    """
    document = download_to_json(location)
    if not isinstance(document, list):
        raise ValidationError(
            f"{location} holds a JSON {type(document).__name__}, expected a list"
        )
    return document


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
