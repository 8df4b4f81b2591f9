"""From the image that a request names to a full reference that any host can pull."""

from __future__ import annotations

import re

from aibs_informatics_aws_lambda.common.aws import get_client, get_region, named_errors
from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .image_uri import DockerImageUri, has_registry


def resolve_image(image: str) -> DockerImageUri:
    """Return the full reference that ``image`` stands for.

    A name without a registry is that of a repository in Amazon ECR, in the caller's account and
    region. Without tag and digest it stands for the tagged image that was pushed last, by digest.

    Raises:
        ResourceNotFoundError: ``image`` is no reference, or there is no such repository, or no
            tagged image in it.
        AWSError: STS or ECR refused or failed, or no region is configured.
    """
    try:
        if has_registry(image):
            return DockerImageUri(image)
        account = _find_account(image)
        uri = DockerImageUri(f"{_ecr_registry(account, get_region())}/{image}")
    except ValidationError as error:
        raise ResourceNotFoundError(f"there can be no image {image!r}: {error}") from error
    return uri if uri.tag or uri.digest else find_newest_tagged_image(uri, account)


def find_newest_tagged_image(repository: DockerImageUri, account: str) -> DockerImageUri:
    """Return the reference, by digest, of the tagged image that was pushed last to a repository.

    Args:
        repository: the reference of a repository in Amazon ECR.
        account: the account that the repository belongs to.

    Raises:
        ResourceNotFoundError: there is no such repository, or no tagged image in it.
        AWSError: ECR refused or failed.
    """
    newest = max(_list_tagged_images(repository, account), key=_push_order, default=None)
    if newest is None:
        raise ResourceNotFoundError(
            f"the repository {repository} holds no tagged image: push one, or name a digest"
        )
    return DockerImageUri(f"{repository}@{newest['imageDigest']}")


def _list_tagged_images(repository: DockerImageUri, account: str) -> list[JSONObject]:
    ecr = get_client("ecr")
    pages = ecr.get_paginator("describe_images").paginate(
        registryId=account, repositoryName=repository.repo_name, filter={"tagStatus": "TAGGED"}
    )
    with named_errors(f"list the images of {repository}", permission="ecr:DescribeImages"):
        try:
            return [
                {"imageDigest": image["imageDigest"], "imagePushedAt": image["imagePushedAt"]}
                for page in pages
                for image in page["imageDetails"]
                if image.get("imageTags")
            ]
        except ecr.exceptions.RepositoryNotFoundException as error:
            raise ResourceNotFoundError(
                f"there is no repository {repository}: name one in that account and region, "
                f"or give the registry of the image ({error})"
            ) from error


def _push_order(image: JSONObject) -> tuple[object, str]:
    # The digest decides between images of one second, so that all callers find the same.
    return image["imagePushedAt"], image["imageDigest"]


def _find_account(image: str) -> str:
    action = f"find the account whose registry the image {image!r} lies in"
    with named_errors(action, permission="sts:GetCallerIdentity"):
        account: str = get_client("sts").get_caller_identity()["Account"]
    return account


def _ecr_registry(account: str, region: str) -> str:
    return f"{account}.dkr.ecr.{region}.{_dns_suffix(region)}"


def _dns_suffix(region: str) -> str:
    """Return the domain of the services of a region; as botocore does, take AWS's if in doubt."""
    from botocore.session import get_session

    partitions = get_session().get_data("partitions")["partitions"]
    suffixes = (
        partition["outputs"]["dnsSuffix"]
        for partition in partitions
        if re.match(partition["regionRegex"], region)
    )
    return next(suffixes, "amazonaws.com")
