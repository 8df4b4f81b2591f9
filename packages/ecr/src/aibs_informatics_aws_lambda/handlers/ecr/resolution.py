"""Resolve names of images and repositories to image URIs."""

from typing import Any

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError

from .api import ecr_errors
from .resources.repository import ECRRepository
from .uris import ECRImageUri, ECRRegistryUri, ECRRepositoryUri


def resolve_image_uri(name: str, default_tag: str | None = None) -> ECRImageUri:
    """Return the URI of an image in Amazon ECR.

    Args:
        name: the URI of an image, which is returned unchanged; the URI of a repository; or the
            name of a repository in the caller's account and region, with or without a tag or
            digest.
        default_tag: the tag of the image in a repository; default: the most recently pushed
            image that has a tag.

    Returns:
        The image URI, by digest unless ``name`` has a tag.

    Raises:
        ResourceNotFoundError: the image or repository does not exist, or the name is invalid.
    """
    from botocore.exceptions import ClientError

    if ECRImageUri.is_valid(name):
        return ECRImageUri(name)
    if ":" in name and ECRImageUri.is_valid(own := f"{ECRRegistryUri.from_components()}/{name}"):
        return ECRImageUri(own)
    try:
        repository = (
            ECRRepository.from_uri(name)
            if ECRRepositoryUri.is_valid(name)
            else ECRRepository.from_name(name)
        )
        digest = (
            repository.get_image(image_tag=default_tag).image_digest
            if default_tag
            else _newest_tagged(repository)
        )
    except (ClientError, ValidationError) as error:
        raise ResourceNotFoundError(
            f"cannot find an image in Amazon ECR for {name!r}: {error}"
        ) from error
    return ECRImageUri(f"{repository.uri}@{digest}")


def _newest_tagged(repository: ECRRepository) -> str:
    with ecr_errors(f"find the newest image of {repository.uri}", "DescribeImages"):
        pages = repository.client.get_paginator("describe_images").paginate(
            registryId=str(repository.account_id),
            repositoryName=str(repository.repository_name),
            filter={"tagStatus": "TAGGED"},
        )
        listed: list[dict[str, Any]] = [one for page in pages for one in page["imageDetails"]]
    # ECR emulators ignore the filter.
    images = [image for image in listed if image.get("imageTags")]
    if not images:
        raise ResourceNotFoundError(f"no tagged image in {repository.uri}")
    newest: str = max(images, key=lambda image: image["imagePushedAt"])["imageDigest"]
    return newest
