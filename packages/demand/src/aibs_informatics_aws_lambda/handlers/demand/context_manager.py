"""What surrounds the run of a demand execution: paths, syncs, the job, removals."""

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
from aibs_informatics_aws_lambda.storage.data_sync.batch import PrepareBatchDataSyncRequest
from aibs_informatics_aws_lambda.storage.data_sync.removals import RemoveDataPathsRequest
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.mount_points import (
    MountPoint,
    innermost_for_path,
    resolve_dots,
    to_efs_path,
)

from .execution import DemandExecution
from .job import BatchJobBuilder, generate_batch_job_builder, get_batch_job_queue_name
from .job_params import SyncedJobParam

# Names that the contracts of this module promise, and that live elsewhere.
from .model import ContextManagerConfiguration, FileSystemConfiguration as FileSystemConfiguration
from .references import to_variable_name
from .syncs import to_failure_requests, to_input_requests, to_output_requests
from .volumes import SCRATCH, SHARED, BatchEFSConfiguration, get_batch_efs_configuration

logger = logging.getLogger(__name__)

Param = TypeVar("Param", bound=SyncedJobParam)


def update_demand_execution_parameter_inputs(
    demand_execution: DemandExecution,
    container_shared_path: PurePath,
    container_working_path: PurePath,
    isolate_inputs: bool = False,
) -> DemandExecution:
    """Return a copy of an execution whose inputs have their place in the container.

    Args:
        demand_execution: the execution as the caller gave it.
        container_shared_path: where inputs go that executions share, each into a folder named by
            a hash of where it comes from.
        container_working_path: where inputs go that belong to the execution.
        isolate_inputs: whether all of them belong to the execution.

    Outputs that refer to an input keep the place that they have by the caller's own values:
    what comes out of a reference to a path in the container would end up in their S3 URIs.
    """
    parameters = demand_execution.execution_parameters
    placed = [
        _placed(param, container_working_path)
        if isolate_inputs
        else replace(
            param, value=str(PurePosixPath(container_shared_path) / sha256_hexdigest(param.remote))
        )
        for param in parameters.downloadable_job_params
    ]
    settled = [*placed, *parameters.uploadable_job_params]
    return demand_execution.with_params({param.name: param.to_json() for param in settled})


def update_demand_execution_parameter_outputs(
    demand_execution: DemandExecution, container_working_path: PurePath
) -> DemandExecution:
    """Return a copy of an execution whose outputs have their place in the container.

    Args:
        demand_execution: the execution.
        container_working_path: the working folder of the execution.
    """
    outputs = demand_execution.execution_parameters.uploadable_job_params
    placed = [_placed(param, container_working_path) for param in outputs]
    return demand_execution.with_params({param.name: param.to_json() for param in placed})


