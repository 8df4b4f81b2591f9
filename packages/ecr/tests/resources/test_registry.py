from __future__ import annotations

import re

from aibs_informatics_aws_lambda.handlers.ecr import (
    ECRRegistry,
    ECRRepository,
)

ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com"


def test_get_repositories_by_name_pattern_and_tags(aws):
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


def test_default_registry_is_that_of_the_caller(aws):
    assert ECRRegistry.from_env().uri == REGISTRY
    elsewhere = ECRRegistry.from_env(region="eu-west-1")
    assert (elsewhere.account_id, elsewhere.region) == (ACCOUNT, "eu-west-1")


def test_login_hides_its_password(aws):
    login = ECRRegistry.from_uri(REGISTRY).get_ecr_login()

    assert (login.username, login.registry) == ("AWS", REGISTRY)
    assert login.password
    assert login.password not in repr(login)
    response = aws.client("ecr").get_authorization_token()
    assert login.auth_token == response["authorizationData"][0]["authorizationToken"]
