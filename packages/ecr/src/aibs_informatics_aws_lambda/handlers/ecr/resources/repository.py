"""Repositories of Amazon ECR."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from pydantic import Field

from ..api import ecr_errors
from ..names import RepositoryName
from ..registry.ecr import EcrRegistryClient
from ..uris import ECRRepositoryUri
from .image import ECRImage
from .resource import ECRResource, ResourceTag, TagMode, extraneous_keys

if TYPE_CHECKING:
    from ..lifecycle import LifecyclePolicy

TagStatus = Literal["ANY", "TAGGED", "UNTAGGED"]

_REPOSITORY_ARN = re.compile(
    r"arn:[a-z-]+:ecr:(?P<region>[^:]+):(?P<account>[^:]+):repository/(?P<name>.+)"
)


class ECRRepository(ECRResource):
    """A repository of Amazon ECR."""

    repository_name: Annotated[RepositoryName, Field(description="The name of the repository.")]

    @classmethod
    def from_uri(cls, uri: str, client: Any = None) -> ECRRepository:
        """Return the repository with a URI.

        Raises:
            ValidationError: the URI does not name a repository in Amazon ECR.
        """
        found = ECRRepositoryUri(uri)
        return cls(
            account_id=found.account_id,
            region=found.region,
            repository_name=found.repository_name,
            client=client,
        )

    @classmethod
    def from_arn(cls, arn: str, client: Any = None) -> ECRRepository:
        """Return the repository with an ARN.

        Raises:
            ValidationError: the ARN does not name a repository in Amazon ECR.
        """
        match = _REPOSITORY_ARN.fullmatch(arn)
        if not match:
            raise ValidationError(
                f"{arn!r} is not the ARN of a repository: expected "
                "arn:aws:ecr:REGION:ACCOUNT:repository/NAME"
            )
        uri = ECRRepositoryUri.from_components(match["name"], match["account"], match["region"])
        return cls.from_uri(uri, client)

    @classmethod
    def from_name(
        cls,
        repository_name: str,
        account_id: str | None = None,
        region: str | None = None,
        client: Any = None,
    ) -> ECRRepository:
        """Return the repository with a name, by default in the caller's account and region.

        Raises:
            AWSError: the account or region is neither given nor can be determined.
        """
        uri = ECRRepositoryUri.from_components(repository_name, account_id, region)
        return cls.from_uri(uri, client)

    @property
    def uri(self) -> ECRRepositoryUri:
        """The URI of the repository."""
        return ECRRepositoryUri.from_components(self.repository_name, self.account_id, self.region)

    @property
    def arn(self) -> str:
        """The ARN of the repository."""
        from aibs_informatics_aws_lambda.common.aws import find_partition

        partition = find_partition(self.region)
        return (
            f"arn:{partition}:ecr:{self.region}:{self.account_id}:repository/"
            f"{self.repository_name}"
        )

    def exists(self) -> bool:
        """Return whether the repository exists."""
        from botocore.exceptions import ClientError

        try:
            with ecr_errors(f"describe {self.uri}", "DescribeRepositories"):
                self.client.describe_repositories(
                    registryId=str(self.account_id), repositoryNames=[str(self.repository_name)]
                )
        except ClientError:
            # The only one that `ecr_errors` passes on: RepositoryNotFoundException.
            return False
        return True

    def create(
        self,
        tags: Sequence[ResourceTag] = (),
        image_tag_mutability: Literal["MUTABLE", "IMMUTABLE"] = "MUTABLE",
        exists_ok: bool = True,
    ) -> None:
        """Create the repository; if it exists, only add the resource tags.

        Args:
            tags: the resource tags.
            image_tag_mutability: whether image tags of a new repository can be overwritten.
            exists_ok: whether an existing repository is accepted.

        Raises:
            AWSError: the repository exists and ``exists_ok`` is false, or ECR failed.
        """
        if exists_ok and self.exists():
            self.update_resource_tags(*tags)
            return
        with ecr_errors(f"create {self.uri}", "CreateRepository"):
            self.client.create_repository(
                **self._names, tags=list(tags), imageTagMutability=image_tag_mutability
            )

    def delete(self, force: bool = False) -> None:
        """Delete the repository.

        Args:
            force: whether to delete a repository that contains images, with the images.

        Raises:
            AWSError: the repository contains images and ``force`` is false, or ECR failed.
        """
        with ecr_errors(f"delete {self.uri}", "DeleteRepository"):
            self.client.delete_repository(**self._names, force=force)

    def put_lifecycle_policy(self, policy: LifecyclePolicy) -> None:
        """Create or replace the lifecycle policy of the repository."""
        with ecr_errors(f"set the lifecycle policy of {self.uri}", "PutLifecyclePolicy"):
            self.client.put_lifecycle_policy(
                **self._names, lifecyclePolicyText=json.dumps(policy.to_dict())
            )

    def get_resource_tags(self) -> list[ResourceTag]:
        """Return the resource tags."""
        with ecr_errors(f"list the resource tags of {self.uri}", "ListTagsForResource"):
            tags: list[ResourceTag] = self.client.list_tags_for_resource(resourceArn=self.arn)[
                "tags"
            ]
        return tags

    def update_resource_tags(
        self, *tags: ResourceTag, mode: TagMode | str = TagMode.APPEND
    ) -> None:
        """Set resource tags.

        Args:
            tags: the tags to set.
            mode: whether to keep (``append``) or remove (``overwrite``) other existing tags.
        """
        extraneous = (
            extraneous_keys(self.get_resource_tags(), tags)
            if TagMode(mode) is TagMode.OVERWRITE
            else []
        )
        if tags:
            with ecr_errors(f"set resource tags of {self.uri}", "TagResource"):
                self.client.tag_resource(resourceArn=self.arn, tags=list(tags))
        if extraneous:
            with ecr_errors(f"remove resource tags of {self.uri}", "UntagResource"):
                self.client.untag_resource(resourceArn=self.arn, tagKeys=extraneous)

    def get_images(self, tag_status: TagStatus = "ANY") -> list[ECRImage]:
        """Return the images of the repository, with their manifests.

        Args:
            tag_status: which images to return.
        """
        with ecr_errors(f"list the images of {self.uri}", "ListImages"):
            pages = self.client.get_paginator("list_images").paginate(
                **self._names, filter={"tagStatus": tag_status}
            )
            # ListImages returns an image once per tag.
            digests = list(
                dict.fromkeys(one["imageDigest"] for p in pages for one in p["imageIds"])
            )
        images, _ = self.connect().batch_get_images(f"read the images of {self.uri}", digests)
        return [
            self._image(image["imageId"]["imageDigest"], image["imageManifest"])
            for image in images
        ]

    def get_image(self, image_tag: str | None = None, image_digest: str | None = None) -> ECRImage:
        """Return the image with a tag or a digest.

        Raises:
            ValueError: both or neither of the two are given.
            ResourceNotFoundError: the image does not exist.
        """
        if (image_tag is None) == (image_digest is None):
            raise ValueError("give either image_tag or image_digest")
        manifest = self.connect().get_manifest(image_tag or image_digest or "")
        return self._image(manifest.digest, manifest.content.decode())

    def connect(self) -> EcrRegistryClient:
        """Return a registry client for the repository."""
        return EcrRegistryClient(self.uri, self._client)

    @property
    def _names(self) -> dict[str, str]:
        return {
            "registryId": str(self.account_id),
            "repositoryName": str(self.repository_name),
        }

    def _image(self, digest: str, manifest: str) -> ECRImage:
        return ECRImage.from_digest(self.uri, digest, manifest, client=self._client)
