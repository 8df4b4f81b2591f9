from __future__ import annotations

from pathlib import PurePosixPath

from aibs_informatics_aws_lambda.storage.mount_points import (
    EFS_MOUNT_VARIABLES,
    MountPoint,
    to_env_vars,
)


def test_the_default_suffix_is_derived_from_path_and_id():
    assert to_env_vars("/opt/efs/scratch", "fsap-12345678") == {
        "EFS_MOUNT_POINT_PATH_ea9f88": "/opt/efs/scratch",
        "EFS_MOUNT_POINT_ID_ea9f88": "fsap-12345678",
    }


def test_the_suffix_can_be_given():
    assert to_env_vars("/mnt", "fs-12345678", "DATA") == {
        "EFS_MOUNT_POINT_PATH_DATA": "/mnt",
        "EFS_MOUNT_POINT_ID_DATA": "fs-12345678",
    }


def test_the_variables_are_the_documented_ones():
    assert set(to_env_vars("/mnt", "fs-12345678", "<NAME>")) == set(EFS_MOUNT_VARIABLES)


def test_a_mount_is_described_by_its_access_point_or_else_its_file_system():
    path = PurePosixPath("/mnt")
    whole = MountPoint(path, "fs-12345678")
    through_access_point = MountPoint(path, "fs-12345678", "fsap-12345678")

    assert whole.as_env_vars("X")["EFS_MOUNT_POINT_ID_X"] == "fs-12345678"
    assert through_access_point.as_env_vars("X")["EFS_MOUNT_POINT_ID_X"] == "fsap-12345678"
