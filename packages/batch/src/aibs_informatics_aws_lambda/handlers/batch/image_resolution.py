"""Resolve the image of a request to a full image reference."""

import re

from aibs_informatics_aws_lambda.common.aws import get_client, get_region, named_errors
from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .image_uri import DockerImageUri, has_registry


def resolve_image(image: str) -> DockerImageUri:
    """Resolve an image to a full reference.

    A name without a registry is an Amazon ECR repository in the account and region of the caller.
    Without a tag or digest, it resolves to the digest of the most recently pushed tagged image.

    Raises:
        ResourceNotFoundError: ``image`` is not a valid reference, or the repository does not exist
            or has no tagged image.
        AWSError: a request to STS or ECR failed, or no region is configured.
    """
    try:
        if has_registry(image):
            return DockerImageUri(image)
        account = _find_account(image)
        uri = DockerImageUri(f"{_ecr_registry(account, get_region())}/{image}")
    except ValidationError as error:
        raise ResourceNotFoundError(f"cannot find the image {image!r}: {error}") from error
    return uri if uri.tag or uri.digest else find_newest_tagged_image(uri, account)


def find_newest_tagged_image(repository: DockerImageUri, account: str) -> DockerImageUri:
    """Return the digest reference of the most recently pushed tagged image of a repository.

    Args:
        repository: the reference of a repository in Amazon ECR.
        account: the account of the repository.

    Raises:
        ResourceNotFoundError: the repository does not exist, or has no tagged image.
        AWSError: a request to ECR failed.
    """
    newest = max(_list_tagged_images(repository, account), key=_push_order, default=None)
    if newest is None:
        raise ResourceNotFoundError(
            f"the repository {repository} has no tagged image: push one, or specify a digest"
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
                f"the repository {repository} does not exist: check its name, account and region, "
                f"or specify the registry of the image ({error})"
            ) from error


def _push_order(image: JSONObject) -> tuple[object, str]:
    # The digest breaks ties, so all callers find the same image.
    return image["imagePushedAt"], image["imageDigest"]


def _find_account(image: str) -> str:
    action = f"find the account of the image {image!r}"
    with named_errors(action, permission="sts:GetCallerIdentity"):
        account: str = get_client("sts").get_caller_identity()["Account"]
    return account


def _ecr_registry(account: str, region: str) -> str:
    return f"{account}.dkr.ecr.{region}.{_dns_suffix(region)}"


def _dns_suffix(region: str) -> str:
    """Return the DNS suffix of a region; default, as in botocore: that of the aws partition."""
    from botocore.session import get_session

    partitions = get_session().get_data("partitions")["partitions"]
    suffixes = (
        partition["outputs"]["dnsSuffix"]
        for partition in partitions
        if re.match(partition["regionRegex"], region)
    )
    return next(suffixes, "amazonaws.com")
