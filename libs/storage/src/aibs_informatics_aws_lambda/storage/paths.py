"""Fields of models that accept an S3 URI, an EFS path or a local path."""

from pathlib import Path
from typing import Annotated, Any, TypeAlias

from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from .efs import EFSPath

# Part of the public names of this module; defined where no model is imported.
from .locations import DataLocation as DataLocation, parse_data_path as parse_data_path
from .quoted_names import quote_name


def _parse_s3_or_local(value: Any) -> S3Path | Path:
    path = parse_data_path(value)
    if isinstance(path, EFSPath):
        raise ValueError("not an S3 URI or a local path, but an EFS path")
    return path


def _parse_efs_or_local(value: Any) -> EFSPath | Path:
    path = parse_data_path(value)
    if isinstance(path, S3Path):
        raise ValueError("not an EFS path or a local path, but an S3 URI")
    return path


def _to_text(path: DataLocation) -> str:
    return str(path) if isinstance(path, S3Path) else quote_name(str(path))


_as_text = PlainSerializer(_to_text, return_type=str, when_used="json")

DataPath: TypeAlias = Annotated[
    DataLocation,
    PlainValidator(parse_data_path),
    _as_text,
    WithJsonSchema({"type": "string", "description": "S3 URI, EFS path or local path"}),
]
"""A location: S3 URI, EFS path or local path."""

S3OrLocalPath: TypeAlias = Annotated[
    S3Path | Path,
    PlainValidator(_parse_s3_or_local),
    _as_text,
    WithJsonSchema({"type": "string", "description": "S3 URI or local path"}),
]
"""A location: S3 URI or local path."""

EFSOrLocalPath: TypeAlias = Annotated[
    EFSPath | Path,
    PlainValidator(_parse_efs_or_local),
    _as_text,
    WithJsonSchema({"type": "string", "description": "EFS path or local path"}),
]
"""A location: EFS path or local path."""
