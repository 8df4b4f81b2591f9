"""Job definitions as plain data: what RegisterJobDefinition and a submission are told.

Shapes are those of the Batch API, https://docs.aws.amazon.com/batch/latest/APIReference/.
"""

from __future__ import annotations

from collections.abc import Mapping

from aibs_informatics_aws_lambda.common.constants import AWS_REGION_KEY
from aibs_informatics_aws_lambda.common.env import ENV_BASE_KEY_ALIAS, EnvBase

__all__ = ["to_job_environment", "to_resource_requirements"]


def to_job_environment(
    environment: Mapping[str, str], env_base: EnvBase, region: str
) -> dict[str, str]:
    """Return the variables of a job: those given, then ``ENV_BASE`` and ``AWS_REGION`` over them.

    Args:
        environment: the variables that the job asks for; not changed.
        env_base: the environment that the job belongs to.
        region: the AWS region that it works in.
    """
    return {**environment, ENV_BASE_KEY_ALIAS: str(env_base), AWS_REGION_KEY: region}


def to_resource_requirements(
    *, gpu: int | None = None, memory: int | None = None, vcpus: int | None = None
) -> list[dict[str, str]]:
    """Return Batch's list of resources, in the order GPU, MEMORY, VCPU, without the unset ones.

    Args:
        gpu: the number of GPUs.
        memory: the memory in MiB.
        vcpus: the number of virtual CPUs.
    """
    amounts = {"GPU": gpu, "MEMORY": memory, "VCPU": vcpus}
    return [
        {"type": kind, "value": str(amount)}
        for kind, amount in amounts.items()
        if amount is not None
    ]
