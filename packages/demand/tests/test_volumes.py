from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from aibs_informatics_aws_lambda.common.env import EnvBase
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.demand.model import (
    DemandFileSystemConfigurations,
    FileSystemConfiguration,
)
from aibs_informatics_aws_lambda.handlers.demand.volumes import (
    BatchEFSConfiguration,
    construct_batch_efs_configuration,
    get_batch_efs_configuration,
    select_file_system,
)
from aibs_informatics_aws_lambda.storage.mount_points import MountPoint

ENV_BASE = EnvBase("dev-golden")


def test_all_roles_except_tmp_have_a_default():
    assert DemandFileSystemConfigurations.from_dict({}).to_dict() == {
        "shared": [{}],
        "scratch": [{}],
        "tmp": [],
        "selection_strategy": "RANDOM",
    }


def test_an_object_is_a_list_of_one():
    given = {"scratch": {"containerPath": "/mnt/s/"}, "shared": [{}], "tmp": {}}

    read = DemandFileSystemConfigurations.from_dict(given)

    assert read.scratch == [FileSystemConfiguration(container_path="/mnt/s")]
    assert read.tmp == [FileSystemConfiguration()]


@pytest.mark.parametrize("field", ["scratch", "shared"])
@pytest.mark.parametrize("value", [[], None, "x"])
def test_scratch_and_shared_need_a_candidate(field, value):
    with pytest.raises(ValidationError, match=field):
        DemandFileSystemConfigurations.from_dict({field: value})


@pytest.mark.parametrize("value", [[], None])
def test_tmp_needs_no_candidate(value):
    assert DemandFileSystemConfigurations.from_dict({"tmp": value}).tmp == []


def test_other_strategies_are_an_error():
    with pytest.raises(ValidationError, match="selection_strategy"):
        DemandFileSystemConfigurations.from_dict({"selection_strategy": "FIRST"})


def test_empty_names_mean_null():
    empty = {"access_point": "", "container_path": ""}

    assert FileSystemConfiguration.from_dict(empty).to_dict() == {}


@pytest.mark.parametrize("path", ["data", "./data", "/a/../b", "/a\0", "/${IN}"])
def test_a_container_path_must_be_absolute_and_plain(path):
    with pytest.raises(ValidationError, match="container_path"):
        FileSystemConfiguration.from_dict({"container_path": path})


@pytest.mark.parametrize(
    ("execution_id", "of_2", "of_3", "of_4"),
    [
        ("exec-0001", (0, 0, 0), (0, 0, 0), (0, 0, 1)),
        ("exec-0002", (1, 1, 0), (1, 2, 0), (2, 2, 0)),
        ("run-7b", (0, 1, 1), (2, 2, 2), (0, 3, 2)),
    ],
)
def test_one_of_several_is_selected_by_execution_and_role(execution_id, of_2, of_3, of_4):
    for count, expected in ((2, of_2), (3, of_3), (4, of_4)):
        candidates = [FileSystemConfiguration(container_path=f"/{n}") for n in range(count)]
        chosen = [
            select_file_system(candidates, seed=f"{execution_id}#{role}")
            for role in ("scratch", "shared", "tmp")
        ]
        assert tuple(map(candidates.index, chosen)) == expected


def test_an_empty_list_is_an_error():
    with pytest.raises(ValueError, match="cannot select a file system"):
        select_file_system([])


def test_a_volume_with_access_point_is_encrypted_in_transit():
    mount = MountPoint(PurePosixPath("/opt/efs/scratch"), "fs-12345678", "fsap-12345678")
    volume = BatchEFSConfiguration(mount, read_only=True)

    assert volume.to_volume() == {
        "name": "scratch-8155b1d3",
        "efsVolumeConfiguration": {
            "fileSystemId": "fs-12345678",
            "rootDirectory": "/",
            "transitEncryption": "ENABLED",
            "authorizationConfig": {"accessPointId": "fsap-12345678", "iam": "DISABLED"},
        },
    }
    assert volume.to_mount_point() == {
        "containerPath": "/opt/efs/scratch",
        "readOnly": True,
        "sourceVolume": "scratch-8155b1d3",
    }


def test_a_volume_without_access_point_has_no_encryption_settings():
    volume = BatchEFSConfiguration(MountPoint(PurePosixPath("/opt/efs/scratch"), "fs-12345678"))

    assert volume.to_volume() == {
        "name": "scratch-1e7230d0",
        "efsVolumeConfiguration": {"fileSystemId": "fs-12345678", "rootDirectory": "/"},
    }


def test_the_file_system_of_an_access_point_needs_no_tag(file_systems):
    untagged = file_systems.make("main", env_base="dev-other")
    file_systems.make_access_point(untagged, "scratch")

    volume = construct_batch_efs_configuration(ENV_BASE, "/mnt", None, "scratch")

    assert volume.mount_point_config.file_system_id == untagged
    with pytest.raises(ValueError, match=f"file system '{untagged}'.*env_base=dev-golden"):
        construct_batch_efs_configuration(ENV_BASE, "/mnt", untagged, "scratch")


def test_a_whole_file_system_can_be_mounted(file_systems):
    file_system = file_systems.make("main")

    volume = construct_batch_efs_configuration(ENV_BASE, "/mnt", "main", None)

    assert volume.mount_point_config == MountPoint(PurePosixPath("/mnt"), file_system)
    with pytest.raises(ValueError, match="neither a file system nor an access point"):
        construct_batch_efs_configuration(ENV_BASE, "/mnt", None, None)


def test_a_file_system_name_gets_the_prefix_of_the_environment(file_systems):
    for name in ("data", "dev-golden-data"):
        file_systems.make_access_point(file_systems.make(name), "scratch", f"/{name}")

    volume = get_batch_efs_configuration(ENV_BASE, "/mnt", "scratch", "data", read_only=True)

    assert (str(volume.mount_point_config.root), volume.read_only) == ("/dev-golden-data", True)
    with pytest.raises(ValueError, match="2 EFS access points named 'scratch'"):
        get_batch_efs_configuration(ENV_BASE, "/mnt", "scratch")


def test_a_volume_can_be_built_from_an_access_point_with_any_tags(file_systems):
    file_system = file_systems.make("main", env_base="dev-other")
    access_point = file_systems.make_access_point(file_system, "scratch")

    volume = BatchEFSConfiguration.build("scratch", "/mnt", read_only=True)

    assert volume.mount_point_config.file_system_id == file_system
    assert volume.mount_point_config.access_point_id == access_point
    assert (str(volume.mount_path), volume.read_only) == ("/mnt", True)
