from __future__ import annotations

import logging
from pathlib import PurePosixPath

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.mount_discovery import find_mount_points, resolve_efs_path
from aibs_informatics_aws_lambda.storage.mount_points import MountPoint


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def file_system(efs):
    return efs.make_file_system("main")


@pytest.fixture
def access_point(efs, file_system):
    return efs.make_access_point(file_system, "scratch", "/scratch")


@pytest.fixture
def set_mounts(monkeypatch):
    def set_variables(path, target, suffix="_SCRATCH"):
        monkeypatch.setenv(f"EFS_MOUNT_POINT_PATH{suffix}", str(path))
        monkeypatch.setenv(f"EFS_MOUNT_POINT_ID{suffix}", target)

    return set_variables


def describe_job(path, volume):
    """Return the response of DescribeJobs for a job with one EFS volume."""
    container = {
        "mountPoints": [
            {"containerPath": str(path), "readOnly": False, "sourceVolume": "scratch"},
            {"containerPath": "/host", "readOnly": False, "sourceVolume": "host"},
        ],
        "volumes": [
            {"name": "scratch", "efsVolumeConfiguration": volume},
            {"name": "host", "host": {"sourcePath": "/host"}},
        ],
    }
    return {"jobs": [{"jobId": "job", "container": container}]}


@pytest.mark.parametrize("suffix", ["", "_SCRATCH", "2"])
def test_variables_can_name_an_access_point(set_mounts, folder, file_system, access_point, suffix):
    set_mounts(folder, access_point, suffix)

    assert find_mount_points() == (
        MountPoint(
            PurePosixPath(folder), file_system, access_point, root=PurePosixPath("/scratch")
        ),
    )
    assert resolve_efs_path(EFSPath(f"{file_system}:/scratch/a")) == folder / "a"


def test_variables_can_name_a_file_system_or_an_arn(set_mounts, folder, file_system, access_point):
    arn = "arn:aws:elasticfilesystem:us-west-2:123456789012:access-point/" + access_point
    set_mounts(folder, arn)
    set_mounts(folder.parent, file_system, "_WHOLE")

    assert {mount.path.name: str(mount.root) for mount in find_mount_points()} == {
        "scratch": "/scratch",
        folder.parent.name: "/",
    }


@pytest.mark.parametrize(
    ("variables", "warning"),
    [
        ({"EFS_MOUNT_POINT_PATH_X": "/tmp"}, "must both be set"),
        ({"EFS_MOUNT_POINT_ID_X": "fs-12345678"}, "must both be set"),
        (
            {"EFS_MOUNT_POINT_PATH_X": "/tmp", "EFS_MOUNT_POINT_ID_X": "vol-1"},
            "is not an ID or ARN",
        ),
        ({"EFS_MOUNT_POINT_PATH_X": "/tmp", "EFS_MOUNT_POINT_ID_X": "fs-99999999"}, "fs-99999999"),
    ],
)
def test_a_broken_pair_of_variables_is_skipped_with_a_warning(
    set_mounts, folder, access_point, monkeypatch, caplog, variables, warning
):
    set_mounts(folder, access_point)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert [mount.access_point_id for mount in find_mount_points()] == [access_point]
    assert [warning in record.message for record in caplog.records] == [True]
    assert caplog.records[0].levelno == logging.WARNING


def test_a_mount_point_without_a_directory_is_skipped_and_not_cached(
    set_mounts, tmp_path, access_point, caplog
):
    set_mounts(tmp_path / "later", access_point)

    assert find_mount_points() == ()
    assert "is not a directory here" in caplog.text
    (tmp_path / "later").mkdir()
    assert len(find_mount_points()) == 1


def test_two_targets_at_one_mount_path_are_an_error(set_mounts, folder, file_system, access_point):
    set_mounts(folder, access_point)
    set_mounts(f"{folder}/", file_system, "_OTHER")

    with pytest.raises(ValueError, match=f"two EFS mounts have the mount path {folder}"):
        find_mount_points()


def test_duplicate_mounts_are_merged(set_mounts, folder, access_point):
    set_mounts(folder, access_point)
    set_mounts(f"{folder}/", access_point, "_AGAIN")

    assert len(find_mount_points()) == 1


def test_a_batch_job_reads_its_own_description_once(
    aws, monkeypatch, answer_with, folder, file_system, access_point, set_mounts
):
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "job")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    set_mounts("/tmp", file_system)
    volume = {
        "fileSystemId": file_system,
        "rootDirectory": "/",
        "authorizationConfig": {"accessPointId": access_point, "iam": "DISABLED"},
    }
    asked = answer_with("BATCH", describe_job(folder, volume))

    for _ in range(2):
        assert resolve_efs_path(EFSPath(f"{file_system}:/scratch/a")) == folder / "a"
    assert asked == ["/v1/describejobs"]


def test_a_volume_without_access_point_is_mounted_at_its_root_directory(
    aws, monkeypatch, answer_with, folder
):
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "job")
    answer_with(
        "BATCH", describe_job(folder, {"fileSystemId": "fs-12345678", "rootDirectory": "/r"})
    )

    assert resolve_efs_path(EFSPath("fs-12345678:/r/a")) == folder / "a"


def test_an_unknown_batch_job_has_no_mounts(aws, monkeypatch, answer_with, caplog):
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "gone")
    asked = answer_with("BATCH", {"jobs": []})

    assert find_mount_points() == ()
    assert find_mount_points() == ()
    assert "gone" in caplog.text
    assert len(asked) == 2


def test_a_function_reads_its_own_configuration_once(
    aws, monkeypatch, answer_with, folder, file_system, access_point, set_mounts
):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    set_mounts("/tmp", file_system)
    arn = f"arn:aws:elasticfilesystem:us-west-2:123456789012:access-point/{access_point}"
    asked = answer_with(
        "LAMBDA", {"FileSystemConfigs": [{"Arn": arn, "LocalMountPath": str(folder)}]}
    )

    for _ in range(2):
        assert [mount.access_point_id for mount in find_mount_points()] == [access_point]
    assert len(asked) == 1


def test_a_function_without_file_system_has_no_mounts(
    aws, monkeypatch, answer_with, folder, access_point, set_mounts
):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    set_mounts(folder, access_point)
    answer_with("LAMBDA", {})

    assert find_mount_points() == ()
    with pytest.raises(ValueError, match="not mounted here; mount points: none"):
        resolve_efs_path(EFSPath("fs-12345678:/a"))


def test_a_mount_of_another_kind_of_file_system_is_skipped(aws, monkeypatch, answer_with, caplog):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    config = {"Arn": "arn:aws:other:us-west-2:123456789012:share/1", "LocalMountPath": "/tmp"}
    answer_with("LAMBDA", {"FileSystemConfigs": [config]})

    assert find_mount_points() == ()
    assert "is not an EFS resource" in caplog.text


def test_a_function_that_cannot_be_described_is_an_error(aws, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "missing")

    with pytest.raises(AWSError, match="the function missing"):
        find_mount_points()


def test_the_cache_follows_the_environment(set_mounts, folder, file_system, access_point):
    set_mounts(folder, access_point)
    assert [str(mount.root) for mount in find_mount_points()] == ["/scratch"]
    set_mounts(folder, file_system)
    assert [str(mount.root) for mount in find_mount_points()] == ["/"]
