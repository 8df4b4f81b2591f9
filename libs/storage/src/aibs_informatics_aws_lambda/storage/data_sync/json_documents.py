"""Requests and responses of the handlers that read and write JSON documents."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

from aibs_informatics_aws_lambda.common.json_io import JSON
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel

from ..paths import S3OrLocalPath


class GetJSONFromFileRequest(PydanticBaseModel):
    """The location of a JSON document."""

    path: S3OrLocalPath


class GetJSONFromFileResponse(PydanticBaseModel):
    """The content of the document, which may be null."""

    content: JSON


class PutJSONToFileRequest(PydanticBaseModel):
    """A JSON document and its destination; default: a scratch key in the default bucket."""

    content: JSON
    path: S3OrLocalPath | None = None


class PutJSONToFileResponse(PydanticBaseModel):
    """The location of the document."""

    path: S3OrLocalPath
