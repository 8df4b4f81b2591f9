"""The Batch job of a demand execution: its names, its command, its variables, its volumes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

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
from aibs_informatics_aws_lambda.storage.mount_points import (
    innermost_for_efs_path,
    to_efs_path,
    to_mounted_path,
)

from .environment_file import (
    ENVIRONMENT_FILE_KEY,
    ENVIRONMENT_FILE_NAME,
    exceeds_overrides,
    format_environment_file,
    variables_mentioned_in,
)
from .execution import DemandExecution
from .model import EnvFileWriteMode
from .naming import check_ecs_volume_component_budget
from .volumes import BatchEFSConfiguration

logger = logging.getLogger(__name__)

UNKNOWN_USER: Final = "unknown"

_PREPARATIONS = ("mkdir -p ${WORKING_DIR}", "mkdir -p ${TMPDIR}", "cd ${WORKING_DIR}")
_READ_ENVIRONMENT_FILE = f". ${{{ENVIRONMENT_FILE_KEY}}}"
_SET_LAST = (ENV_BASE_KEY_ALIAS, AWS_REGION_KEY)


@dataclass(frozen=True)
class EnvironmentFile:
    """A file of variables that is to be written to the job's working folder.

    Args:
        path: where it is on this machine.
        text: what it holds.
    """

    path: Path
    text: str = field(repr=False)

    def write(self) -> None:
        """Write it, and make its folder if it is missing."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, self.text)


@dataclass(frozen=True)
class BatchJobBuilder:
    """A job that is planned: nothing of it exists yet.

    Args:
        image: the image of its container.
        job_definition_name: made of what a run has in common with others.
        job_name: made of everything that the run depends on.
        command: what the container runs.
        environment: the variables that Batch gives it.
        job_definition_tags: tags of the job definition.
        resource_requirements: as Batch takes them.
        volumes: what is mounted.
        privileged: whether the container has the host's privileges.
        environment_file: further variables, where they do not go into ``environment``.
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
        """Return the request that registers or reuses the job's definition."""
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
    """Refuse an execution that has no command or no platform.

    Raises:
        ValueError: it has not; the message says which.
    """
    if not demand_execution.execution_parameters.command:
        raise ValueError("execution_parameters.command is empty: there is nothing to run")
    get_batch_job_queue_name(demand_execution)


def get_batch_job_queue_name(demand_execution: DemandExecution) -> str:
    """Return the queue that an execution goes to.

    Raises:
        ValueError: it names no AWS Batch platform.
    """
    platform = demand_execution.execution_platform.aws_batch
    if platform is None:
        raise ValueError(
            "execution_platform.aws_batch is missing: AWS Batch is the only platform, and it "
            "needs a job_queue_name"
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
    """Plan the job of an execution. Nothing is written: that is up to the caller.

    Args:
        demand_execution: the execution, with the final paths of its inputs and outputs.
        env_base: the environment.
        working_path: the working folder in the container.
        tmp_path: the folder for temporary files in the container.
        volumes: what is mounted, in this order.
        env_file_write_mode: when variables go to a file in the working folder.
        privileged: whether the container has the host's privileges.

    Raises:
        ValueError: there is no command, no platform, a parameter contradicts a variable that is
            set for every job, or a name is too long for its volumes.
        AWSError: it cannot be found out what is mounted here, or in which region this is.
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
    command, environment, environment_file = _divide(
        parameters.command, variables, working_path, volumes, env_file_write_mode
    )
    resources = demand_execution.resource_requirements
    return BatchJobBuilder(
        image=demand_execution.execution_image,
        job_definition_name=job_definition_name,
        job_name=env_base.get_job_name(kind, sha256_hexdigest(job)),
        command=command,
        environment=_with_surroundings(environment, env_base),
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
    """Return the variables of a job, in the order of their meaning."""
    variables = {
        "EXECUTION_ID": demand_execution.execution_id,
        "WORKING_DIR": str(working_path),
        "TMPDIR": str(tmp_path),
    }
    for param in demand_execution.execution_parameters.job_params:
        if param.variable in _SET_LAST:
            logger.warning(
                "The parameter %r is not passed on: %s is set for every job",
                param.name,
                param.variable,
            )
        elif variables.setdefault(param.variable, param.value) != param.value:
            raise ValueError(
                f"the parameter {param.name!r} would change {param.variable}, which is set for "
                "every job: give it another name"
            )
    return variables


def _with_surroundings(environment: Mapping[str, str], env_base: EnvBase) -> dict[str, str]:
    from aibs_informatics_aws_lambda.common.aws import get_region

    return to_job_environment(environment, env_base, get_region())


def _divide(
    words: Sequence[str],
    variables: Mapping[str, str],
    working_path: PurePosixPath,
    volumes: Sequence[BatchEFSConfiguration],
    mode: EnvFileWriteMode,
) -> tuple[list[str], dict[str, str], EnvironmentFile | None]:
    """Return the command, the variables that Batch sets, and the file of the others."""
    script = " ".join(words)
    path_in_container = working_path / ENVIRONMENT_FILE_NAME
    path = _find_environment_file(path_in_container, volumes, mode, variables)
    if path is None:
        return _bash([*_PREPARATIONS, script]), dict(variables), None
    if ENVIRONMENT_FILE_KEY in variables:
        logger.warning("A parameter is not passed on: %s is set here", ENVIRONMENT_FILE_KEY)
    # The preparations run before the file is read, and the command's own variables would be
    # expanded once more in it.
    mentioned = variables_mentioned_in([*_PREPARATIONS, script])
    direct = {name: value for name, value in variables.items() if name in mentioned}
    filed = {
        name: value
        for name, value in variables.items()
        if name not in mentioned and name != ENVIRONMENT_FILE_KEY
    }
    return (
        _bash([*_PREPARATIONS, _READ_ENVIRONMENT_FILE, script]),
        {**direct, ENVIRONMENT_FILE_KEY: str(path_in_container)},
        EnvironmentFile(path, format_environment_file(filed)),
    )


def _bash(steps: Iterable[str]) -> list[str]:
    return ["/bin/bash", "-c", " && ".join(steps)]


def _find_environment_file(
    path: PurePosixPath,
    volumes: Sequence[BatchEFSConfiguration],
    mode: EnvFileWriteMode,
    variables: Mapping[str, str],
) -> Path | None:
    """Return where on this machine the environment file goes, if one is wanted and possible."""
    if mode is EnvFileWriteMode.NEVER:
        return None
    if mode is EnvFileWriteMode.IF_REQUIRED and not exceeds_overrides(variables):
        return None

    from aibs_informatics_aws_lambda.storage.mount_discovery import find_mount_points

    place = to_efs_path(path, [volume.mount_point_config for volume in volumes])
    mount_points = find_mount_points()
    if innermost_for_efs_path(mount_points, place) is None:
        logger.warning(
            "%s is not mounted here: all variables go into the request, not into a file", place
        )
        return None
    return to_mounted_path(place, mount_points)
