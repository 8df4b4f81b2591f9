"""Select and look up the EFS volumes of a job."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

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
    """The role of a volume.

    Args:
        name: the name of the role, and the default name of the access point.
        read_only: whether the job mounts the volume read-only.
    """

    name: str
    read_only: bool = False

    @property
    def container_path(self) -> str:
        """The default container path."""
        return f"/opt/efs/{self.name}"


SCRATCH = VolumeRole("scratch")
SHARED = VolumeRole("shared", read_only=True)
TMP = VolumeRole("tmp")

EFS_SCRATCH_ACCESS_POINT_NAME = SCRATCH.name
EFS_SHARED_ACCESS_POINT_NAME = SHARED.name
EFS_TMP_ACCESS_POINT_NAME = TMP.name

# The default root directories of the access points, on the file system.
EFS_SCRATCH_PATH = "/scratch"
EFS_SHARED_PATH = "/shared"
EFS_TMP_PATH = "/tmp"  # noqa: S108 - not a local path


class BatchEFSConfiguration(NamedTuple):
    """An EFS volume of a job.

    Args:
        mount_point_config: the mount point in the container.
        read_only: whether the job mounts the volume read-only.
    """

    mount_point_config: MountPoint
    read_only: bool = False

    @classmethod
    def build(
        cls, access_point: str, mount_path: str | PurePath, read_only: bool = False
    ) -> BatchEFSConfiguration:
        """Look up the volume of an access point by ID, ARN or name, whatever its tags.

        Args:
            access_point: the ID, ARN or name of the access point.
            mount_path: the container path of the volume.
            read_only: whether the job mounts the volume read-only.

        Raises:
            ValueError: no access point matches, or several match.
            AWSError: an EFS request failed.
        """
        found = make_inventory().find_access_point(access_point)
        path = PurePosixPath(mount_path)
        return cls(MountPoint(path, found.file_system_id, found.id, found.root), read_only)

    @property
    def mount_path(self) -> PurePosixPath:
        """The container path."""
        return self.mount_point_config.path

    @property
    def name(self) -> str:
        """The name of the volume in the job definition."""
        mount = self.mount_point_config
        return build_efs_volume_name(mount.path, mount.file_system_id, mount.access_point_id)

    def to_volume(self) -> JSONObject:
        """Return the entry for ``volumes`` of a job definition."""
        mount = self.mount_point_config
        configuration: JSONObject = {"fileSystemId": mount.file_system_id, "rootDirectory": "/"}
        if mount.access_point_id:
            # Access points require encryption in transit:
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
        """Return the entry for ``mountPoints`` of a job definition."""
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
    """Select one of several file systems; the same seed selects the same one.

    Raises:
        ValueError: the sequence is empty, or the strategy is not supported.
    """
    if not file_system_configurations:
        raise ValueError("cannot select a file system: the list is empty")
    strategy = FileSystemSelectionStrategy(selection_strategy)
    if len(file_system_configurations) == 1:
        return file_system_configurations[0]
    if strategy is not FileSystemSelectionStrategy.RANDOM:
        raise ValueError(f"{strategy} is not supported: expected RANDOM")
    # For load balancing, not for security.
    return random.Random(seed).choice(file_system_configurations)  # noqa: S311


def make_inventory() -> EfsInventory:
    """Return the EFS inventory of a request."""
    # Imported late: invalid requests do not need it.
    from aibs_informatics_aws_lambda.storage.efs_inventory import EfsInventory

    return EfsInventory()


def resolve_volume(
    role: VolumeRole,
    candidates: DemandFileSystemConfigurations,
    execution_id: str,
    env_base: EnvBase,
    inventory: EfsInventory,
) -> BatchEFSConfiguration:
    """Select and look up the volume of a role.

    Raises:
        ValueError: no file system or access point matches, or several match.
        AWSError: an EFS request failed.
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
    """Look up the file system and access point of a volume, each by ID, ARN or name.

    Both must have the tag ``env_base``. Without ``file_system``, the file system of the access
    point needs no tag.

    Args:
        env_base: the environment base, which is the value of the tag.
        container_path: the container path of the volume.
        file_system: default: the file system of the access point.
        access_point: default: none, which mounts the whole file system.
        read_only: whether the job mounts the volume read-only.
        inventory: the EFS inventory; default: a new one.

    Raises:
        ValueError: no file system or access point matches, several match, or neither is given.
        AWSError: an EFS request failed.
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
        raise ValueError(f"the volume at {path} has neither a file system nor an access point")
    return BatchEFSConfiguration(mount_point, read_only)


def get_batch_efs_configuration(
    env_base: EnvBase,
    container_path: str | PurePath,
    access_point_name: str,
    file_system_name: str | None = None,
    read_only: bool = False,
) -> BatchEFSConfiguration:
    """Look up the volume of an access point by name.

    Args:
        env_base: the environment base; the access point must have it as the tag ``env_base``.
        container_path: the container path of the volume.
        access_point_name: the name of the access point.
        file_system_name: the name of the file system without the prefix of the environment.
        read_only: whether the job mounts the volume read-only.

    Raises:
        ValueError: no file system or access point matches, or several match.
        AWSError: an EFS request failed.
    """
    file_system = env_base.get_resource_name(file_system_name) if file_system_name else None
    return construct_batch_efs_configuration(
        env_base, container_path, file_system, access_point_name, read_only
    )
