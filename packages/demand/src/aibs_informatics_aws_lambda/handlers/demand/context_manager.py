"""Plan a demand execution: container paths, data syncs, the Batch job, and removals."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePath, PurePosixPath
from typing import TypeVar

from aibs_informatics_aws_lambda.common.env import EnvBase
from aibs_informatics_aws_lambda.common.hashing import sha256_hexdigest
from aibs_informatics_aws_lambda.handlers.batch.model import CreateDefinitionAndPrepareArgsRequest
from aibs_informatics_aws_lambda.storage import mount_points as mounts
from aibs_informatics_aws_lambda.storage.data_sync.batch import PrepareBatchDataSyncRequest
from aibs_informatics_aws_lambda.storage.data_sync.removal_requests import RemoveDataPathsRequest
from aibs_informatics_aws_lambda.storage.efs import EFSPath

from .execution import DemandExecution
from .job import BatchJobBuilder, generate_batch_job_builder, get_batch_job_queue_name
from .job_params import SyncedJobParam

# Part of the public names of this module; defined elsewhere.
from .model import ContextManagerConfiguration, FileSystemConfiguration as FileSystemConfiguration
from .references import to_variable_name
from .syncs import to_failure_requests, to_input_requests, to_output_requests
from .volumes import (
    EFS_SCRATCH_ACCESS_POINT_NAME as EFS_SCRATCH_ACCESS_POINT_NAME,
    EFS_SCRATCH_PATH as EFS_SCRATCH_PATH,
    EFS_SHARED_ACCESS_POINT_NAME as EFS_SHARED_ACCESS_POINT_NAME,
    EFS_SHARED_PATH as EFS_SHARED_PATH,
    SCRATCH,
    SHARED,
    BatchEFSConfiguration,
    get_batch_efs_configuration,
)

logger = logging.getLogger(__name__)

Param = TypeVar("Param", bound=SyncedJobParam)


def update_demand_execution_parameter_inputs(
    demand_execution: DemandExecution,
    container_shared_path: PurePath,
    container_working_path: PurePath,
    isolate_inputs: bool = False,
) -> DemandExecution:
    """Return a copy of an execution whose inputs have container paths.

    Args:
        demand_execution: the execution of the request.
        container_shared_path: the directory of shared inputs; the name of each is the hash of its
            S3 URI.
        container_working_path: the working directory, for isolated inputs.
        isolate_inputs: whether inputs go to the working directory.

    References of outputs to inputs are resolved with the values of the request, before the paths
    of inputs change: container paths must not become part of S3 URIs.
    """
    parameters = demand_execution.execution_parameters
    located = [
        _locate(param, container_working_path)
        if isolate_inputs
        else replace(
            param, value=str(PurePosixPath(container_shared_path) / sha256_hexdigest(param.remote))
        )
        for param in parameters.downloadable_job_params
    ]
    params = [*located, *parameters.uploadable_job_params]
    return demand_execution.with_params({param.name: param.to_json() for param in params})


def update_demand_execution_parameter_outputs(
    demand_execution: DemandExecution, container_working_path: PurePath
) -> DemandExecution:
    """Return a copy of an execution whose outputs have container paths.

    Args:
        demand_execution: the execution.
        container_working_path: the working directory of the execution.
    """
    outputs = demand_execution.execution_parameters.uploadable_job_params
    located = [_locate(param, container_working_path) for param in outputs]
    return demand_execution.with_params({param.name: param.to_json() for param in located})


@dataclass
class DemandExecutionContextManager:
    """Derives the requests of a demand execution from its parameters and volumes.

    The constructor validates the paths of inputs and outputs. Only `write_environment_file` has an
    effect outside of this object.

    Args:
        demand_execution: the execution; its inputs and outputs get container paths.
        scratch_vol_configuration: the volume of working directories.
        shared_vol_configuration: the volume of shared inputs.
        tmp_vol_configuration: the volume for temporary files; default: a directory on the scratch
            volume.
        configuration: the options of setup and cleanup.
        env_base: the environment base; default: that of the process.

    Raises:
        ValueError: a path is not on a volume, or is used by all executions, or two volumes have
            the same container path.
    """

    demand_execution: DemandExecution
    scratch_vol_configuration: BatchEFSConfiguration
    shared_vol_configuration: BatchEFSConfiguration
    tmp_vol_configuration: BatchEFSConfiguration | None = None
    configuration: ContextManagerConfiguration = field(default_factory=ContextManagerConfiguration)
    env_base: EnvBase = field(default_factory=EnvBase.from_env)

    def __post_init__(self) -> None:
        self._check_container_paths()
        self._check_working_path()
        located = update_demand_execution_parameter_inputs(
            self.demand_execution,
            self.container_shared_path,
            self.container_working_path,
            self.configuration.isolate_inputs,
        )
        self.demand_execution = update_demand_execution_parameter_outputs(
            located, self.container_working_path
        )
        self._check_synced_paths()

    @classmethod
    def from_demand_execution(
        cls,
        demand_execution: DemandExecution,
        env_base: EnvBase,
        configuration: ContextManagerConfiguration | None = None,
    ) -> DemandExecutionContextManager:
        """Return a context manager with the default scratch and shared volumes and no tmp volume.

        Raises:
            ValueError: an access point was not found, or a path is invalid.
            AWSError: an EFS request failed.
        """
        scratch, shared = (
            get_batch_efs_configuration(
                env_base, role.container_path, role.name, read_only=role.read_only
            )
            for role in (SCRATCH, SHARED)
        )
        return cls(
            demand_execution,
            scratch,
            shared,
            configuration=configuration or ContextManagerConfiguration(),
            env_base=env_base,
        )

    @property
    def container_working_path(self) -> PurePosixPath:
        """The working directory in the container."""
        return self.scratch_vol_configuration.mount_path / self.demand_execution.execution_id

    @property
    def container_shared_path(self) -> PurePosixPath:
        """The directory of shared inputs in the container."""
        return self.shared_vol_configuration.mount_path

    @property
    def container_tmp_path(self) -> PurePosixPath:
        """The directory of temporary files in the container."""
        if self.tmp_vol_configuration:
            return self.tmp_vol_configuration.mount_path
        return self.scratch_vol_configuration.mount_path / "tmp"

    @property
    def efs_working_path(self) -> EFSPath:
        """The working directory on EFS."""
        return self._to_efs_path(self.container_working_path)

    @property
    def efs_shared_path(self) -> EFSPath:
        """The directory of shared inputs on EFS."""
        return self._to_efs_path(self.container_shared_path)

    @property
    def efs_tmp_path(self) -> EFSPath:
        """The directory of temporary files on EFS."""
        return self._to_efs_path(self.container_tmp_path)

    @property
    def volumes(self) -> tuple[BatchEFSConfiguration, ...]:
        """The volumes, in the order of the job definition."""
        volumes = (
            self.scratch_vol_configuration,
            self.shared_vol_configuration,
            self.tmp_vol_configuration,
        )
        return tuple(volume for volume in volumes if volume)

    @property
    def efs_mount_points(self) -> list[mounts.MountPoint]:
        """The mount points of the container."""
        return [volume.mount_point_config for volume in self.volumes]

    @property
    def batch_job_queue_name(self) -> str:
        """The job queue."""
        return get_batch_job_queue_name(self.demand_execution)

    @cached_property
    def batch_job_builder(self) -> BatchJobBuilder:
        """The plan of the Batch job; raises the errors of `generate_batch_job_builder`."""
        return generate_batch_job_builder(
            self.demand_execution,
            self.env_base,
            self.container_working_path,
            self.container_tmp_path,
            self.volumes,
            self.configuration.env_file_write_mode,
            self.configuration.privileged,
        )

    @property
    def batch_create_request(self) -> CreateDefinitionAndPrepareArgsRequest:
        """The request to register or reuse the job definition."""
        platform = self.demand_execution.execution_platform.aws_batch
        job_role = platform.job_role if platform else None
        return self.batch_job_builder.to_request(self.batch_job_queue_name, job_role)

    @property
    def pre_execution_data_sync_requests(self) -> list[PrepareBatchDataSyncRequest]:
        """The syncs of the inputs, in their order."""
        return to_input_requests(
            self.demand_execution.execution_parameters.downloadable_job_params,
            self._to_efs_path,
            self.configuration.input_data_sync_configuration,
        )

    @property
    def post_execution_data_sync_requests(self) -> list[PrepareBatchDataSyncRequest]:
        """The syncs of the outputs, in their order."""
        return to_output_requests(
            self.demand_execution.execution_parameters.uploadable_job_params,
            self._to_efs_path,
            self.configuration.output_data_sync_configuration,
        )

    @property
    def failure_data_sync_requests(self) -> list[PrepareBatchDataSyncRequest] | None:
        """The syncs of the outputs to upload after a failed job, if any.

        Raises:
            ValueError: ``outputs_on_failure`` lists an unknown output.
        """
        names = self.configuration.outputs_on_failure
        if not names:
            return None
        outputs = self.demand_execution.execution_parameters.uploadable_job_params
        by_variable = {
            param.variable: sync
            for param, sync in zip(outputs, self.post_execution_data_sync_requests, strict=True)
        }
        for name in names:
            if to_variable_name(name) not in by_variable:
                raise ValueError(f"outputs_on_failure lists {name!r}, which is not an output")
        return to_failure_requests(by_variable[to_variable_name(name)] for name in names)

    @property
    def post_execution_remove_data_paths_requests(self) -> list[RemoveDataPathsRequest]:
        """The removals of all inputs and of the working directory, as configured."""
        requests = []
        if self.configuration.cleanup_inputs:
            self._warn_of_shared_inputs()
            requests.append(RemoveDataPathsRequest(paths=list(self._efs_input_paths())))
        if self.configuration.cleanup_working_dir:
            requests.append(RemoveDataPathsRequest(paths=[self.efs_working_path]))
        return requests

    def write_environment_file(self) -> None:
        """Write the environment file, if the plan of the job has one.

        Raises:
            OSError: writing the file failed.
        """
        environment_file = self.batch_job_builder.environment_file
        if environment_file:
            environment_file.write()

    def make_working_directory(self) -> None:
        """Create the working directory, if the scratch volume is mounted here.

        Raises:
            AWSError: the lookup of local mount points failed.
            OSError: creating the directory failed.
        """
        from aibs_informatics_aws_lambda.storage.mount_discovery import find_mount_points

        mount_points = find_mount_points()
        if mounts.innermost_for_efs_path(mount_points, self.efs_working_path) is not None:
            path = mounts.to_mounted_path(self.efs_working_path, mount_points)
            path.mkdir(parents=True, exist_ok=True)

    def _to_efs_path(self, path: str | PurePosixPath) -> EFSPath:
        return mounts.to_efs_path(path, self.efs_mount_points)

    def _efs_input_paths(self) -> Iterable[EFSPath]:
        inputs = self.demand_execution.execution_parameters.downloadable_job_params
        return (self._to_efs_path(param.value) for param in inputs)

    def _warn_of_shared_inputs(self) -> None:
        working_path = self.container_working_path
        outside = [
            param.name
            for param in self.demand_execution.execution_parameters.downloadable_job_params
            if not mounts.resolve_dots(param.value).is_relative_to(working_path)
        ]
        if outside:
            logger.warning(
                "The inputs %s are outside of the working directory and are removed after the "
                "job, even if other executions use them. Set cleanup_inputs to false to keep "
                "them.",
                ", ".join(map(repr, outside)),
            )

    def _check_container_paths(self) -> None:
        """Check that each volume has a container path of its own."""
        paths = [volume.mount_path for volume in self.volumes]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(
                    f"several volumes have the container path {path}: set a different "
                    "container_path for each"
                )

    def _check_working_path(self) -> None:
        """Check that the working directory is not another volume or TMPDIR."""
        path = self.container_working_path
        scratch = self.scratch_vol_configuration.mount_point_config
        if mounts.innermost_for_path(self.efs_mount_points, path) != scratch or self._is_shared(
            path
        ):
            raise ValueError(
                f"invalid execution_id {self.demand_execution.execution_id!r}: its working "
                f"directory would be {path}, which all executions use"
            )

    def _check_synced_paths(self) -> None:
        """Check that no directory of other executions is synced and later removed."""
        parameters = self.demand_execution.execution_parameters
        for param in (*parameters.downloadable_job_params, *parameters.uploadable_job_params):
            if self._is_shared(param.value):
                raise ValueError(
                    f"the local path of {param.name!r} is or contains a directory that all "
                    "executions use"
                )

    def _is_shared(self, path: str | PurePosixPath) -> bool:
        """Return whether a path is or contains the root of a volume or TMPDIR."""
        efs_path = self._to_efs_path(path)
        shared = [
            *(EFSPath(f"{m.file_system_id}:{m.root}") for m in self.efs_mount_points),
            self.efs_tmp_path,
        ]
        return any(
            root.file_system_id == efs_path.file_system_id
            and root.path.is_relative_to(efs_path.path)
            for root in shared
        )


def _locate(param: Param, working_path: PurePath) -> Param:
    # Joining leaves absolute paths unchanged.
    return replace(param, value=str(PurePosixPath(working_path) / param.value))
