"""Discover the EFS mount points of this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from aibs_informatics_aws_lambda.common.constants import AWS_LAMBDA_FUNCTION_NAME_KEY

from . import mount_points as mounts
from .efs import EFSPath
from .efs_inventory import EfsInventory, find_efs_id

# https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
AWS_BATCH_JOB_ID_KEY = "AWS_BATCH_JOB_ID"

logger = logging.getLogger(__name__)

_cache: dict[_Source, tuple[mounts.MountPoint, ...]] = {}


def find_mount_points() -> tuple[mounts.MountPoint, ...]:
    """Return the EFS mount points of this machine.

    They come from the first source that applies:

    - in an AWS Batch job (``AWS_BATCH_JOB_ID``), the description of the job;
    - in a Lambda function (``AWS_LAMBDA_FUNCTION_NAME``), its configuration;
    - otherwise the pairs of variables ``EFS_MOUNT_POINT_PATH<suffix>`` and
      ``EFS_MOUNT_POINT_ID<suffix>``. The ID is that of a file system or access point, or an ARN.

    Mount points without a local directory, and pairs of variables that cannot be resolved, are
    skipped with a warning. The result is cached for the life of the process, unless it is empty
    or a mount point was skipped.

    Raises:
        ValueError: two different mounts have the same mount path.
        AWSError: a request to Batch, Lambda or EFS failed.
    """
    source = _source()
    if source in _cache:
        return _cache[source]
    described = list(source.read())
    found = _deduplicate(mount for mount in described if mount and _exists(mount))
    if found and len(found) == len(set(described)):
        _cache[source] = found
    return found


def forget_mount_points() -> None:
    """Clear the cache of `find_mount_points`."""
    _cache.clear()


def resolve_efs_path(path: EFSPath) -> Path:
    """Translate an EFS path into a local path of this machine.

    Raises:
        ValueError: the path is not visible through a mount point, or leaves it by ``..``.
        AWSError: a request to Batch, Lambda or EFS failed.
    """
    return mounts.to_mounted_path(path, find_mount_points())


class _Source(Protocol):
    """A source of mount points; yields `None` for each that it skips."""

    def read(self) -> Iterator[mounts.MountPoint | None]: ...


@dataclass(frozen=True)
class _BatchJob:
    job_id: str

    def read(self) -> Iterator[mounts.MountPoint | None]:
        from aibs_informatics_aws_lambda.common.aws import get_client, named_errors

        with named_errors(f"describe the Batch job {self.job_id}", "batch:DescribeJobs"):
            jobs = get_client("batch").describe_jobs(jobs=[self.job_id])["jobs"]
        if not jobs:
            logger.warning("The Batch job %s was not found: assuming no EFS mounts", self.job_id)
            return
        container = jobs[0].get("container", {})
        volumes = {
            volume["name"]: volume["efsVolumeConfiguration"]
            for volume in container.get("volumes", [])
            if volume.get("efsVolumeConfiguration")
        }
        inventory = EfsInventory()
        for mount in container.get("mountPoints", []):
            volume = volumes.get(mount.get("sourceVolume"))
            if volume:
                yield _from_volume(inventory, mount["containerPath"], volume)


@dataclass(frozen=True)
class _LambdaFunction:
    name: str

    def read(self) -> Iterator[mounts.MountPoint | None]:
        from aibs_informatics_aws_lambda.common.aws import get_client, named_errors

        permission = "lambda:GetFunctionConfiguration"
        with named_errors(f"read the configuration of the function {self.name}", permission):
            function = get_client("lambda").get_function_configuration(FunctionName=self.name)
        inventory = EfsInventory()
        for config in function.get("FileSystemConfigs", []):
            yield _from_id(inventory, config["LocalMountPath"], config["Arn"])


@dataclass(frozen=True)
class _Variables:
    pairs: tuple[tuple[str, str | None, str | None], ...]

    def read(self) -> Iterator[mounts.MountPoint | None]:
        inventory = EfsInventory()
        for suffix, path, target in self.pairs:
            yield _from_variables(inventory, suffix, path, target)


def _source() -> _Source:
    job_id = os.environ.get(AWS_BATCH_JOB_ID_KEY)
    if job_id:
        return _BatchJob(job_id)
    function_name = os.environ.get(AWS_LAMBDA_FUNCTION_NAME_KEY)
    if function_name:
        return _LambdaFunction(function_name)
    return _Variables(_variable_pairs())


def _variable_pairs() -> tuple[tuple[str, str | None, str | None], ...]:
    prefixes = (mounts.EFS_MOUNT_POINT_PATH_KEY_PREFIX, mounts.EFS_MOUNT_POINT_ID_KEY_PREFIX)
    suffixes = {
        name.removeprefix(prefix)
        for name in os.environ
        for prefix in prefixes
        if name.startswith(prefix)
    }
    return tuple(
        (
            suffix,
            os.environ.get(mounts.EFS_MOUNT_POINT_PATH_KEY_PREFIX + suffix),
            os.environ.get(mounts.EFS_MOUNT_POINT_ID_KEY_PREFIX + suffix),
        )
        for suffix in sorted(suffixes)
    )


def _from_variables(
    inventory: EfsInventory, suffix: str, path: str | None, target: str | None
) -> mounts.MountPoint | None:
    path_variable, id_variable = (
        mounts.EFS_MOUNT_POINT_PATH_KEY_PREFIX + suffix,
        mounts.EFS_MOUNT_POINT_ID_KEY_PREFIX + suffix,
    )
    if not path or not target:
        logger.warning("%s and %s must both be set: skipped", path_variable, id_variable)
        return None
    if not find_efs_id(target):
        logger.warning("%s is not an ID or ARN of an EFS resource: skipped", id_variable)
        return None
    try:
        return _from_id(inventory, path, target)
    except ValueError as error:
        logger.warning("%s was skipped: %s", id_variable, error)
        return None


def _from_id(inventory: EfsInventory, path: str, target: str) -> mounts.MountPoint | None:
    """Return the mount point of a file system or access point, given by ID or ARN."""
    target_id = find_efs_id(target)
    if target_id is None:
        logger.warning("%s is not an EFS resource: its mount at %s was skipped", target, path)
        return None
    folder = PurePosixPath(path)
    if target_id.startswith("fs-"):
        return mounts.MountPoint(folder, inventory.find_file_system(target_id).id)
    access_point = inventory.find_access_point(target_id)
    return mounts.MountPoint(folder, access_point.file_system_id, target_id, access_point.root)


def _from_volume(
    inventory: EfsInventory, path: str, volume: dict[str, Any]
) -> mounts.MountPoint | None:
    access_point_id = (volume.get("authorizationConfig") or {}).get("accessPointId")
    if access_point_id:
        return _from_id(inventory, path, access_point_id)
    root = PurePosixPath("/", volume.get("rootDirectory") or "/")
    return mounts.MountPoint(PurePosixPath(path), volume["fileSystemId"], root=root)


def _exists(mount_point: mounts.MountPoint) -> bool:
    exists = Path(mount_point.path).is_dir()
    if not exists:
        logger.warning(
            "%s is not a directory here: the mount of %s was skipped",
            mount_point.path,
            mount_point.file_system_id,
        )
    return exists


def _deduplicate(mount_points: Iterable[mounts.MountPoint]) -> tuple[mounts.MountPoint, ...]:
    by_path: dict[PurePosixPath, mounts.MountPoint] = {}
    for mount_point in mount_points:
        first = by_path.setdefault(mount_point.path, mount_point)
        if first != mount_point:
            raise ValueError(
                f"two EFS mounts have the mount path {mount_point.path}: "
                f"{_target(first)} and {_target(mount_point)}"
            )
    return tuple(by_path.values())


def _target(mount_point: mounts.MountPoint) -> str:
    return mount_point.access_point_id or f"{mount_point.file_system_id}:{mount_point.root}"
