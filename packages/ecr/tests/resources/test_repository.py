from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.common.exceptions import (
    AWSError,
    ResourceNotFoundError,
    ValidationError,
)
from aibs_informatics_aws_lambda.handlers.ecr import (
    ECRRepository,
    LifecyclePolicy,
    LifecyclePolicyRule,
    TagMode,
)

ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com"


def test_repository_from_uri_arn_and_name(aws):
    by_uri = ECRRepository.from_uri(f"{REGISTRY}/team/image")

    assert by_uri.arn == f"arn:aws:ecr:us-west-2:{ACCOUNT}:repository/team/image"
    assert ECRRepository.from_arn(by_uri.arn) == by_uri
    assert ECRRepository.from_name("team/image") == by_uri
    assert by_uri.registry_uri == REGISTRY


@pytest.mark.parametrize("arn", ["arn:aws:s3:::bucket", "team/image", ""])
def test_invalid_arn_is_rejected(arn):
    with pytest.raises(ValidationError, match="is not the ARN of a repository"):
        ECRRepository.from_arn(arn)


def test_create_and_delete(aws):
    found = ECRRepository.from_name("image")

    assert not found.exists()
    found.create(image_tag_mutability="IMMUTABLE")
    assert found.exists()
    (described,) = aws.client("ecr").describe_repositories()["repositories"]
    assert described["imageTagMutability"] == "IMMUTABLE"
    found.delete()
    assert not found.exists()


def test_create_of_an_existing_repository_adds_resource_tags_or_fails(repository):
    repository.create(tags=[{"Key": "team", "Value": "one"}])

    assert repository.get_resource_tags() == [{"Key": "team", "Value": "one"}]
    with pytest.raises(AWSError, match=f"cannot create {repository.uri}"):
        repository.create(exists_ok=False)


def test_delete_of_a_repository_with_images_requires_force(repository, put):
    put(repository, 1)

    with pytest.raises(AWSError, match="cannot delete"):
        repository.delete()
    repository.delete(force=True)

    assert not repository.exists()


def test_resource_tags_are_appended_or_overwritten(repository):
    one, two = {"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}

    repository.update_resource_tags(one)
    repository.update_resource_tags(two)
    assert sorted(tag["Key"] for tag in repository.get_resource_tags()) == ["a", "b"]

    repository.update_resource_tags(two, mode=TagMode.OVERWRITE)
    assert repository.get_resource_tags() == [two]
    repository.update_resource_tags(mode="overwrite")
    assert repository.get_resource_tags() == []


def test_put_lifecycle_policy(aws, repository):
    repository.put_lifecycle_policy(
        LifecyclePolicy.from_rules(LifecyclePolicyRule.REMOVE_UNTAGGED())
    )

    stored = aws.client("ecr").get_lifecycle_policy(repositoryName="team/image")
    assert json.loads(stored["lifecyclePolicyText"]) == {
        "rules": [
            {
                "rulePriority": 1,
                "description": "Expire untagged images after 14 days",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countNumber": 14,
                    "countUnit": "days",
                },
                "action": {"type": "expire"},
            }
        ]
    }


def test_get_images_by_tag_status_returns_each_image_once(repository, put):
    tagged, untagged = put(repository, 1, "a", "b"), put(repository, 5)

    assert {one.image_digest for one in repository.get_images()} == {
        tagged.image_digest,
        untagged.image_digest,
    }
    assert repository.get_images("TAGGED") == [tagged]
    assert repository.get_images("UNTAGGED") == [untagged]


def test_get_images_with_more_images_than_the_limit_of_one_call(repository, put):
    for number in range(101):
        put(repository, 10 * number)

    assert len(repository.get_images()) == 101


def test_get_image_by_tag_or_digest(repository, put):
    image = put(repository, 1, "v1")

    assert repository.get_image(image_tag="v1") == image
    assert repository.get_image(image_digest=image.image_digest) == image
    with pytest.raises(ResourceNotFoundError, match=f"{repository.uri}:v2"):
        repository.get_image(image_tag="v2")
    for arguments in ({}, {"image_tag": "v1", "image_digest": image.image_digest}):
        with pytest.raises(ValueError, match="either image_tag or image_digest"):
            repository.get_image(**arguments)
