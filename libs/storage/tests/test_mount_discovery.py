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
def say_mounted(monkeypatch):
    def say(path, target, suffix="_SCRATCH"):
        monkeypatch.setenv(f"EFS_MOUNT_POINT_PATH{suffix}", str(path))
        monkeypatch.setenv(f"EFS_MOUNT_POINT_ID{suffix}", target)

    return say


def describe_job(path, volume):
    """Return the answer of DescribeJobs for a job with one volume."""
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
def test_variables_name_an_access_point(say_mounted, folder, file_system, access_point, suffix):
    say_mounted(folder, access_point, suffix)

    assert find_mount_points() == (
        MountPoint(
            PurePosixPath(folder), file_system, access_point, root=PurePosixPath("/scratch")
        ),
    )
    assert resolve_efs_path(EFSPath(f"{file_system}:/scratch/a")) == folder / "a"


def test_variables_name_a_file_system_or_an_arn(say_mounted, folder, file_system, access_point):
    arn = "arn:aws:elasticfilesystem:us-west-2:123456789012:access-point/" + access_point
    say_mounted(folder, arn)
    say_mounted(folder.parent, file_system, "_WHOLE")

    assert {mount.path.name: str(mount.root) for mount in find_mount_points()} == {
        "scratch": "/scratch",
        folder.parent.name: "/",
    }


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"EFS_MOUNT_POINT_PATH_X": "/tmp"}, "come in pairs"),
        ({"EFS_MOUNT_POINT_ID_X": "fs-12345678"}, "come in pairs"),
        ({"EFS_MOUNT_POINT_PATH_X": "/tmp", "EFS_MOUNT_POINT_ID_X": "vol-1"}, "does not end in"),
        ({"EFS_MOUNT_POINT_PATH_X": "/tmp", "EFS_MOUNT_POINT_ID_X": "fs-99999999"}, "fs-99999999"),
    ],
)
def test_a_broken_pair_of_variables_is_skipped_with_a_warning(
    say_mounted, folder, access_point, monkeypatch, caplog, variables, said
):
    say_mounted(folder, access_point)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert [mount.access_point_id for mount in find_mount_points()] == [access_point]
    assert [said in record.message for record in caplog.records] == [True]
    assert caplog.records[0].levelno == logging.WARNING


def test_a_mount_without_its_folder_is_left_out_and_looked_for_again(
    say_mounted, tmp_path, access_point, caplog
):
    say_mounted(tmp_path / "later", access_point)

    assert find_mount_points() == ()
    assert "is not a folder here" in caplog.text
    (tmp_path / "later").mkdir()
    assert len(find_mount_points()) == 1


def test_two_targets_at_one_folder_are_an_error(say_mounted, folder, file_system, access_point):
    say_mounted(folder, access_point)
    say_mounted(f"{folder}/", file_system, "_OTHER")

    with pytest.raises(ValueError, match=f"two EFS mounts are said to be at {folder}"):
        find_mount_points()


def test_one_mount_said_twice_counts_once(say_mounted, folder, access_point):
    say_mounted(folder, access_point)
    say_mounted(f"{folder}/", access_point, "_AGAIN")

    assert len(find_mount_points()) == 1


def test_a_batch_job_is_asked_for_its_volumes(
    aws, monkeypatch, answer_with, folder, file_system, access_point, say_mounted
):
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "job")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    say_mounted("/tmp", file_system)
    volume = {
        "fileSystemId": file_system,
        "rootDirectory": "/",
        "authorizationConfig": {"accessPointId": access_point, "iam": "DISABLED"},
    }
    asked = answer_with("BATCH", describe_job(folder, volume))

    for _ in range(2):
        assert resolve_efs_path(EFSPath(f"{file_system}:/scratch/a")) == folder / "a"
    assert asked == ["/v1/describejobs"]


def test_a_volume_without_access_point_shows_its_root_directory(
    aws, monkeypatch, answer_with, folder
):
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "job")
    answer_with(
        "BATCH", describe_job(folder, {"fileSystemId": "fs-12345678", "rootDirectory": "/r"})
    )

    assert resolve_efs_path(EFSPath("fs-12345678:/r/a")) == folder / "a"


def test_a_job_that_batch_does_not_know_has_no_mounts(aws, monkeypatch, answer_with, caplog):
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "gone")
    asked = answer_with("BATCH", {"jobs": []})

    assert find_mount_points() == ()
    assert find_mount_points() == ()
    assert "gone" in caplog.text
    assert len(asked) == 2


def test_a_function_is_asked_for_its_configuration(
    aws, monkeypatch, answer_with, folder, file_system, access_point, say_mounted
):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    say_mounted("/tmp", file_system)
    arn = f"arn:aws:elasticfilesystem:us-west-2:123456789012:access-point/{access_point}"
    asked = answer_with(
        "LAMBDA", {"FileSystemConfigs": [{"Arn": arn, "LocalMountPath": str(folder)}]}
    )

    for _ in range(2):
        assert [mount.access_point_id for mount in find_mount_points()] == [access_point]
    assert len(asked) == 1


def test_a_function_without_file_system_has_no_mounts(
    aws, monkeypatch, answer_with, folder, access_point, say_mounted
):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    say_mounted(folder, access_point)
    answer_with("LAMBDA", {})

    assert find_mount_points() == ()
    with pytest.raises(ValueError, match="not mounted here; mounted are none"):
        resolve_efs_path(EFSPath("fs-12345678:/a"))


def test_a_mount_that_is_not_of_efs_is_left_out(aws, monkeypatch, answer_with, caplog):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    config = {"Arn": "arn:aws:other:us-west-2:123456789012:share/1", "LocalMountPath": "/tmp"}
    answer_with("LAMBDA", {"FileSystemConfigs": [config]})

    assert find_mount_points() == ()
    assert "is no EFS file system" in caplog.text


def test_a_function_that_may_not_be_asked_is_an_error(aws, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "missing")

    with pytest.raises(AWSError, match="the function missing"):
        find_mount_points()


def test_what_is_kept_follows_the_environment(say_mounted, folder, file_system, access_point):
    say_mounted(folder, access_point)
    assert [str(mount.root) for mount in find_mount_points()] == ["/scratch"]
    say_mounted(folder, file_system)
    assert [str(mount.root) for mount in find_mount_points()] == ["/"]
