"""Handlers that read and write JSON documents."""

import json
import os
import uuid
from pathlib import Path

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.files import write_atomically
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.hashing import sha256_hexdigest
from aibs_informatics_aws_lambda.common.json_io import JSON, load_json
from aibs_informatics_aws_lambda.common.s3 import S3Path, download_to_json, upload_json
from aibs_informatics_aws_lambda.storage.data_sync.json_documents import (
    GetJSONFromFileRequest,
    GetJSONFromFileResponse,
    PutJSONToFileRequest,
    PutJSONToFileResponse,
)

from .settings import DEFAULT_BUCKET_NAME_ENV_VAR

# Lifecycle rules expire objects by this tag.
_SCRATCH_TAGGING = {"Tagging": "time-to-live=scratch"}


class GetJSONFromFileHandler(LambdaHandler[GetJSONFromFileRequest, GetJSONFromFileResponse]):
    """Read a JSON document from S3 or a local file."""

    description = HandlerDescription(
        example={"path": "s3://bucket/folder/document.json"},
        iam_actions=("s3:GetObject",),
        effect="none",
        limits=(
            "The document is held in memory: plan for about ten times its size.",
            "The response of a Lambda function is limited to 6 MB.",
            "`NaN` and `Infinity` are not valid JSON: a response with them is an error.",
        ),
        cost="S3: one GET request.",
    )

    def handle(self, request: GetJSONFromFileRequest) -> GetJSONFromFileResponse:
        """Return the document at the path.

        Raises:
            AWSError: the object does not exist, cannot be read, or is not JSON.
            ValueError: the file does not exist, cannot be read, or is not JSON.
        """
        path = request.path
        content = download_to_json(path) if isinstance(path, S3Path) else load_json(path)
        self.log.info("Read JSON from %s", path)
        return GetJSONFromFileResponse(content=content)


class PutJSONToFileHandler(LambdaHandler[PutJSONToFileRequest, PutJSONToFileResponse]):
    """Write a JSON document to S3 or a local file."""

    description = HandlerDescription(
        example={"content": {"spikes": 1024}, "path": "s3://bucket/folder/document.json"},
        environment={
            DEFAULT_BUCKET_NAME_ENV_VAR: "bucket for documents without a path",
        },
        iam_actions=("s3:PutObject", "s3:PutObjectTagging"),
        limits=(
            "The document is held in memory: plan for about ten times its size.",
            "The request of a Lambda function is limited to 6 MB.",
        ),
        cost="S3: one PUT request.",
    )

    def handle(self, request: PutJSONToFileRequest) -> PutJSONToFileResponse:
        """Write the document and return its path.

        Raises:
            ValueError: neither a path nor a default bucket is given, or the path is a folder.
            AWSError: the object cannot be written.
            OSError: the file cannot be written. An existing file is unchanged.
        """
        path = request.path if request.path is not None else self._scratch_path(request.content)
        if isinstance(path, S3Path):
            self._upload(request.content, path)
        else:
            _write_local(request.content, path)
        self.log.info("Wrote JSON to %s", path)
        return PutJSONToFileResponse(path=path)

    def _upload(self, content: JSON, path: S3Path) -> None:
        try:
            upload_json(content, path, extra_args=_SCRATCH_TAGGING)
        except AWSError as error:
            if not _knows_no_tags(error):
                raise
            self.log.warning("%s has no tag by which it expires: the service has none", path)
            upload_json(content, path)

    def _scratch_path(self, content: JSON) -> S3Path:
        bucket = os.environ.get(DEFAULT_BUCKET_NAME_ENV_VAR)
        if not bucket:
            raise ValueError(
                "cannot write the document: the request has no path, and "
                f"{DEFAULT_BUCKET_NAME_ENV_VAR} is not set. Set either"
            )
        key = get_s3_scratch_key(content=content, unique_id=self.context.aws_request_id)
        return S3Path.build(bucket, key)


def _knows_no_tags(error: AWSError) -> bool:
    response = getattr(error.__cause__, "response", {})
    return bool(response.get("Error", {}).get("Code") == "NotImplemented")


def get_s3_scratch_key(
    filename: str | None = None, content: JSON = None, unique_id: str | None = None
) -> str:
    """Return the key ``scratch/<unique_id>/<filename>`` of temporary data.

    Args:
        filename: by default the SHA-256 of the content, or a random one without content.
        content: text, or any other JSON value.
        unique_id: a UUID, such as the request id; by default a random one.

    Raises:
        ValueError: ``unique_id`` is not a UUID.
    """
    folder = str(uuid.uuid4() if unique_id is None else _checked_uuid(unique_id))
    return f"scratch/{folder}/{filename or sha256_hexdigest(content)}"


def _checked_uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise ValueError(f"the request id {text!r} is not a UUID") from None


def _write_local(content: JSON, path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"cannot write to {path}: it is a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(content, sort_keys=True, indent=4))
