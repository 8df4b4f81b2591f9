"""Requests and responses of the handlers that read and write JSON documents."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

from aibs_informatics_aws_lambda.common.json_io import JSON
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel

from ..paths import S3OrLocalPath


class GetJSONFromFileRequest(PydanticBaseModel):
    """Where a JSON document is."""

    path: S3OrLocalPath


class GetJSONFromFileResponse(PydanticBaseModel):
    """The document, which may be null."""

    content: JSON


class PutJSONToFileRequest(PydanticBaseModel):
    """A JSON document, and where to write it; by default below the bucket for scratch data."""

    content: JSON
    path: S3OrLocalPath | None = None


class PutJSONToFileResponse(PydanticBaseModel):
    """Where the document was written."""

    path: S3OrLocalPath
