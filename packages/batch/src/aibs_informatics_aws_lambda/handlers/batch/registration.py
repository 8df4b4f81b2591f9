"""Finding and registering job definitions in AWS Batch.

Errors of Batch pass through as botocore raises them. The client repeats throttled requests and
those that met a server error; here, only those that another caller was in the way of are repeated.
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


# A fixed number: names that share one wait for each other, which costs time and no more.
_LOCKS = tuple(threading.Lock() for _ in range(64))

_ATTEMPTS = 4
_SPREAD_SECONDS = 2.0

# Of the operating system: functions restored from one snapshot share the state of any other.
_RANDOM = random.SystemRandom()

_CONFLICT_STATUSES = (409, 429)
# What Amazon ECS, to which Batch hands definitions on, says with status 400.
_CONFLICT_MESSAGE = "too many concurrent attempts"


def list_active_revisions(name: str | None = None) -> Iterator[JSONObject]:
    """Yield the active revisions of a job definition, or of all, as Batch reports them."""
    filters = {"jobDefinitionName": name} if name else {}
    pages = get_client("batch").get_paginator("describe_job_definitions")
    for page in pages.paginate(status="ACTIVE", **filters):
        yield from page["jobDefinitions"]


@dataclass(frozen=True)
class NewestRevision:
    """The newest active revision of a job definition, held against a wanted definition.

    Args:
        arn: its ARN; `None` if there is no active revision.
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
            return "there was no active revision"
        if self.differences:
            return f"{self.arn} differs in {', '.join(self.differences)}"
        return "nothing differs"


def compare_with_newest(definition: JSONObject) -> NewestRevision:
    """Compare a wanted definition with the newest active revision of its name.

    Args:
        definition: arguments of RegisterJobDefinition.

    Raises:
        botocore.exceptions.ClientError: Batch refuses access.
    """
    # Batch does not promise an order.
    revisions = list_active_revisions(definition["jobDefinitionName"])
    newest = max(revisions, key=lambda found: int(found["revision"]), default=None)
    if newest is None:
        return NewestRevision()
    differences = tuple(find_differences(definition, newest))
    return NewestRevision(newest["jobDefinitionArn"], differences)


def register_unless_present(definition: JSONObject) -> str:
    """Register a revision, unless another caller does it meanwhile; return the ARN of either.

    Batch cannot register on condition, so callers that want the same at the same time could add a
    revision each. Those of one process go one after the other; those of several are spread over
    two seconds, and look again before they register. What each gets is an active revision in any
    case.

    Args:
        definition: arguments of RegisterJobDefinition.

    Raises:
        botocore.exceptions.ClientError: Batch refuses the definition, or access.
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
    """Register a revision and return its ARN, or `None` if another caller was in the way."""
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
    """Return how long to wait before a look, in seconds.

    Early moments are the rarer ones (their density grows linearly), so that few of many callers
    come first and the others see what they registered.
    """
    return _SPREAD_SECONDS * 2.0**conflicts * math.sqrt(_RANDOM.random())
