from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.storage.efs_inventory import EfsInventory, find_efs_id

ENV_BASE = "dev-golden"
TAGS = {"env_base": ENV_BASE}
ARN = "arn:aws:elasticfilesystem:us-west-2:123456789012"


@pytest.fixture
def main(efs):
    return efs.make_file_system("main", env_base=ENV_BASE)


def test_a_file_system_is_found_by_id_arn_and_name(efs, main):
    efs.make_file_system("other", env_base=ENV_BASE)
    inventory = EfsInventory()

    for reference in (main, f"{ARN}:file-system/{main}", "main"):
        assert inventory.find_file_system(reference, TAGS).id == main


def test_an_access_point_is_found_by_id_arn_and_name(efs, main):
    made = efs.make_access_point(main, "scratch", "/scratch", env_base=ENV_BASE)
    inventory = EfsInventory()

    for reference in (made, f"{ARN}:access-point/{made}", "scratch"):
        found = inventory.find_access_point(reference, tags=TAGS)
        assert (found.id, found.file_system_id, found.root) == (
            made,
            main,
            PurePosixPath("/scratch"),
        )


@pytest.mark.parametrize("by_id", [True, False])
def test_tags_must_match_even_when_found_by_id(efs, by_id):
    file_system = efs.make_file_system("main", env_base="dev-other")
    access_point = efs.make_access_point(file_system, "scratch", env_base="dev-other")

    with pytest.raises(ResourceNotFoundError, match=r"file system .*env_base=dev-golden"):
        EfsInventory().find_file_system(file_system if by_id else "main", TAGS)
    with pytest.raises(ResourceNotFoundError, match=r"access point .*env_base=dev-golden"):
        EfsInventory().find_access_point(access_point if by_id else "scratch", tags=TAGS)


@pytest.mark.parametrize("by_id", [True, False])
def test_access_points_of_other_file_systems_are_ignored(efs, main, by_id):
    other = efs.make_file_system("other")
    access_point = efs.make_access_point(other, "scratch")

    with pytest.raises(ResourceNotFoundError, match=main):
        EfsInventory().find_access_point(access_point if by_id else "scratch", main)


@pytest.mark.parametrize("reference", ["fs-99999999", f"{ARN}:file-system/fs-99999999", "nope"])
def test_an_unknown_file_system_is_named(aws, reference):
    with pytest.raises(ResourceNotFoundError, match=f"file system '{reference}'"):
        EfsInventory().find_file_system(reference)


@pytest.mark.parametrize("reference", ["fsap-99999999", "nope", "fs-99999999"])
def test_an_unknown_access_point_is_named(efs, main, reference):
    with pytest.raises(ResourceNotFoundError, match=f"access point '{reference}'"):
        EfsInventory().find_access_point(reference)


def test_several_matches_are_an_error_that_lists_their_ids(efs, main):
    other = efs.make_file_system("other")
    ids = [efs.make_access_point(one, "scratch") for one in (main, other)]

    with pytest.raises(ValueError, match=", ".join(sorted(ids))):
        EfsInventory().find_access_point("scratch")
    assert EfsInventory().find_access_point("scratch", other).id == ids[1]


def test_every_page_of_a_listing_is_read(efs, main):
    made = [efs.make_access_point(main, f"point-{number}") for number in range(103)]
    inventory = EfsInventory()

    assert [inventory.find_access_point(f"point-{number}").id for number in range(103)] == made


def test_each_listing_is_requested_once(aws, answer_with):
    access_points = [
        {"AccessPointId": "fsap-12345678", "FileSystemId": "fs-12345678", "Name": name}
        for name in ("scratch", "shared")
    ]
    asked = answer_with("EFS", {"AccessPoints": access_points})
    inventory = EfsInventory()

    inventory.find_access_point("scratch")
    inventory.find_access_point("shared")

    assert len(asked) == 1


def test_resources_that_are_being_deleted_are_ignored(aws, answer_with):
    states = {"fsap-12345678": "deleting", "fsap-23456789": "available"}
    answer_with(
        "EFS",
        {
            "AccessPoints": [
                {
                    "AccessPointId": access_point,
                    "FileSystemId": "fs-12345678",
                    "Name": "scratch",
                    "LifeCycleState": state,
                }
                for access_point, state in states.items()
            ]
        },
    )

    assert EfsInventory().find_access_point("scratch").id == "fsap-23456789"


def test_denied_access_names_the_permission(aws, answer_with):
    answer_with(
        "EFS", {"ErrorCode": "AccessDeniedException", "__type": "AccessDeniedException"}, 403
    )

    with pytest.raises(AWSError, match="elasticfilesystem:DescribeFileSystems"):
        EfsInventory().find_file_system("main")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fs-12345678", "fs-12345678"),
        (f"{ARN}:access-point/fsap-0123456789abcdef0", "fsap-0123456789abcdef0"),
        ("fsap-1234567", None),
        ("xfs-12345678", None),
        ("fs-12345678/", None),
        ("scratch", None),
    ],
)
def test_ids_are_found_at_the_end_of_arns(text, found):
    assert find_efs_id(text) == found
