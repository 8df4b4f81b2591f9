"""The image that a name stands for."""

from __future__ import annotations

from typing import Any

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError

from .api import ecr_errors
from .resources import ECRRepository
from .uris import ECRImageUri, ECRRepositoryUri


def resolve_image_uri(name: str, default_tag: str | None = None) -> ECRImageUri:
    """Return the URI of an image of ECR.

    Args:
        name: the URI of an image, which is returned as it is; or the URI of a repository, or the
            name of one of the caller's own, of which an image is chosen.
        default_tag: the tag of that image; without it, it is the one that was pushed last of
            those with a tag.

    Returns:
        The URI, by digest unless ``name`` has a tag.

    Raises:
        ResourceNotFoundError: there is no such image or repository, or the name leads to none.
    """
    from botocore.exceptions import ClientError

    if ECRImageUri.is_valid(name):
        return ECRImageUri(name)
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
        raise ResourceNotFoundError(f"{name!r} leads to no image of ECR: {error}") from error
    return ECRImageUri(f"{repository.uri}@{digest}")


def _newest_tagged(repository: ECRRepository) -> str:
    with ecr_errors(f"look for the newest image of {repository.uri}", "DescribeImages"):
        pages = repository.client.get_paginator("describe_images").paginate(
            registryId=str(repository.account_id),
            repositoryName=str(repository.repository_name),
            filter={"tagStatus": "TAGGED"},
        )
        listed: list[dict[str, Any]] = [one for page in pages for one in page["imageDetails"]]
    # Emulators of ECR leave the filter aside.
    images = [image for image in listed if image.get("imageTags")]
    if not images:
        raise ResourceNotFoundError(f"there is no image with a tag in {repository.uri}")
    newest: str = max(images, key=lambda image: image["imagePushedAt"])["imageDigest"]
    return newest
