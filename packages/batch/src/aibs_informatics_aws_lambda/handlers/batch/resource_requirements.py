"""Resource requirements of a job, in the shape of the Batch API.

https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html
"""


def to_resource_requirements(
    *, gpu: int | None = None, memory: int | None = None, vcpus: float | None = None
) -> list[dict[str, str]]:
    """Return the list of resource requirements in the order GPU, MEMORY, VCPU.

    Args:
        gpu: the number of GPUs; `None` leaves it out, as for the others.
        memory: the memory in MiB.
        vcpus: the number of virtual CPUs, on Fargate also 0.25 and 0.5.
    """
    amounts = {"GPU": gpu, "MEMORY": memory, "VCPU": vcpus}
    return [
        {"type": kind, "value": f"{amount:g}" if isinstance(amount, float) else str(amount)}
        for kind, amount in amounts.items()
        if amount is not None
    ]
