"""What the tests of demand share: an execution, volumes, and file systems for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.demand.volumes import BatchEFSConfiguration
from aibs_informatics_aws_lambda.storage.mount_discovery import forget_mount_points
from aibs_informatics_aws_lambda.storage.mount_points import MountPoint

ENV_BASE = "dev-golden"
FS = "fs-12345678"


@pytest.fixture
def make_execution() -> Callable[..., dict[str, Any]]:
    """Return a demand execution; arguments replace fields of its parameters, or of itself."""

    def make(parameters: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        return {
            "execution_type": "align",
            "execution_id": "exec-0001",
            "execution_image": "123456789012.dkr.ecr.us-west-2.amazonaws.com/tools/align:1.0",
            "execution_parameters": {
                "command": ["align", "--in", "${IN}"],
                "params": {"in": "s3://bucket/raw/a.fastq", "out": "aligned", "threads": 8},
                "inputs": ["in"],
                "outputs": ["out"],
                "output_s3_prefix": "s3://bucket/results",
                **(parameters or {}),
            },
            "execution_platform": {"aws_batch": {"job_queue_name": "queue"}},
            **fields,
        }

    return make


@pytest.fixture
def make_volume() -> Callable[..., BatchEFSConfiguration]:
    """Return a volume that looks as if EFS had been asked."""

    def make(
        path: str,
        root: str | None = None,
        fs: str = FS,
        access_point: str | None = "fsap-12345678",
        read_only: bool = False,
    ) -> BatchEFSConfiguration:
        name = PurePosixPath(path).name
        mount = MountPoint(
            PurePosixPath(path), fs, access_point, PurePosixPath(root or f"/{name}")
        )
        return BatchEFSConfiguration(mount, read_only)

    return make


@dataclass(frozen=True)
class FileSystems:
    """File systems and access points in the stand-in for AWS."""

    client: Any

    def make(self, name: str = "main", env_base: str = ENV_BASE) -> str:
        made = self.client.create_file_system(CreationToken=name, Tags=tags(name, env_base))
        return made["FileSystemId"]

    def make_access_point(
        self, file_system: str, name: str, root: str | None = None, env_base: str = ENV_BASE
    ) -> str:
        made = self.client.create_access_point(
            FileSystemId=file_system,
            ClientToken=f"{file_system}{name}{root}{env_base}",
            RootDirectory={"Path": root or f"/{name}"},
            Tags=tags(name, env_base),
        )
        return made["AccessPointId"]


def tags(name: str, env_base: str) -> list[dict[str, str]]:
    return [{"Key": "Name", "Value": name}, {"Key": "env_base", "Value": env_base}]


@pytest.fixture
def file_systems(aws, monkeypatch) -> FileSystems:
    """The stand-in for AWS without any file system, and the environment of the tests."""
    monkeypatch.setenv("ENV_BASE", ENV_BASE)
    return FileSystems(aws.client("efs"))


@pytest.fixture
def usual(file_systems) -> str:
    """The usual access points, on one file system, whose id is returned."""
    file_system = file_systems.make()
    for name in ("scratch", "shared", "tmp"):
        file_systems.make_access_point(file_system, name)
    return file_system


@pytest.fixture
def scratch_here(usual, monkeypatch, tmp_path) -> Path:
    """A local folder at which the whole of that file system is said to be mounted."""
    folder = tmp_path / "efs"
    folder.mkdir()
    monkeypatch.setenv("EFS_MOUNT_POINT_PATH_MAIN", str(folder))
    monkeypatch.setenv("EFS_MOUNT_POINT_ID_MAIN", usual)
    return folder / "scratch"


@pytest.fixture(autouse=True)
def _nothing_known_of_mounts(no_aws, monkeypatch) -> None:
    forget_mount_points()
    for name in ("env_base", "ENV_BASE", "env_type", "ENV_TYPE", "AWS_BATCH_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
