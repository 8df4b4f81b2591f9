"""Sources that are listed by a snapshot, such as S3 Inventory: later changes are looked up.

A snapshot is evidence of what was there, not of what is missing now: an object that it does not
list may have been written since. So each entry at the destination that looks extraneous is looked
up at the source, and deleted only if the service says that it is not there. Transfers need no such
request: one for a version that no longer exists fails, and only then the object is looked up.
"""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError
from aibs_informatics_aws_lambda.common.s3 import MAX_KEY_BYTES

from ..ahead import start_ahead
from ..evidence import StoredObject
from ..s3.client import S3
from ..s3.requests import Response, head, head_bucket
from .diff import Step
from .filters import PathFilter
from .planner import Plan
from .steps import Steps

logger = logging.getLogger(__name__)

_IN_FLIGHT = 64


def as_found(step: Step, found: StoredObject) -> Step:
    """Return a step on an object, as it is served now."""
    entry, there = step.entry, step.there
    size = entry.size if found.size is None else found.size
    modified = entry.modified if found.modified is None else found.modified
    now = step._replace(entry=entry._replace(size=size, modified=modified, etag=found.etag))
    if step.action == "compare" and there is not None and size != there.size:
        return now._replace(action="transfer", reason="size")
    return now


def keep_confirmed_deletions(plan: Plan, selects: PathFilter | None, s3: S3) -> None:
    """Drop the extraneous entries of a plan that the source has, as the service says now.

    Args:
        plan: the plan.
        selects: the filter of the sync: what it excludes is extraneous whether the source has it
            or not.
        s3: the S3 client of the source.

    Raises:
        AWSError: the source cannot be looked up. Nothing was changed.
    """
    bucket = plan.route.source.bucket
    if bucket is None or not plan.extraneous:
        return
    # Else the status 404, by which an object is missing, would say so of a missing bucket.
    s3.ask(head_bucket(bucket))
    confirmed, kept, first = Steps(), 0, ""
    for step, is_there in _look_up(plan, selects, bucket, s3):
        if not is_there:
            plan.add(confirmed, step)
            continue
        kept, first = kept + 1, first or plan.route.target.name(step.target)
    plan.extraneous.close()
    plan.extraneous = confirmed
    if kept:
        logger.warning(
            "%s entries at the destination, such as %s, are not in the inventory, but at the "
            "source: they are not deleted",
            f"{kept:,}",
            first,
        )


def _look_up(
    plan: Plan, selects: PathFilter | None, bucket: str, s3: S3
) -> Iterator[tuple[Step, bool]]:
    """Yield the extraneous entries in order, each with whether the source has it."""

    def look(found: tuple[Step, str | None]) -> Future[Response] | None:
        key = found[1]
        return None if key is None else s3.send(head(bucket, key))

    for (step, _), future in start_ahead(_source_keys(plan, selects), look, _IN_FLIGHT):
        yield step, _is_there(future)


def _source_keys(plan: Plan, selects: PathFilter | None) -> Iterable[tuple[Step, str | None]]:
    """Yield the extraneous entries, each with the key whose absence makes it extraneous."""
    route = plan.route
    for step in plan.extraneous:
        relative = step.target.removeprefix(route.kept_prefix)
        is_mapped = step.target.startswith(route.kept_prefix)
        is_selected = selects is None or selects(relative)
        key = route.source.at(relative)
        yield step, key if is_mapped and is_selected and _is_valid_key(key) else None


def _is_valid_key(key: str) -> bool:
    """Return whether an object can have a key: the names of files may be longer, or not UTF-8."""
    try:
        return len(key.encode()) <= MAX_KEY_BYTES
    except UnicodeEncodeError:
        return False


def _is_there(future: Future[Response] | None) -> bool:
    if future is None:
        return False
    try:
        future.result()
    except ResourceNotFoundError:
        return False
    return True
