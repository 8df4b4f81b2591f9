"""Registries of Amazon ECR."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..api import ecr_errors
from ..login import ECRLogin, get_login
from ..uris import ECRRegistryUri
from .repository import ECRRepository
from .resource import ECRResource, ResourceTag


class ECRRegistry(ECRResource):
    """The registry of an account in a region."""

    @classmethod
    def from_uri(cls, uri: str, client: Any = None) -> ECRRegistry:
        """Return the registry with a URI.

        Raises:
            ValidationError: the URI does not name a registry in Amazon ECR.
        """
        found = ECRRegistryUri(uri)
        return cls(account_id=found.account_id, region=found.region, client=client)

    @classmethod
    def from_env(cls, region: str | None = None, client: Any = None) -> ECRRegistry:
        """Return the registry of the caller's account, by default in the caller's region.

        Raises:
            AWSError: the account cannot be determined, or the region is neither given nor can be.
        """
        return cls.from_uri(ECRRegistryUri.from_components(region=region), client)

    @property
    def uri(self) -> ECRRegistryUri:
        """The URI of the registry."""
        return self.registry_uri

    def list_repositories(self) -> list[ECRRepository]:
        """Return all repositories of the registry."""
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
        """Return the repositories that match a name and resource tags.

        Args:
            repository_name: a name, or a full-match regular expression; default: every name.
            repository_tags: resource tags that a repository must have, all of them.
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
        """Return the credentials for ``docker login``.

        Raises:
            AWSError: ECR denied the request or failed.
        """
        return get_login(self.client, self.uri)

    def _repository(self, name: str) -> ECRRepository:
        return ECRRepository(
            account_id=self.account_id,
            region=self.region,
            repository_name=name,
            client=self._client,
        )


def _has_all(existing: Sequence[ResourceTag], wanted: Sequence[ResourceTag]) -> bool:
    return all(tag in existing for tag in wanted)
