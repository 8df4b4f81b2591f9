"""Plan the Batch job of a demand execution: names, command, variables and volumes."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from aibs_informatics_aws_lambda.common.constants import AWS_REGION_KEY
from aibs_informatics_aws_lambda.common.env import ENV_BASE_KEY_ALIAS, EnvBase
from aibs_informatics_aws_lambda.common.files import write_atomically
from aibs_informatics_aws_lambda.common.hashing import sha256_hexdigest
from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.handlers.batch.job_definition import to_job_environment
from aibs_informatics_aws_lambda.handlers.batch.model import CreateDefinitionAndPrepareArgsRequest
from aibs_informatics_aws_lambda.handlers.batch.resource_requirements import (
    to_resource_requirements,
)
from aibs_informatics_aws_lambda.handlers.batch.retry_strategy import default_retry_strategy
from aibs_informatics_aws_lambda.storage import mount_points as mounts

from . import environment_file as env_file
from .execution import DemandExecution
from .model import EnvFileWriteMode
from .naming import check_ecs_volume_component_budget
from .volumes import BatchEFSConfiguration

logger = logging.getLogger(__name__)

UNKNOWN_USER = "unknown"

_PREPARATIONS = ("mkdir -p ${WORKING_DIR}", "mkdir -p ${TMPDIR}", "cd ${WORKING_DIR}")
_READ_ENVIRONMENT_FILE = f". ${{{env_file.ENVIRONMENT_FILE_KEY}}}"
_OVERWRITTEN = (ENV_BASE_KEY_ALIAS, AWS_REGION_KEY)


@dataclass(frozen=True)
class EnvironmentFile:
    """The environment file of a job, not written yet.

    Args:
        path: the local path of the file.
        text: the content of the file.
    """

    path: Path
    text: str = field(repr=False)

    def write(self) -> None:
        """Write the file, and create its directory if it is missing."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, self.text)


@dataclass(frozen=True)
class BatchJobBuilder:
    """The plan of a Batch job.

    Args:
        image: the container image.
        job_definition_name: derived from type, image and command.
        job_name: derived from everything that the job depends on.
        command: the command of the container.
        environment: the environment variables of the job.
        job_definition_tags: the tags of the job definition.
        resource_requirements: as in the Batch API.
        volumes: the volumes of the job.
        privileged: whether the container is privileged.
        environment_file: the file with the variables that are not in ``environment``, if any.
    """

    image: str
    job_definition_name: str
    job_name: str
    command: list[str]
    environment: dict[str, str] = field(repr=False)
    job_definition_tags: dict[str, str]
    resource_requirements: list[dict[str, str]]
    volumes: tuple[BatchEFSConfiguration, ...]
    privileged: bool = True
    environment_file: EnvironmentFile | None = None

    @property
    def volume_entries(self) -> list[JSONObject]:
        """The ``volumes`` of the job definition."""
        return [volume.to_volume() for volume in self.volumes]

    @property
    def mount_point_entries(self) -> list[JSONObject]:
        """The ``mountPoints`` of the job definition."""
        return [volume.to_mount_point() for volume in self.volumes]

    def to_request(
        self, job_queue_name: str, job_role_arn: str | None = None
    ) -> CreateDefinitionAndPrepareArgsRequest:
        """Return the request to register or reuse the job definition."""
        return CreateDefinitionAndPrepareArgsRequest(
            image=self.image,
            job_definition_name=self.job_definition_name,
            job_name=self.job_name,
            job_queue_name=job_queue_name,
            job_role_arn=job_role_arn,
            job_definition_tags=self.job_definition_tags,
            command=self.command,
            environment=self.environment,
            resource_requirements=self.resource_requirements,
            mount_points=self.mount_point_entries,
            volumes=self.volume_entries,
            retry_strategy=default_retry_strategy(),
            privileged=self.privileged,
        )


def check_is_complete(demand_execution: DemandExecution) -> None:
    """Check that an execution has a command and a platform.

    Raises:
        ValueError: one of them is missing.
    """
    if not demand_execution.execution_parameters.command:
        raise ValueError("execution_parameters.command is empty")
    get_batch_job_queue_name(demand_execution)


def get_batch_job_queue_name(demand_execution: DemandExecution) -> str:
    """Return the job queue of an execution.

    Raises:
        ValueError: the execution has no AWS Batch platform.
    """
    platform = demand_execution.execution_platform.aws_batch
    if platform is None:
        raise ValueError(
            "execution_platform.aws_batch is missing: AWS Batch is the only platform, and "
            "requires a job_queue_name"
        )
    return platform.job_queue_name


