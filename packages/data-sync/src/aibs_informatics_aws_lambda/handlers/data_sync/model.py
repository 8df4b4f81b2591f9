"""Requests and responses of the handlers of this package."""

from __future__ import annotations

from aibs_informatics_aws_lambda.storage.data_sync import (
    GetJSONFromFileRequest,
    GetJSONFromFileResponse,
    PutJSONToFileRequest,
    PutJSONToFileResponse,
)
from aibs_informatics_aws_lambda.storage.paths import DataPath

__all__ = [
    "DataPath",
    "GetJSONFromFileRequest",
    "GetJSONFromFileResponse",
    "PutJSONToFileRequest",
    "PutJSONToFileResponse",
]
