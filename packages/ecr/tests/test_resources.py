"""Registries, repositories and images on moto's server."""

from __future__ import annotations

import json
import re

import pytest
from aibs_informatics_aws_lambda.common.exceptions import (
    AWSError,
    ResourceNotFoundError,
    ValidationError,
)
from aibs_informatics_aws_lambda.handlers.ecr import (
    ECRImage,
    ECRRegistry,
    ECRRepository,
    LifecyclePolicy,
    LifecyclePolicyRule,
    TagMode,
    get_ecr_client,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.ecr import EcrRepository
from botocore.exceptions import ClientError
from registry import digest_of

ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def repository(aws):
    found = ECRRepository.from_uri(f"{REGISTRY}/team/image")
    found.create()
    return found


def put(repository, number, *tags):
    """Put an image without layers and return it."""
    content = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": "c", "digest": f"sha256:{number:064x}", "size": 3},
            "layers": [{"mediaType": "l", "digest": f"sha256:{number + 1:064x}", "size": 4}],
        }
    )
    image = ECRImage.of(repository, digest_of(content.encode()), content)
    image.put_image()
    image.add_image_tags(*tags)
    return image


class TestRepository:
    def test_it_is_named_by_uri_arn_or_name(self, aws):
        by_uri = ECRRepository.from_uri(f"{REGISTRY}/team/image")

        assert by_uri.arn == f"arn:aws:ecr:us-west-2:{ACCOUNT}:repository/team/image"
        assert ECRRepository.from_arn(by_uri.arn) == by_uri
        assert ECRRepository.from_name("team/image") == by_uri
        assert by_uri.registry_uri == REGISTRY

    @pytest.mark.parametrize("arn", ["arn:aws:s3:::bucket", "team/image", ""])
    def test_other_text_is_no_arn(self, arn):
        with pytest.raises(ValidationError, match="is not the ARN of a repository"):
            ECRRepository.from_arn(arn)

    def test_it_is_made_and_deleted(self, aws):
        found = ECRRepository.from_name("image")

        assert not found.exists()
        found.create(image_tag_mutability="IMMUTABLE")
        assert found.exists()
        (described,) = aws.client("ecr").describe_repositories()["repositories"]
        assert described["imageTagMutability"] == "IMMUTABLE"
        found.delete()
        assert not found.exists()

    def test_making_it_again_sets_resource_tags_or_is_an_error(self, repository):
        repository.create(tags=[{"Key": "team", "Value": "one"}])

        assert repository.get_resource_tags() == [{"Key": "team", "Value": "one"}]
        with pytest.raises(AWSError, match=f"cannot create {repository.uri}"):
            repository.create(exists_ok=False)

    def test_repository_with_images_is_deleted_by_force_alone(self, repository):
        put(repository, 1)

        with pytest.raises(AWSError, match="cannot delete"):
            repository.delete()
        repository.delete(force=True)

        assert not repository.exists()

    def test_resource_tags_are_added_or_replace_the_others(self, repository):
        one, two = {"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}

        repository.update_resource_tags(one)
        repository.update_resource_tags(two)
        assert sorted(tag["Key"] for tag in repository.get_resource_tags()) == ["a", "b"]

        repository.update_resource_tags(two, mode=TagMode.OVERWRITE)
        assert repository.get_resource_tags() == [two]
        repository.update_resource_tags(mode="overwrite")
        assert repository.get_resource_tags() == []

    def test_lifecycle_policy_is_set(self, aws, repository):
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

    def test_images_are_listed_once_each_by_their_tag_status(self, repository):
        tagged, untagged = put(repository, 1, "a", "b"), put(repository, 5)

        assert {one.image_digest for one in repository.get_images()} == {
            tagged.image_digest,
            untagged.image_digest,
        }
        assert repository.get_images("TAGGED") == [tagged]
        assert repository.get_images("UNTAGGED") == [untagged]

    def test_more_images_than_fit_into_one_call_are_listed(self, repository):
        for number in range(101):
            put(repository, 10 * number)

        assert len(repository.get_images()) == 101

    def test_one_image_is_found_by_tag_or_digest(self, repository):
        image = put(repository, 1, "v1")

        assert repository.get_image(image_tag="v1") == image
        assert repository.get_image(image_digest=image.image_digest) == image
        with pytest.raises(ResourceNotFoundError, match=f"{repository.uri}:v2"):
            repository.get_image(image_tag="v2")
        for arguments in ({}, {"image_tag": "v1", "image_digest": image.image_digest}):
            with pytest.raises(ValueError, match="either image_tag or image_digest"):
                repository.get_image(**arguments)


class TestImage:
    def test_it_is_named_by_digest_without_a_call_and_by_tag_with_one(
        self, repository, monkeypatch
    ):
        image = put(repository, 1, "v1")

        assert ECRImage.from_uri(f"{repository.uri}:v1") == image.model_copy(
            update={"image_manifest": None}
        )
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert ECRImage.from_uri(image.image_uri).image_digest == image.image_digest

    def test_absent_image_is_an_error_with_its_uri(self, repository):
        absent = ECRImage.of(repository, digest_of(b"absent"))

        for ask in (absent.fetch_image_manifest, absent.get_image_detail):
            with pytest.raises(ResourceNotFoundError, match=absent.image_uri):
                ask()
        with pytest.raises(ResourceNotFoundError, match=f"{repository.uri}:absent"):
            ECRImage.from_uri(f"{repository.uri}:absent")

    def test_manifest_is_read_once(self, repository):
        stored = put(repository, 1)
        image = ECRImage.of(repository, stored.image_digest)

        assert image.fetch_image_manifest() == stored.image_manifest
        repository.delete(force=True)
        assert image.fetch_image_manifest() == stored.image_manifest

    def test_layers_and_config_are_told_as_ecr_does(self, repository):
        image = put(repository, 1)

        assert image.get_image_layers() == [
            {
                "layerDigest": f"sha256:{2:064x}",
                "layerSize": 4,
                "mediaType": "l",
                "layerAvailability": "AVAILABLE",
            }
        ]
        assert image.get_image_config_layer()["layerDigest"] == f"sha256:{1:064x}"

    def test_tags_are_added_and_told(self, repository):
        image = put(repository, 1, "v1")

        image.add_image_tags("v2", "v1")

        assert sorted(image.image_tags) == ["v1", "v2"]
        assert image.image_pushed_at.tzinfo is not None

    def test_config_is_read_from_the_registry(self, repository, source, name, monkeypatch):
        digest = source.push_image(name, b"layer", platform={"architecture": "arm64"})
        content = source.read(name, digest).decode()
        place = ECRRepository.from_name(name)
        monkeypatch.setattr(
            ECRRepository, "open", lambda self: EcrRepository(self, registry_url=source.url)
        )

        config = ECRImage.of(place, digest, content).get_image_config()

        assert config == {"os": "linux", "architecture": "arm64"}

    def test_index_has_no_config(self, repository):
        content = '{"schemaVersion": 2, "manifests": []}'
        index = ECRImage.of(repository, digest_of(content.encode()), content)

        assert index.get_image_layers() == []
        with pytest.raises(ValidationError, match="is an index of images"):
            index.get_image_config_layer()


class TestRegistry:
    def test_repositories_are_found_by_name_pattern_and_tags(self, aws):
        registry = ECRRegistry.from_uri(REGISTRY)
        for name in ("team/one", "team/two", "other"):
            ECRRepository.from_name(name).create(tags=[{"Key": "name", "Value": name}])

        def names(*arguments):
            return sorted(one.repository_name for one in registry.get_repositories(*arguments))

        assert sorted(one.repository_name for one in registry.list_repositories()) == [
            "other",
            "team/one",
            "team/two",
        ]
        assert names("other") == ["other"]
        assert names("absent") == []
        assert names(re.compile("team/.*")) == ["team/one", "team/two"]
        assert names(re.compile("team")) == []
        assert names(None, [{"Key": "name", "Value": "team/two"}]) == ["team/two"]

    def test_login_has_name_and_password_and_does_not_show_it(self, aws):
        login = ECRRegistry.from_uri(REGISTRY).get_ecr_login()

        assert (login.username, login.registry) == ("AWS", f"https://{REGISTRY}")
        assert login.password
        assert login.password not in repr(login)
        answer = aws.client("ecr").get_authorization_token()
        assert login.auth_token == answer["authorizationData"][0]["authorizationToken"]


class TestClient:
    def test_given_client_is_used_by_all_that_comes_of_a_resource(self, aws):
        client = get_ecr_client("us-west-2")
        registry = ECRRegistry(account_id=ACCOUNT, region="eu-west-1", client=client)
        ECRRepository.from_name("image").create()

        (repository,) = registry.list_repositories()

        assert repository.client is client
        assert put(repository, 1).repository.client is client

    def test_without_one_it_is_that_of_the_resources_own_region(self, aws):
        resource = ECRRepository.from_name("image", region="eu-west-1")

        assert resource.client.meta.region_name == "eu-west-1"

    def test_unknown_repository_is_the_error_of_boto3(self, aws):
        absent = ECRRepository.from_name("absent")

        for ask in (absent.get_images, absent.delete, lambda: absent.get_image("v1")):
            with pytest.raises(ClientError, match="RepositoryNotFoundException"):
                ask()