def generate_batch_job_builder(
    demand_execution: DemandExecution,
    env_base: EnvBase,
    working_path: PurePosixPath,
    tmp_path: PurePosixPath,
    volumes: Sequence[BatchEFSConfiguration],
    env_file_write_mode: EnvFileWriteMode = EnvFileWriteMode.ALWAYS,
    privileged: bool = True,
) -> BatchJobBuilder:
    """Plan the Batch job of an execution. The environment file is not written.

    Args:
        demand_execution: the execution, with container paths of inputs and outputs.
        env_base: the environment base.
        working_path: the working directory in the container.
        tmp_path: the directory of temporary files in the container.
        volumes: the volumes, in their order.
        env_file_write_mode: when variables are written to a file in the working directory.
        privileged: whether the container is privileged.

    Raises:
        ValueError: the command or the platform is missing, a parameter conflicts with a reserved
            variable, or the name of the job definition is too long.
        AWSError: no region is configured, or the lookup of local mount points failed.
    """
    check_is_complete(demand_execution)
    parameters = demand_execution.execution_parameters
    variables = _variables(demand_execution, working_path, tmp_path)
    definition = [
        demand_execution.execution_type,
        demand_execution.execution_image,
        parameters.command,
    ]
    job = [
        *definition,
        demand_execution.execution_id,
        parameters.params,
        parameters.inputs,
        parameters.outputs,
    ]
    kind = demand_execution.execution_type
    job_definition_name = env_base.get_job_name(kind, sha256_hexdigest(definition))
    check_ecs_volume_component_budget(job_definition_name, [volume.name for volume in volumes])
    command, environment, environment_file = _split_variables(
        parameters.command, variables, working_path, volumes, env_file_write_mode
    )
    resources = demand_execution.resource_requirements
    return BatchJobBuilder(
        image=demand_execution.execution_image,
        job_definition_name=job_definition_name,
        job_name=env_base.get_job_name(kind, sha256_hexdigest(job)),
        command=command,
        environment=_with_env_base_and_region(environment, env_base),
        job_definition_tags={"USER": demand_execution.execution_metadata.user or UNKNOWN_USER},
        resource_requirements=to_resource_requirements(
            gpu=resources.gpu, memory=resources.memory, vcpus=resources.vcpus
        ),
        volumes=tuple(volumes),
        privileged=privileged,
        environment_file=environment_file,
    )


def _variables(
    demand_execution: DemandExecution, working_path: PurePosixPath, tmp_path: PurePosixPath
) -> dict[str, str]:
    """Return the variables of a job: reserved ones, then its parameters."""
    variables = {
        "EXECUTION_ID": demand_execution.execution_id,
        "WORKING_DIR": str(working_path),
        "TMPDIR": str(tmp_path),
    }
    for param in demand_execution.execution_parameters.job_params:
        if param.variable in _OVERWRITTEN:
            logger.warning(
                "The parameter %r is ignored: %s is set in every job",
                param.name,
                param.variable,
            )
        elif variables.setdefault(param.variable, param.value) != param.value:
            raise ValueError(
                f"the parameter {param.name!r} would change {param.variable}, which is set in "
                "every job: rename the parameter"
            )
    return variables


def _with_env_base_and_region(environment: Mapping[str, str], env_base: EnvBase) -> dict[str, str]:
    from aibs_informatics_aws_lambda.common.aws import get_region

    return to_job_environment(environment, env_base, get_region())


def _split_variables(
    words: Sequence[str],
    variables: Mapping[str, str],
    working_path: PurePosixPath,
    volumes: Sequence[BatchEFSConfiguration],
    mode: EnvFileWriteMode,
) -> tuple[list[str], dict[str, str], EnvironmentFile | None]:
    """Return the command, the variables of the request, and the environment file."""
    script = " ".join(words)
    path_in_container = working_path / env_file.ENVIRONMENT_FILE_NAME
    path = _find_environment_file(path_in_container, volumes, mode, variables)
    if path is None:
        return _bash([*_PREPARATIONS, script]), dict(variables), None
    if env_file.ENVIRONMENT_FILE_KEY in variables:
        logger.warning(
            "The parameter for %s is ignored: it is reserved", env_file.ENVIRONMENT_FILE_KEY
        )
    # The preparations run before the file is sourced, and variables of the command would be
    # expanded once more in the file.
    mentioned = env_file.variables_mentioned_in([*_PREPARATIONS, script])
    in_request = {name: value for name, value in variables.items() if name in mentioned}
    in_file = {
        name: value
        for name, value in variables.items()
        if name not in mentioned and name != env_file.ENVIRONMENT_FILE_KEY
    }
    return (
        _bash([*_PREPARATIONS, _READ_ENVIRONMENT_FILE, script]),
        {**in_request, env_file.ENVIRONMENT_FILE_KEY: str(path_in_container)},
        EnvironmentFile(path, env_file.format_environment_file(in_file)),
    )


def _bash(steps: Iterable[str]) -> list[str]:
    return ["/bin/bash", "-c", " && ".join(steps)]


def _find_environment_file(
    path: PurePosixPath,
    volumes: Sequence[BatchEFSConfiguration],
    mode: EnvFileWriteMode,
    variables: Mapping[str, str],
) -> Path | None:
    """Return the local path of the environment file, if it is wanted and its volume mounted."""
    if mode is EnvFileWriteMode.NEVER:
        return None
    if mode is EnvFileWriteMode.IF_REQUIRED and not env_file.exceeds_overrides(variables):
        return None

    from aibs_informatics_aws_lambda.storage.mount_discovery import find_mount_points

    efs_path = mounts.to_efs_path(path, [volume.mount_point_config for volume in volumes])
    mount_points = find_mount_points()
    if mounts.innermost_for_efs_path(mount_points, efs_path) is None:
        logger.warning(
            "%s is not mounted here: all variables are in the request instead of a file", efs_path
        )
        return None
    return mounts.to_mounted_path(efs_path, mount_points)
