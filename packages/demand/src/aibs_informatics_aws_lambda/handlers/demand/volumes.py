"""EFS volumes of a job: which ones, and how Batch is told of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from aibs_informatics_aws_lambda.common.env import ENV_BASE_KEY, EnvBase
from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.storage.mount_points import MountPoint

from .model import (
    DemandFileSystemConfigurations,
    FileSystemConfiguration,
    FileSystemSelectionStrategy,
)
from .naming import build_efs_volume_name

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.efs_inventory import EfsInventory


class VolumeRole(NamedTuple):
    """What a volume is for.

    Args:
        name: also the name of its access point, unless another is given.
        read_only: whether the job may only read it.
    """

    name: str
    read_only: bool = False

    @property
    def container_path(self) -> str:
        """Where the container sees it, unless another path is given."""
        return f"/opt/efs/{self.name}"


SCRATCH: Final = VolumeRole("scratch")
SHARED: Final = VolumeRole("shared", read_only=True)
TMP: Final = VolumeRole("tmp")


class BatchEFSConfiguration(NamedTuple):
    """An EFS volume of a job.

    Args:
        mount_point_config: what is mounted where in the container.
        read_only: whether the job may only read it.
    """

    mount_point_config: MountPoint
    read_only: bool = False

    @property
    def mount_path(self) -> PurePosixPath:
        """Where the container sees it."""
        return self.mount_point_config.path

    @property
    def name(self) -> str:
        """What the job definition calls the volume."""
        mount = self.mount_point_config
        return build_efs_volume_name(mount.path, mount.file_system_id, mount.access_point_id)

    def to_volume(self) -> JSONObject:
        """Return it as an entry of a job definition's ``volumes``."""
        mount = self.mount_point_config
        configuration: JSONObject = {"fileSystemId": mount.file_system_id, "rootDirectory": "/"}
        if mount.access_point_id:
            # Access points demand encryption:
            # https://docs.aws.amazon.com/batch/latest/APIReference/API_EFSVolumeConfiguration.html
            configuration |= {
                "transitEncryption": "ENABLED",
                "authorizationConfig": {
                    "accessPointId": mount.access_point_id,
                    "iam": "DISABLED",
                },
            }
        return {"name": self.name, "efsVolumeConfiguration": configuration}

    def to_mount_point(self) -> JSONObject:
        """Return it as an entry of a job definition's ``mountPoints``."""
        return {
            "containerPath": str(self.mount_path),
            "readOnly": self.read_only,
            "sourceVolume": self.name,
        }


def select_file_system(
    file_system_configurations: Sequence[FileSystemConfiguration],
    selection_strategy: FileSystemSelectionStrategy = FileSystemSelectionStrategy.RANDOM,
    seed: str | int | None = None,
) -> FileSystemConfiguration:
    """Return one of several file systems: with the same seed always the same one.

    Raises:
        ValueError: there is none to choose from, or no such strategy.
    """
    if not file_system_configurations:
        raise ValueError("there is no file system to choose from")
    strategy = FileSystemSelectionStrategy(selection_strategy)
    if len(file_system_configurations) == 1:
        return file_system_configurations[0]
    if strategy is not FileSystemSelectionStrategy.RANDOM:
        raise ValueError(f"{strategy} is not supported: expected RANDOM")
    # Spreads load; nothing is kept secret by it.
    return random.Random(seed).choice(file_system_configurations)  # noqa: S311


def make_inventory() -> EfsInventory:
    """Return what EFS is asked through; one for each request."""
    # As late as the client of EFS itself: a request that is refused does without.
    from aibs_informatics_aws_lambda.storage.efs_inventory import EfsInventory

    return EfsInventory()


def resolve_volume(
    role: VolumeRole,
    candidates: DemandFileSystemConfigurations,
    execution_id: str,
    env_base: EnvBase,
    inventory: EfsInventory,
) -> BatchEFSConfiguration:
    """Return the volume of a role that an execution uses.

    Raises:
        ValueError: the file system or access point does not exist, or there are several.
        AWSError: EFS cannot be asked.
    """
    chosen = select_file_system(
        getattr(candidates, role.name),
        candidates.selection_strategy,
        seed=f"{execution_id}#{role.name}",
    )
    return construct_batch_efs_configuration(
        env_base,
        chosen.container_path or role.container_path,
        chosen.file_system,
        chosen.access_point or role.name,
        role.read_only,
        inventory,
    )


def construct_batch_efs_configuration(
    env_base: EnvBase,
    container_path: str | PurePath,
    file_system: str | None,
    access_point: str | None,
    read_only: bool = False,
    inventory: EfsInventory | None = None,
) -> BatchEFSConfiguration:
    """Return the volume of a file system and an access point, each given by id, ARN or name.

    Both must carry the tag ``env_base`` of the environment. The file system that an access point
    leads to need not, where only the access point is given.

    Args:
        env_base: the environment.
        container_path: where the container sees the volume.
        file_system: by default that of the access point.
        access_point: by default none: the whole file system is mounted.
        read_only: whether the job may only read it.
        inventory: what EFS has been asked already; by default nothing.

    Raises:
        ValueError: one of them does not exist, there are several, or neither is given.
        AWSError: EFS cannot be asked.
    """
    inventory = inventory or make_inventory()
    tags = {ENV_BASE_KEY: str(env_base)}
    path = PurePosixPath(container_path)
    file_system_id = inventory.find_file_system(file_system, tags).id if file_system else None
    if access_point:
        found = inventory.find_access_point(access_point, file_system_id, tags)
        mount_point = MountPoint(path, found.file_system_id, found.id, found.root)
    elif file_system_id:
        mount_point = MountPoint(path, file_system_id)
    else:
        raise ValueError(f"neither a file system nor an access point is given for {path}")
    return BatchEFSConfiguration(mount_point, read_only)


def get_batch_efs_configuration(
    env_base: EnvBase,
    container_path: str | PurePath,
    access_point_name: str,
    file_system_name: str | None = None,
    read_only: bool = False,
) -> BatchEFSConfiguration:
    """Return the volume of an access point by name.

    Args:
        env_base: the environment; the access point must carry it as the tag ``env_base``.
        container_path: where the container sees the volume.
        access_point_name: the name of the access point.
        file_system_name: the name of the file system in that environment, without its prefix.
        read_only: whether the job may only read it.

    Raises:
        ValueError: one of them does not exist, or there are several.
        AWSError: EFS cannot be asked.
    """
    file_system = env_base.get_resource_name(file_system_name) if file_system_name else None
    return construct_batch_efs_configuration(
        env_base, container_path, file_system, access_point_name, read_only
    )
