from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.ecr import (
    ECRRegistry,
    ECRRepository,
    get_ecr_client,
)
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com"


def test_given_client_is_passed_on_to_derived_resources(aws, put):
    client = get_ecr_client("us-west-2")
    registry = ECRRegistry(account_id=ACCOUNT, region="eu-west-1", client=client)
    ECRRepository.from_name("image").create()

    (repository,) = registry.list_repositories()

    assert repository.client is client
    assert put(repository, 1).client is client


def test_default_client_is_that_of_the_region(aws):
    resource = ECRRepository.from_name("image", region="eu-west-1")

    assert resource.client.meta.region_name == "eu-west-1"


def test_missing_repository_raises_the_boto3_error(aws):
    absent = ECRRepository.from_name("absent")

    for ask in (absent.get_images, absent.delete, lambda: absent.get_image("v1")):
        with pytest.raises(ClientError, match="RepositoryNotFoundException"):
            ask()
