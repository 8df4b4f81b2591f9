"""Look up EFS file systems and access points by ID, ARN or name, and by tags."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, TypeVar

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError

_ID = r"(?:fs|fsap)-[0-9a-f]{8,40}"
_FILE_SYSTEM_ID = re.compile(r"fs-[0-9a-f]{8,40}")
_ACCESS_POINT_ID = re.compile(r"fsap-[0-9a-f]{8,40}")
_ENDS_IN_ID = re.compile(rf"(?:.*[^0-9A-Za-z-])?({_ID})", re.DOTALL)
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticfilesystem.html
_ARN = re.compile(
    rf"arn:aws[a-z-]*:elasticfilesystem:[a-z0-9-]+:\d{{12}}:(?:file-system|access-point)/({_ID})"
)
_ROOT = PurePosixPath("/")
_DELETED = {"deleting", "deleted"}
_NOT_FOUND = {"AccessPointNotFound", "FileSystemNotFound"}


@dataclass(frozen=True)
class FileSystem:
    """An EFS file system."""

    id: str
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class AccessPoint:
    """An EFS access point: a directory of a file system that clients see as its root."""

    id: str
    file_system_id: str
    name: str | None = None
    root: PurePosixPath = _ROOT
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)


Resource = TypeVar("Resource", FileSystem, AccessPoint)


class EfsInventory:
    """The EFS file systems and access points of a region, with cached listings.

    Create one per request: resources that are created later are not in the cache.

    Args:
        client: arguments for `common.aws.get_client`, such as ``region_name``.
    """

    def __init__(self, **client: Any) -> None:
        self._client = client
        self._listings: dict[tuple[str, ...], list[dict[str, Any]]] = {}

    def find_file_system(
        self, reference: str, tags: Mapping[str, str] | None = None
    ) -> FileSystem:
        """Find a file system.

        Args:
            reference: its ID (``fs-...``), ARN or name.
            tags: tags that it must have.

        Raises:
            ResourceNotFoundError: no file system matches.
            ValueError: several file systems match.
            AWSError: an EFS request failed.
        """
        found_id = _as_id(reference, _FILE_SYSTEM_ID)
        arguments = {"FileSystemId": found_id} if found_id else {}
        candidates = map(_to_file_system, self._list("file_systems", "FileSystems", **arguments))
        return _find_single(candidates, "file system", reference, bool(found_id), tags or {})

    def find_access_point(
        self,
        reference: str,
        file_system_id: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> AccessPoint:
        """Find an access point.

        Args:
            reference: its ID (``fsap-...``), ARN or name.
            file_system_id: the file system that it must belong to; default: any.
            tags: tags that it must have.

        Raises:
            ResourceNotFoundError: no access point matches.
            ValueError: several access points match.
            AWSError: an EFS request failed.
        """
        found_id = _as_id(reference, _ACCESS_POINT_ID)
        arguments = {}
        if found_id:
            arguments["AccessPointId"] = found_id
        elif file_system_id:
            arguments["FileSystemId"] = file_system_id
        candidates = map(
            _to_access_point, self._list("access_points", "AccessPoints", **arguments)
        )
        matching = (
            candidate
            for candidate in candidates
            if file_system_id in (None, candidate.file_system_id)
        )
        where = f" of the file system {file_system_id}" if file_system_id else ""
        return _find_single(matching, "access point", reference, bool(found_id), tags or {}, where)

    def _list(self, what: str, key: str, **arguments: str) -> list[dict[str, Any]]:
        request = (what, *sum(arguments.items(), ()))
        if request not in self._listings:
            self._listings[request] = self._describe(what, key, arguments)
        return self._listings[request]

    def _describe(self, what: str, key: str, arguments: Mapping[str, str]) -> list[dict[str, Any]]:
        from aibs_informatics_aws_lambda.common.aws import get_client, named_errors
        from botocore.exceptions import ClientError

        shown = "".join(f" with {name} {value}" for name, value in arguments.items())
        permission = f"elasticfilesystem:Describe{key}"
        with named_errors(f"list EFS {what.replace('_', ' ')}{shown}", permission):
            pages = get_client("efs", **self._client).get_paginator(f"describe_{what}")
            try:
                found = [one for page in pages.paginate(**arguments) for one in page[key]]
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _NOT_FOUND:
                    return []
                raise
        return [one for one in found if one.get("LifeCycleState") not in _DELETED]


def find_efs_id(text: str) -> str | None:
    """Return the file system or access point ID at the end of ``text``, an ID or an ARN."""
    match = _ENDS_IN_ID.fullmatch(text)
    return match.group(1) if match else None


def _as_id(reference: str, form: re.Pattern[str]) -> str | None:
    """Return the ID in a reference, an ID or an ARN; `None` for a name."""
    arn = _ARN.fullmatch(reference)
    candidate = arn.group(1) if arn else reference
    return candidate if form.fullmatch(candidate) else None


def _find_single(
    candidates: Iterable[Resource],
    kind: str,
    reference: str,
    by_id: bool,
    tags: Mapping[str, str],
    where: str = "",
) -> Resource:
    found = [
        candidate
        for candidate in candidates
        if (by_id or candidate.name == reference) and tags.items() <= candidate.tags.items()
    ]
    if len(found) == 1:
        return found[0]
    tagged = "".join(f" with the tag {name}={value}" for name, value in tags.items())
    if not found:
        raise ResourceNotFoundError(
            f"there is no EFS {kind} {reference!r}{where}{tagged}: check its ID or Name, and its "
            "tags"
        )
    ids = ", ".join(sorted(one.id for one in found))
    raise ValueError(
        f"there are {len(found)} EFS {kind}s named {reference!r}{where}{tagged}: pass one of the "
        f"IDs {ids} instead"
    )


def _to_file_system(described: Mapping[str, Any]) -> FileSystem:
    tags = _tags(described)
    return FileSystem(described["FileSystemId"], described.get("Name") or tags.get("Name"), tags)


def _to_access_point(described: Mapping[str, Any]) -> AccessPoint:
    tags = _tags(described)
    return AccessPoint(
        id=described["AccessPointId"],
        file_system_id=described["FileSystemId"],
        name=described.get("Name") or tags.get("Name"),
        root=PurePosixPath(described.get("RootDirectory", {}).get("Path") or "/"),
        tags=tags,
    )


def _tags(described: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
