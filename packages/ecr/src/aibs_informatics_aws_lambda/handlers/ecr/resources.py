"""Registries, repositories and images of Amazon ECR, and what can be done with them.

Each makes the API's client of its own region when it is first needed, or takes any object with
its interface as ``client``.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import Field, PrivateAttr, SerializerFunctionWrapHandler, model_serializer

from .api import ecr_errors, get_ecr_client
from .lifecycle import LifecyclePolicy
from .manifest import Manifest
from .names import AccountId, ImageDigest, RegionName, RepositoryName
from .tags import ResourceTag, TagMode, surplus_keys
from .uris import ECRImageUri, ECRRegistryUri, ECRRepositoryUri

if TYPE_CHECKING:
    from .registry.ecr import EcrRepository


TagStatus = Literal["ANY", "TAGGED", "UNTAGGED"]

# The most that ECR takes in one call.
_BATCH: Final = 100
_REPOSITORY_ARN = re.compile(
    r"arn:[a-z-]+:ecr:(?P<region>[^:]+):(?P<account>[^:]+):repository/(?P<name>.+)"
)


@dataclass(frozen=True)
class ECRLogin:
    """What Docker logs in to a registry with, for 12 hours.

    Args:
        username: the name of the user.
        password: the password; it is not shown.
        registry: the URL of the registry.
    """

    username: str
    password: str
    registry: str

    @property
    def auth_token(self) -> str:
        """Name and password as the header ``Authorization`` has them."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def __repr__(self) -> str:
        return f"ECRLogin(username={self.username!r}, registry={self.registry!r})"


class ECRResource(PydanticBaseModel):
    """What lies in the registry of an account in a region."""

    account_id: Annotated[AccountId, Field(description="The account that owns it.")]
    region: Annotated[RegionName, Field(description="The region that it is in.")]

    _client: Any = PrivateAttr(default=None)

    def __init__(self, *, client: Any = None, **fields: Any) -> None:
        super().__init__(**fields)
        # The keys of a request come through here, too, and JSON is no client.
        is_json = isinstance(client, str | int | float | list | dict)
        self._client = None if is_json else client

    @property
    def client(self) -> Any:
        """The client of ECR in the region."""
        return get_ecr_client(str(self.region)) if self._client is None else self._client

    @property
    def registry_uri(self) -> ECRRegistryUri:
        """The URI of the registry."""
        return ECRRegistryUri.from_components(self.account_id, self.region)


class ECRRegistry(ECRResource):
    """The registry of an account in a region."""

    @classmethod
    def from_uri(cls, uri: str, client: Any = None) -> ECRRegistry:
        """Return the registry with a URI; raise `ValidationError` where it is none."""
        found = ECRRegistryUri(uri)
        return cls(account_id=found.account_id, region=found.region, client=client)

    @property
    def uri(self) -> ECRRegistryUri:
        """The URI of the registry."""
        return self.registry_uri

    def list_repositories(self) -> list[ECRRepository]:
        """Return all repositories."""
        with ecr_errors(f"list the repositories of {self.uri}", "DescribeRepositories"):
            pages = self.client.get_paginator("describe_repositories").paginate(
                registryId=str(self.account_id)
            )
            names = [found["repositoryName"] for page in pages for found in page["repositories"]]
        return [self._repository(name) for name in names]

    def get_repositories(
        self,
        repository_name: str | re.Pattern[str] | None = None,
        repository_tags: Sequence[ResourceTag] = (),
    ) -> list[ECRRepository]:
        """Return the repositories with a name, or one that a pattern matches whole, and tags.

        Args:
            repository_name: the name or pattern; without it, any name.
            repository_tags: resource tags that they have, all of them.
        """
        if isinstance(repository_name, str):
            named = self._repository(repository_name)
            found = [named] if named.exists() else []
        else:
            found = [
                one
                for one in self.list_repositories()
                if repository_name is None or repository_name.fullmatch(one.repository_name)
            ]
        return [
            one
            for one in found
            if not repository_tags or _has_all(one.get_resource_tags(), repository_tags)
        ]

    def get_ecr_login(self) -> ECRLogin:
        """Return what Docker logs in with."""
        with ecr_errors(f"log in to {self.uri}", "GetAuthorizationToken"):
            answer = self.client.get_authorization_token()
        token = answer["authorizationData"][0]["authorizationToken"]
        username, _, password = base64.b64decode(token).decode().partition(":")
        return ECRLogin(username, password, f"https://{self.uri}")

    def _repository(self, name: str) -> ECRRepository:
        return ECRRepository(
            account_id=self.account_id,
            region=self.region,
            repository_name=name,
            client=self._client,
        )


