"""Request and response of the demand scaffolding handler."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import, and
# defaults are data that it copies or validates: it would look up the signature of a factory, and
# a model that is made on its own needs a validator of its own.

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeAlias

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.batch.model import CreateDefinitionAndPrepareArgsRequest
from aibs_informatics_aws_lambda.storage.data_sync.batch import PrepareBatchDataSyncRequest
from aibs_informatics_aws_lambda.storage.data_sync.removal_requests import RemoveDataPathsRequest
from pydantic import AfterValidator, BeforeValidator, Field

# Part of the public names of this module; defined elsewhere.
from .execution import (
    AWSBatchExecutionPlatform as AWSBatchExecutionPlatform,
    DemandExecution,
    DemandResourceRequirements as DemandResourceRequirements,
    ExecutionPlatform as ExecutionPlatform,
)
from .metadata import (
    DemandExecutionMetadata as DemandExecutionMetadata,
    DemandExecutionStatus as DemandExecutionStatus,
)
from .parameters import (
    DemandExecutionParameters as DemandExecutionParameters,
    ParamPair as ParamPair,
    ParamSetPair as ParamSetPair,
)


class EnvFileWriteMode(StrEnum):
    """When the variables of a job are written to a file in its working directory."""

    NEVER = "NEVER"
    ALWAYS = "ALWAYS"
    IF_REQUIRED = "IF_REQUIRED"


class FileSystemSelectionStrategy(StrEnum):
    """How one of several file systems is selected for an execution."""

    RANDOM = "RANDOM"


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _mountable(path: str | None) -> str | None:
    if path is None:
        return None
    pure = PurePosixPath("/" + path.lstrip("/"))
    if not path.startswith("/") or ".." in pure.parts or not {"$", "\0"}.isdisjoint(path):
        raise ValueError("not an absolute path without '..' and '$'")
    return str(pure)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict | FileSystemConfiguration) else value


def _as_list_or_none(value: Any) -> Any:
    return [] if value is None else _as_list(value)


class FileSystemConfiguration(PydanticBaseModel):
    """A file system that a job may use, and its container path."""

    file_system: str | None = Field(
        None, description="ID, ARN or name; default: the file system of the access point"
    )
    access_point: Annotated[str | None, BeforeValidator(_none_if_empty)] = Field(
        None,
        description="ID, ARN or name; default: the role of the volume, such as scratch",
    )
    container_path: Annotated[
        str | None, BeforeValidator(_none_if_empty), AfterValidator(_mountable)
    ] = Field(None, description="default: /opt/efs/ and the role of the volume")


Candidates: TypeAlias = Annotated[
    list[FileSystemConfiguration], BeforeValidator(_as_list), Field(min_length=1)
]


class DemandFileSystemConfigurations(PydanticBaseModel):
    """The file systems that an execution may use. One is selected for each role."""

    shared: Candidates = Field(
        [{}], validate_default=True, description="volume of shared inputs, read-only"
    )
    scratch: Candidates = Field(
        [{}], validate_default=True, description="volume of working directories"
    )
    tmp: Annotated[list[FileSystemConfiguration], BeforeValidator(_as_list_or_none)] = Field(
        [], description="for TMPDIR; default: a directory on the scratch volume"
    )
    selection_strategy: FileSystemSelectionStrategy = FileSystemSelectionStrategy.RANDOM


class DataSyncConfiguration(PydanticBaseModel):
    """Options of the syncs of inputs or outputs."""

    force: bool = False
    size_only: bool = True
    temporary_request_payload_path: S3Path | None = Field(
        None, description="S3 prefix for stored requests; must be unique per execution"
    )


class ContextManagerConfiguration(PydanticBaseModel):
    """Options of setup and cleanup."""

    isolate_inputs: bool = Field(True, description="false: download inputs to the shared volume")
    cleanup_inputs: bool = True
    cleanup_working_dir: bool = True
    env_file_write_mode: EnvFileWriteMode = EnvFileWriteMode.ALWAYS
    input_data_sync_configuration: DataSyncConfiguration = Field({}, validate_default=True)
    output_data_sync_configuration: DataSyncConfiguration = Field({}, validate_default=True)
    outputs_on_failure: list[str] | None = Field(
        None,
        description="names of outputs, such as a log, to upload even if the job fails",
    )
    privileged: bool = Field(True, description="run the container in privileged mode")


class PrepareDemandScaffoldingRequest(PydanticBaseModel):
    """A demand execution to prepare."""

    demand_execution: DemandExecution
    file_system_configurations: DemandFileSystemConfigurations = Field({}, validate_default=True)
    context_manager_configuration: ContextManagerConfiguration = Field({}, validate_default=True)


class DemandExecutionSetupConfigs(PydanticBaseModel):
    """The requests to run before the job, and for the job itself."""

    data_sync_requests: list[PrepareBatchDataSyncRequest]
    batch_create_request: CreateDefinitionAndPrepareArgsRequest


class DemandExecutionCleanupConfigs(PydanticBaseModel):
    """The requests to run after the job."""

    data_sync_requests: list[PrepareBatchDataSyncRequest]
    remove_data_paths_requests: list[RemoveDataPathsRequest]
    failure_data_sync_requests: list[PrepareBatchDataSyncRequest] | None = Field(
        None, description="outputs to upload after a failed job; only with outputs_on_failure"
    )


class PrepareDemandScaffoldingResponse(PydanticBaseModel):
    """The requests with which a state machine runs a demand execution."""

    demand_execution: DemandExecution
    setup_configs: DemandExecutionSetupConfigs
    cleanup_configs: DemandExecutionCleanupConfigs
