"""Handlers that sync data, and that read and write JSON documents."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.files import write_atomically
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.json_io import JSON, dump_json_line, load_json
from aibs_informatics_aws_lambda.common.s3 import S3Path, download_to_json, upload_json
from aibs_informatics_aws_lambda.handlers.data_sync.model import (
    BatchDataSyncRequest,
    BatchDataSyncResponse,
    DataSyncRequest,
    DataSyncResponse,
    GetJSONFromFileRequest,
    GetJSONFromFileResponse,
    PrepareBatchDataSyncRequest,
    PrepareBatchDataSyncResponse,
    PutJSONToFileRequest,
    PutJSONToFileResponse,
)
from aibs_informatics_aws_lambda.handlers.data_sync.packing import S, pack
from aibs_informatics_aws_lambda.handlers.data_sync.references import store_list
from aibs_informatics_aws_lambda.handlers.data_sync.variables import (
    CHECKSUM_VARIABLE,
    DEFAULT_BUCKET_NAME_ENV_VAR,
    LOCK_ROOT_VARIABLE,
    MOUNT_VARIABLES,
)
from aibs_informatics_aws_lambda.storage.efs import EFSPath

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.handlers.data_sync.engine.sync import Engine
    from aibs_informatics_aws_lambda.handlers.data_sync.preparation import SubRequests
    from aibs_informatics_aws_lambda.handlers.data_sync.tree import Node

__all__ = [
    "DEFAULT_BUCKET_NAME_ENV_VAR",
    "BatchDataSyncHandler",
    "BatchDataSyncRequest",
    "BatchDataSyncResponse",
    "DataSyncHandler",
    "DataSyncRequest",
    "DataSyncResponse",
    "GetJSONFromFileHandler",
    "GetJSONFromFileRequest",
    "GetJSONFromFileResponse",
    "PrepareBatchDataSyncHandler",
    "PrepareBatchDataSyncRequest",
    "PrepareBatchDataSyncResponse",
    "PutJSONToFileHandler",
    "PutJSONToFileRequest",
    "PutJSONToFileResponse",
    "get_s3_scratch_key",
]

# Life-cycle rules of buckets expire objects by this tag.
_SCRATCH_TAGGING: Final = {"Tagging": "time-to-live=scratch"}

# Ten thousand batches are stored within a minute.
_STORED_AT_A_TIME: Final = 16


_SYNC_ENVIRONMENT: Final = {
    LOCK_ROOT_VARIABLE: "folder for the lock files of require_lock",
    CHECKSUM_VARIABLE: "when_required: send files without a checksum",
    **MOUNT_VARIABLES,
}
_SYNC_IAM_ACTIONS: Final = (
    "s3:ListBucket",
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
)


class DataSyncHandler(LambdaHandler[DataSyncRequest, DataSyncResponse]):
    """Sync files and objects between S3, EFS and local disks."""

    description = HandlerDescription(
        example={"source_path": "s3://bucket/run-1/", "destination_path": "/mnt/efs/run-1"},
        environment=_SYNC_ENVIRONMENT,
        iam_actions=_SYNC_IAM_ACTIONS,
    )

    def handle(self, request: DataSyncRequest) -> DataSyncResponse:
        """Do one sync.

        Raises:
            FileNotFoundError: the source is missing, and ``fail_if_missing`` is set.
            ValueError: the request, or a name in the source, makes no sense; nothing was changed.
            OSError: a file cannot be read or written; nothing was deleted.
            AWSError: S3 refuses or cannot be reached.
        """
        response = _make_engine(self).sync(request)
        result = response.result
        self.log.info(
            "%s %s to %s: %s files moved, %s unchanged, %s deleted",
            "Stopped in time syncing" if response.incomplete else "Synced",
            request.source_path,
            request.destination_path,
            result.files_transferred,
            result.files_unchanged,
            result.files_deleted,
        )
        return response


class BatchDataSyncHandler(LambdaHandler[BatchDataSyncRequest, BatchDataSyncResponse]):
    """Do several syncs, one after the other."""

    description = HandlerDescription(
        example={
            "requests": [
                {"source_path": "/mnt/efs/run-1", "destination_path": "s3://bucket/run-1/"},
                {"source_path": "/mnt/efs/run-2", "destination_path": "s3://bucket/run-2/"},
            ],
            "allow_partial_failure": True,
        },
        environment=_SYNC_ENVIRONMENT,
        iam_actions=_SYNC_IAM_ACTIONS,
    )

    def handle(self, request: BatchDataSyncRequest) -> BatchDataSyncResponse:
        """Do the syncs in order.

        Raises:
            ValidationError: the stored requests are not a list of syncs; none was done.
            Exception: that of the first sync that fails, unless ``allow_partial_failure`` is set.
        """
        from aibs_informatics_aws_lambda.handlers.data_sync.engine.batch import sync_batch

        return sync_batch(_make_engine(self), request)

    @classmethod
    def partly_failed(cls, answer: JSON) -> bool:
        """Tell whether an answer reports syncs that failed."""
        return isinstance(answer, dict) and bool(answer.get("failed_requests"))


class PrepareBatchDataSyncHandler(
    LambdaHandler[PrepareBatchDataSyncRequest, PrepareBatchDataSyncResponse]
):
    """Divide one sync into batches of limited size."""

    DEFAULT_SOFT_MAX_BYTES: ClassVar = 250 * 2**30
    DEFAULT_MAX_CONCURRENT_BATCHES: ClassVar = 40

    description = HandlerDescription(
        example={
            "source_path": "s3://bucket/run-1/",
            "destination_path": "/mnt/efs/run-1",
            "batch_size_bytes_limit": 10 * 2**30,
            "temporary_request_payload_path": "s3://bucket/scratch/run-1/",
        },
        environment={
            name: meaning
            for name, meaning in _SYNC_ENVIRONMENT.items()
            if name != LOCK_ROOT_VARIABLE
        },
        iam_actions=("s3:ListBucket", "s3:PutObject"),
    )

    def handle(self, request: PrepareBatchDataSyncRequest) -> PrepareBatchDataSyncResponse:
        """List the source and return the batches; nothing is synced.

        Raises:
            ValueError: the request, or a name in the source, makes no sense, or the filters keep
                nothing of what there is.
            OSError: a local source cannot be read.
            AWSError: S3 refuses or cannot be reached.
        """
        from aibs_informatics_aws_lambda.handlers.data_sync.engine.s3 import S3
        from aibs_informatics_aws_lambda.handlers.data_sync.preparation import find_parts

        limit = request.batch_size_bytes_limit or self.DEFAULT_SOFT_MAX_BYTES
        parts = find_parts(request, limit, partial(S3, request.max_concurrency))
        batches = self.build_node_batches(parts, limit)
        self.log.info(
            "Divided %s into %s parts in %s batches", request.source_path, len(parts), len(batches)
        )
        syncs = _divide(request)
        made = _batches([[syncs.sync(node) for node in batch] for batch in batches], request)
        response = PrepareBatchDataSyncResponse(
            requests=store_list(made, request.response_path, "requests")
        )
        if request.response_path is not None:
            # The state machine that reads the list is told how to go through it.
            concurrent = request.max_concurrent_batches
            response.max_concurrent_batches = (
                self.DEFAULT_MAX_CONCURRENT_BATCHES if concurrent is None else concurrent
            )
            response.tolerated_failure_percentage = request.tolerated_failure_percentage or 0.0
        return response

    @classmethod
    def build_source_path(
        cls, request: PrepareBatchDataSyncRequest, node: Node
    ) -> S3Path | EFSPath | Path:
        """Return the path of a part of the source."""
        return _divide(request).source_path(node)

    @classmethod
    def build_destination_path(
        cls, request: PrepareBatchDataSyncRequest, node: Node
    ) -> S3Path | EFSPath | Path:
        """Return where a part of the source goes."""
        return _divide(request).destination_path(node)

    @classmethod
    def build_node_batches(
        cls, nodes: Iterable[S], batch_size_bytes_limit: int | None = None
    ) -> list[list[S]]:
        """Return the parts, which have a ``size_bytes``, packed as `packing.pack` does."""
        return pack(nodes, batch_size_bytes_limit or cls.DEFAULT_SOFT_MAX_BYTES)


# The engine takes as long to import as all else together, and JSON documents do without it.


def _make_engine(handler: LambdaHandler[Any, Any]) -> Engine:
    from aibs_informatics_aws_lambda.handlers.data_sync.engine.sync import Engine

    return Engine(seconds_left=lambda: handler.context.get_remaining_time_in_millis() / 1000)


def _divide(request: PrepareBatchDataSyncRequest) -> SubRequests:
    from aibs_informatics_aws_lambda.handlers.data_sync.preparation import SubRequests

    return SubRequests(request)


def _batches(
    batches: list[list[DataSyncRequest]], request: PrepareBatchDataSyncRequest
) -> list[BatchDataSyncRequest]:
    """Return the batches; if a place is given, their syncs are stored there."""
    partial_failure = bool(request.allow_partial_failure)
    place = request.temporary_request_payload_path
    lists: Iterable[list[DataSyncRequest] | S3Path] = batches
    if place is not None:
        places = [_numbered(place, number) for number in range(len(batches))]
        with ThreadPoolExecutor(_STORED_AT_A_TIME) as pool:
            lists = list(pool.map(_store, batches, places))
    return [
        BatchDataSyncRequest(requests=syncs, allow_partial_failure=partial_failure)
        for syncs in lists
    ]


def _store(syncs: list[DataSyncRequest], place: S3Path) -> S3Path:
    upload_json([sync.to_dict() for sync in syncs], place)
    return place


def _numbered(folder: S3Path, number: int) -> S3Path:
    return folder / f"request_{number}.json"


class GetJSONFromFileHandler(LambdaHandler[GetJSONFromFileRequest, GetJSONFromFileResponse]):
    """Read a JSON document from S3 or a local file."""

    description = HandlerDescription(
        example={"path": "s3://bucket/folder/document.json"},
        iam_actions=("s3:GetObject",),
    )

    def handle(self, request: GetJSONFromFileRequest) -> GetJSONFromFileResponse:
        """Return the document at the path.

        Raises:
            AWSError: the object is missing, not readable, or not JSON.
            ValueError: the file is missing, not readable, or not JSON.
        """
        path = request.path
        content = download_to_json(path) if isinstance(path, S3Path) else load_json(path)
        self.log.info("Read JSON from %s", path)
        return GetJSONFromFileResponse(content=content)


class PutJSONToFileHandler(LambdaHandler[PutJSONToFileRequest, PutJSONToFileResponse]):
    """Write a JSON document to S3 or a local file."""

    description = HandlerDescription(
        example={"content": {"answer": 42}, "path": "s3://bucket/folder/document.json"},
        environment={
            DEFAULT_BUCKET_NAME_ENV_VAR: "bucket for documents that are sent without a path",
        },
        iam_actions=("s3:PutObject", "s3:PutObjectTagging"),
    )

    def handle(self, request: PutJSONToFileRequest) -> PutJSONToFileResponse:
        """Write the document and return where it is.

        Raises:
            ValueError: there is no path and no default bucket, or the path is a folder.
            AWSError: the object cannot be written.
            OSError: the file cannot be written; an existing one is as before.
        """
        path = request.path if request.path is not None else self._scratch_path(request.content)
        if isinstance(path, S3Path):
            upload_json(request.content, path, extra_args=_SCRATCH_TAGGING)
        else:
            _write_local(request.content, path)
        self.log.info("Wrote JSON to %s", path)
        return PutJSONToFileResponse(path=path)

    def _scratch_path(self, content: JSON) -> S3Path:
        bucket = os.environ.get(DEFAULT_BUCKET_NAME_ENV_VAR)
        if not bucket:
            raise ValueError(
                f"there is no path to write to: give path in the request, "
                f"or set {DEFAULT_BUCKET_NAME_ENV_VAR}"
            )
        key = get_s3_scratch_key(content=content, unique_id=self.context.aws_request_id)
        return S3Path.build(bucket, key)


def get_s3_scratch_key(
    filename: str | None = None, content: JSON = None, unique_id: str | None = None
) -> str:
    """Return the key ``scratch/<unique_id>/<filename>`` for data that need not be kept.

    Args:
        filename: the last part; by default a SHA-256 of the content, or a random one without it.
        content: what will be stored: text, or any other JSON value.
        unique_id: a UUID, such as the id of the request; by default a random one.

    Raises:
        ValueError: ``unique_id`` is no UUID.
    """
    folder = str(uuid.uuid4() if unique_id is None else _checked_uuid(unique_id))
    return f"scratch/{folder}/{filename or _digest(content)}"


def _checked_uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise ValueError(f"the request id {text!r} is not a UUID") from None


def _digest(content: JSON) -> str:
    if content is None:
        text = str(uuid.uuid4())
    elif isinstance(content, str):
        text = content
    else:
        text = dump_json_line(content)
    return hashlib.sha256(text.encode()).hexdigest()


def _write_local(content: JSON, path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"cannot write to {path}: it is a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(content, sort_keys=True, indent=4))