class ECRRepository(ECRResource):
    """A repository of Amazon ECR."""

    repository_name: Annotated[RepositoryName, Field(description="Its name.")]

    @classmethod
    def from_uri(cls, uri: str, client: Any = None) -> ECRRepository:
        """Return the repository with a URI; raise `ValidationError` where it is none."""
        found = ECRRepositoryUri(uri)
        return cls(
            account_id=found.account_id,
            region=found.region,
            repository_name=found.repository_name,
            client=client,
        )

    @classmethod
    def from_arn(cls, arn: str, client: Any = None) -> ECRRepository:
        """Return the repository with an ARN; raise `ValidationError` where it is none."""
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
        """Return the repository with a name, by default in the caller's own registry.

        Raises:
            AWSError: account or region is not given, and cannot be found.
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

        place = f"{self.region}:{self.account_id}"
        return f"arn:{find_partition(self.region)}:ecr:{place}:repository/{self.repository_name}"

    def exists(self) -> bool:
        """Tell whether the repository is there."""
        from botocore.exceptions import ClientError

        try:
            with ecr_errors(f"look for {self.uri}", "DescribeRepositories"):
                self.client.describe_repositories(
                    registryId=str(self.account_id), repositoryNames=[str(self.repository_name)]
                )
        except ClientError:
            # `ecr_errors` leaves this one alone: there is no such repository.
            return False
        return True

    def create(
        self,
        tags: Sequence[ResourceTag] = (),
        image_tag_mutability: Literal["MUTABLE", "IMMUTABLE"] = "MUTABLE",
        exists_ok: bool = True,
    ) -> None:
        """Make the repository; where it is there already, only give it the resource tags.

        Raises:
            AWSError: it is there already, and that is not ``exists_ok``.
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
            force: whether to delete the images in it as well.
        """
        with ecr_errors(f"delete {self.uri}", "DeleteRepository"):
            self.client.delete_repository(**self._names, force=force)

    def put_lifecycle_policy(self, policy: LifecyclePolicy) -> None:
        """Let images expire by this policy from now on."""
        with ecr_errors(f"set the lifecycle policy of {self.uri}", "PutLifecyclePolicy"):
            self.client.put_lifecycle_policy(
                **self._names, lifecyclePolicyText=json.dumps(policy.to_dict())
            )

    def get_resource_tags(self) -> list[ResourceTag]:
        """Return the resource tags."""
        with ecr_errors(f"read the resource tags of {self.uri}", "ListTagsForResource"):
            tags: list[ResourceTag] = self.client.list_tags_for_resource(resourceArn=self.arn)[
                "tags"
            ]
        return tags

    def update_resource_tags(
        self, *tags: ResourceTag, mode: TagMode | str = TagMode.APPEND
    ) -> None:
        """Set resource tags.

        Args:
            tags: the tags.
            mode: whether other tags stay (``append``) or go (``overwrite``).
        """
        surplus = (
            surplus_keys(self.get_resource_tags(), tags)
            if TagMode(mode) is TagMode.OVERWRITE
            else []
        )
        if tags:
            with ecr_errors(f"set resource tags of {self.uri}", "TagResource"):
                self.client.tag_resource(resourceArn=self.arn, tags=list(tags))
        if surplus:
            with ecr_errors(f"remove resource tags of {self.uri}", "UntagResource"):
                self.client.untag_resource(resourceArn=self.arn, tagKeys=surplus)

    def get_images(self, tag_status: TagStatus = "ANY") -> list[ECRImage]:
        """Return the images, with their manifests."""
        with ecr_errors(f"list the images of {self.uri}", "ListImages"):
            pages = self.client.get_paginator("list_images").paginate(
                **self._names, filter={"tagStatus": tag_status}
            )
            # An image is listed once per tag.
            digests = list(
                dict.fromkeys(one["imageDigest"] for p in pages for one in p["imageIds"])
            )
        return list(self._read(digests))

    def get_image(self, image_tag: str | None = None, image_digest: str | None = None) -> ECRImage:
        """Return the image with a tag or a digest.

        Raises:
            ValueError: not exactly one of both is given.
            ResourceNotFoundError: there is no such image.
        """
        if (image_tag is None) == (image_digest is None):
            raise ValueError("give either image_tag or image_digest")
        manifest = self.open().get_manifest(image_tag or image_digest or "")
        return self._image(manifest.digest, manifest.content.decode())

    def open(self) -> EcrRepository:
        """Return what reads and writes images and blobs of the repository."""
        # Not at the top: that module stands on this one.
        from .registry.ecr import EcrRepository

        return EcrRepository(self, self._client)

    @property
    def _names(self) -> dict[str, str]:
        return {
            "registryId": str(self.account_id),
            "repositoryName": str(self.repository_name),
        }

    def _read(self, digests: Sequence[str]) -> Iterator[ECRImage]:
        for start in range(0, len(digests), _BATCH):
            ids = [{"imageDigest": digest} for digest in digests[start : start + _BATCH]]
            with ecr_errors(f"read images of {self.uri}", "BatchGetImage"):
                answer = self.client.batch_get_image(**self._names, imageIds=ids)
            for image in answer["images"]:
                yield self._image(image["imageId"]["imageDigest"], image["imageManifest"])

    def _image(self, digest: str, manifest: str) -> ECRImage:
        return ECRImage.of(self, digest, image_manifest=manifest)


class ECRImage(ECRResource):
    """An image of Amazon ECR, by digest."""

    repository_name: Annotated[RepositoryName, Field(description="The repository it is in.")]
    image_digest: Annotated[ImageDigest, Field(description="The digest of its manifest.")]
    image_manifest: Annotated[
        str | None,
        Field(description="Its manifest, byte by byte; without it, it is read from ECR."),
    ] = None

    @classmethod
    def of(
        cls, repository: ECRRepository, digest: str, image_manifest: str | None = None
    ) -> ECRImage:
        """Return the image with a digest in a repository."""
        return cls(
            account_id=repository.account_id,
            region=repository.region,
            repository_name=repository.repository_name,
            image_digest=digest,
            image_manifest=image_manifest,
            client=repository._client,
        )

    @classmethod
    def from_uri(cls, uri: str, client: Any = None) -> ECRImage:
        """Return the image with a URI: by digest without a call, by tag after a look at ECR.

        Raises:
            ValidationError: it is no URI of an image.
            ResourceNotFoundError: there is no image with the tag.
        """
        found = ECRImageUri(uri)
        repository = ECRRepository.from_uri(found.repository, client)
        digest = found.image_digest
        return cls.of(repository, digest or _describe(repository, found)["imageDigest"])

    @property
    def repository(self) -> ECRRepository:
        """The repository that the image is in."""
        return ECRRepository(
            account_id=self.account_id,
            region=self.region,
            repository_name=self.repository_name,
            client=self._client,
        )

    @property
    def image_uri(self) -> ECRImageUri:
        """The URI of the image, by digest."""
        return ECRImageUri(f"{self.repository.uri}@{self.image_digest}")

    @property
    def image_tags(self) -> list[str]:
        """The tags of the image, as they are now."""
        return list(self.get_image_detail().get("imageTags", []))

    @property
    def image_pushed_at(self) -> datetime:
        """When the image was pushed."""
        pushed: datetime = self.get_image_detail()["imagePushedAt"]
        return pushed

    def get_image_detail(self) -> JSONObject:
        """Return what ECR's DescribeImages tells of the image.

        Raises:
            ResourceNotFoundError: the image is not there.
        """
        return _describe(self.repository, self.image_uri)

    def fetch_image_manifest(self) -> str:
        """Return the manifest, byte by byte; it is read from ECR once.

        Raises:
            ResourceNotFoundError: the image is not there.
        """
        if self.image_manifest is None:
            manifest = self.repository.open().get_manifest(self.image_digest)
            self.image_manifest = manifest.content.decode()
        return self.image_manifest

    def get_image_layers(self) -> list[JSONObject]:
        """Return the layers of the manifest in their order, as ECR's API describes layers."""
        return [_layer(layer) for layer in self._manifest.document.get("layers") or []]

    def get_image_config_layer(self) -> JSONObject:
        """Return the config's blob of the manifest, as ECR's API describes layers."""
        return _layer(self._manifest.config_entry)

    def get_image_config(self) -> JSONObject:
        """Return the config of the image, read from the registry."""
        from .transfer import read_blob

        content = read_blob(self._manifest.config, self.repository.open().blobs)
        config: JSONObject = json.loads(content)
        return config

    def put_image(self, image_tag: str | None = None) -> None:
        """Put the manifest, under a tag if one is given; what is there already stays.

        Raises:
            TagConflictError: the tag is on another image, and must not move.
        """
        self.repository.open().put_manifest(self._manifest, image_tag)

    def add_image_tags(self, *image_tags: str) -> None:
        """Give the image further tags."""
        for image_tag in image_tags:
            self.put_image(image_tag)

    @property
    def _manifest(self) -> Manifest:
        return Manifest.parse(self.fetch_image_manifest().encode())

    @model_serializer(mode="wrap")
    def _leave_out_absent_manifest(  # type: ignore[no-untyped-def] # noqa: ANN202
        self, handler: SerializerFunctionWrapHandler
    ):
        # Not annotated: a return type would replace the model's JSON schema.
        written: JSONObject = handler(self)
        if self.image_manifest is None:
            written.pop("image_manifest", None)
            written.pop("imageManifest", None)
        return written


def _describe(repository: ECRRepository, image: ECRImageUri) -> JSONObject:
    by_tag = {"imageTag": str(image.image_tag)} if image.image_tag else {}
    by_digest = {"imageDigest": str(image.image_digest)} if image.image_digest else {}
    with ecr_errors(f"describe {image}", "DescribeImages"):
        answer = repository.client.describe_images(
            **repository._names, imageIds=[{**by_tag, **by_digest}]
        )
    detail: JSONObject = answer["imageDetails"][0]
    return detail


def _layer(entry: JSONObject) -> JSONObject:
    return {
        "layerDigest": entry["digest"],
        "layerSize": entry["size"],
        "mediaType": entry.get("mediaType"),
        "layerAvailability": "AVAILABLE",
    }


def _has_all(there: Sequence[ResourceTag], wanted: Sequence[ResourceTag]) -> bool:
    return all(tag in there for tag in wanted)