@dataclass
class DemandExecutionContextManager:
    """Derives from an execution and its volumes all that goes with its run.

    Making one checks the paths of inputs and outputs. Nothing is written but by
    `write_environment_file`.

    Args:
        demand_execution: the execution; its inputs and outputs get their place in the container.
        scratch_vol_configuration: the volume of working folders.
        shared_vol_configuration: the volume of inputs that executions share.
        tmp_vol_configuration: the volume for temporary files; by default a folder on scratch.
        configuration: how the execution is set up and cleaned up.
        env_base: the environment; by default that of the process.

    Raises:
        ValueError: a path lies on no volume, or belongs to other executions as well, or two
            volumes have one place in the container.
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
        placed = update_demand_execution_parameter_inputs(
            self.demand_execution,
            self.container_shared_path,
            self.container_working_path,
            self.configuration.isolate_inputs,
        )
        self.demand_execution = update_demand_execution_parameter_outputs(
            placed, self.container_working_path
        )
        self._check_synced_paths()

    @classmethod
    def from_demand_execution(
        cls,
        demand_execution: DemandExecution,
        env_base: EnvBase,
        configuration: ContextManagerConfiguration | None = None,
    ) -> DemandExecutionContextManager:
        """Return one with the default scratch and shared volumes, and none for temporary files.

        Raises:
            ValueError: an access point is missing, or as the class.
            AWSError: EFS cannot be asked.
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
        """The working folder in the container."""
        return self.scratch_vol_configuration.mount_path / self.demand_execution.execution_id

    @property
    def container_shared_path(self) -> PurePosixPath:
        """The folder in the container that executions share."""
        return self.shared_vol_configuration.mount_path

    @property
    def container_tmp_path(self) -> PurePosixPath:
        """The folder for temporary files in the container."""
        if self.tmp_vol_configuration:
            return self.tmp_vol_configuration.mount_path
        return self.scratch_vol_configuration.mount_path / "tmp"

    @property
    def efs_working_path(self) -> EFSPath:
        """The working folder on EFS."""
        return self._to_efs_path(self.container_working_path)

    @property
    def efs_shared_path(self) -> EFSPath:
        """The folder on EFS that executions share."""
        return self._to_efs_path(self.container_shared_path)

    @property
    def efs_tmp_path(self) -> EFSPath:
        """The folder for temporary files on EFS."""
        return self._to_efs_path(self.container_tmp_path)

    @property
    def volumes(self) -> tuple[BatchEFSConfiguration, ...]:
        """The volumes in the order in which the job definition lists them."""
        volumes = (
            self.scratch_vol_configuration,
            self.shared_vol_configuration,
            self.tmp_vol_configuration,
        )
        return tuple(volume for volume in volumes if volume)

    @property
    def efs_mount_points(self) -> list[MountPoint]:
        """What is mounted where in the container."""
        return [volume.mount_point_config for volume in self.volumes]

    @property
    def batch_job_queue_name(self) -> str:
        """The queue of the job."""
        return get_batch_job_queue_name(self.demand_execution)

    @cached_property
    def batch_job_builder(self) -> BatchJobBuilder:
        """The job, planned. Raises as `generate_batch_job_builder` does."""
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
        """The request that registers or reuses the job's definition."""
        platform = self.demand_execution.execution_platform.aws_batch
        job_role = platform.job_role if platform else None
        return self.batch_job_builder.to_request(self.batch_job_queue_name, job_role)

    @property
    def pre_execution_data_sync_requests(self) -> list[PrepareBatchDataSyncRequest]:
        """The syncs of inputs, in their order."""
        return to_input_requests(
            self.demand_execution.execution_parameters.downloadable_job_params,
            self._to_efs_path,
            self.configuration.input_data_sync_configuration,
        )

    @property
    def post_execution_data_sync_requests(self) -> list[PrepareBatchDataSyncRequest]:
        """The syncs of outputs, in their order."""
        return to_output_requests(
            self.demand_execution.execution_parameters.uploadable_job_params,
            self._to_efs_path,
            self.configuration.output_data_sync_configuration,
        )

    @property
    def failure_data_sync_requests(self) -> list[PrepareBatchDataSyncRequest] | None:
        """The syncs of those outputs that are wanted of a job that has failed, too.

        Raises:
            ValueError: there is no output of a name that is given.
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
                raise ValueError(
                    f"outputs_on_failure lists {name!r}, and there is no output of that name"
                )
        return to_failure_requests(by_variable[to_variable_name(name)] for name in names)

    @property
    def post_execution_remove_data_paths_requests(self) -> list[RemoveDataPathsRequest]:
        """The removals: of all inputs, then of the working folder, as far as they are wanted."""
        requests = []
        if self.configuration.cleanup_inputs:
            self._warn_of_shared_inputs()
            requests.append(RemoveDataPathsRequest(paths=list(self._efs_input_paths())))
        if self.configuration.cleanup_working_dir:
            requests.append(RemoveDataPathsRequest(paths=[self.efs_working_path]))
        return requests

    def write_environment_file(self) -> None:
        """Write the variables that do not go into the request, if there is a place for them.

        Raises:
            OSError: the file cannot be written.
        """
        environment_file = self.batch_job_builder.environment_file
        if environment_file:
            environment_file.write()

    def _to_efs_path(self, path: str | PurePosixPath) -> EFSPath:
        return to_efs_path(path, self.efs_mount_points)

    def _efs_input_paths(self) -> Iterable[EFSPath]:
        inputs = self.demand_execution.execution_parameters.downloadable_job_params
        return (self._to_efs_path(param.value) for param in inputs)

    def _warn_of_shared_inputs(self) -> None:
        working_path = self.container_working_path
        outside = [
            param.name
            for param in self.demand_execution.execution_parameters.downloadable_job_params
            if not resolve_dots(param.value).is_relative_to(working_path)
        ]
        if outside:
            logger.warning(
                "The inputs %s lie outside of the working folder and will be removed after the "
                "run, also where other executions read them: set cleanup_inputs to false to keep "
                "them",
                ", ".join(map(repr, outside)),
            )

    def _check_container_paths(self) -> None:
        """Refuse volumes of which a container could see only one."""
        paths = [volume.mount_path for volume in self.volumes]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(
                    f"several volumes are at {path} in the container: give each another "
                    "container_path"
                )

    def _check_working_path(self) -> None:
        """Refuse an execution id that makes another volume, or TMPDIR, the working folder."""
        path = self.container_working_path
        scratch = self.scratch_vol_configuration.mount_point_config
        if innermost_for_path(self.efs_mount_points, path) != scratch or self._is_common(path):
            raise ValueError(
                f"execution_id {self.demand_execution.execution_id!r} cannot be the name of a "
                f"working folder: {path} is a folder that all executions use"
            )

    def _check_synced_paths(self) -> None:
        """Refuse to sync, and later remove, folders that other executions work in."""
        parameters = self.demand_execution.execution_parameters
        for param in (*parameters.downloadable_job_params, *parameters.uploadable_job_params):
            if self._is_common(param.value):
                raise ValueError(
                    f"the local path of {param.name!r} is a folder that all executions use, or "
                    "holds one"
                )

    def _is_common(self, path: str | PurePosixPath) -> bool:
        """Tell whether a path is, or holds, the root of a volume or the folder TMPDIR."""
        place = self._to_efs_path(path)
        common = [
            *(EFSPath(f"{m.file_system_id}:{m.root}") for m in self.efs_mount_points),
            self.efs_tmp_path,
        ]
        return any(
            one.file_system_id == place.file_system_id and one.path.is_relative_to(place.path)
            for one in common
        )


def _placed(param: Param, working_path: PurePath) -> Param:
    # An absolute path stays as it is.
    return replace(param, value=str(PurePosixPath(working_path) / param.value))
