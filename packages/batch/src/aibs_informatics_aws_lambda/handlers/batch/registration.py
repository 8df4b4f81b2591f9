"""Find and register job definitions in AWS Batch.

Errors of Batch are raised as botocore raises them. The client retries throttling and server
errors; this module retries conflicts with concurrent callers.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.aws import get_client
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .comparison import find_differences

if TYPE_CHECKING:
    from botocore.exceptions import ClientError


# A fixed number of locks: job definitions that share one are registered one after the other.
_LOCKS = tuple(threading.Lock() for _ in range(64))

_ATTEMPTS = 4
_SPREAD_SECONDS = 2.0

# From the operating system: functions that are restored from one snapshot share other state.
_RANDOM = random.SystemRandom()

_CONFLICT_STATUSES = (409, 429)
# Message of Amazon ECS, where Batch registers a task definition, with status 400.
_CONFLICT_MESSAGE = "too many concurrent attempts"


def list_active_revisions(name: str | None = None) -> Iterator[JSONObject]:
    """Yield the active revisions of one job definition, or of all, as Batch returns them."""
    filters = {"jobDefinitionName": name} if name else {}
    pages = get_client("batch").get_paginator("describe_job_definitions")
    for page in pages.paginate(status="ACTIVE", **filters):
        yield from page["jobDefinitions"]


@dataclass(frozen=True)
class NewestRevision:
    """The newest active revision of a job definition, compared with the wanted definition.

    Args:
        arn: the ARN of the revision; `None` if there is no active revision.
        differences: the names of the fields that differ.
    """

    arn: str | None = None
    differences: tuple[str, ...] = ()

    @property
    def reusable_arn(self) -> str | None:
        """The ARN, if nothing differs."""
        return None if self.differences else self.arn

    def __str__(self) -> str:
        if self.arn is None:
            return "no active revision found"
        if self.differences:
            return f"{self.arn} differs in {', '.join(self.differences)}"
        return "no differences"


def compare_with_newest(definition: JSONObject) -> NewestRevision:
    """Compare a wanted definition with the newest active revision of its name.

    Args:
        definition: arguments of RegisterJobDefinition.

    Raises:
        botocore.exceptions.ClientError: Batch denied access.
    """
    # Batch does not guarantee an order.
    revisions = list_active_revisions(definition["jobDefinitionName"])
    newest = max(revisions, key=lambda found: int(found["revision"]), default=None)
    if newest is None:
        return NewestRevision()
    differences = tuple(find_differences(definition, newest))
    return NewestRevision(newest["jobDefinitionArn"], differences)


def register_unless_present(definition: JSONObject) -> str:
    """Register a revision, unless a concurrent caller already has; return its ARN.

    RegisterJobDefinition is not idempotent: concurrent callers could each add an equal revision.
    Callers in one process wait for each other. Callers in several processes wait for up to two
    seconds and compare again before they register. All of them get an active revision.

    Args:
        definition: arguments of RegisterJobDefinition.

    Raises:
        botocore.exceptions.ClientError: Batch rejected the definition or denied access.
    """
    with _lock_of(definition["jobDefinitionName"]):
        conflicts = 0
        arn = compare_with_newest(definition).reusable_arn
        while arn is None:
            time.sleep(_pause(conflicts))
            conflicts += 1
            arn = compare_with_newest(definition).reusable_arn or _register(
                definition, is_last=conflicts == _ATTEMPTS
            )
    return arn


def _lock_of(name: str) -> threading.Lock:
    return _LOCKS[hash(name) % len(_LOCKS)]


def _register(definition: JSONObject, is_last: bool) -> str | None:
    """Register a revision and return its ARN, or `None` on a conflict with another caller."""
    from botocore.exceptions import ClientError

    try:
        arn: str = get_client("batch").register_job_definition(**definition)["jobDefinitionArn"]
    except ClientError as error:
        if is_last or not _is_conflict(error):
            raise
        return None
    return arn


def _is_conflict(error: ClientError) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status in _CONFLICT_STATUSES or _CONFLICT_MESSAGE in str(error).lower()


def _pause(conflicts: int) -> float:
    """Return the delay before the next comparison, in seconds.

    The density of delays grows linearly: of many callers, only a few are early, and the others
    find the revisions that those registered.
    """
    return _SPREAD_SECONDS * 2.0**conflicts * math.sqrt(_RANDOM.random())
