"""Objects as they were listed."""

from __future__ import annotations

from typing import NamedTuple

from aibs_informatics_aws_lambda.handlers.data_sync.engine.plan import Step
from aibs_informatics_aws_lambda.handlers.data_sync.engine.routes import Base, Route

__all__ = ["ObjectVersion", "source_version", "target_version"]


class ObjectVersion(NamedTuple):
    """An object, as it was listed: a request about another version of it fails.

    Args:
        bucket: the bucket.
        key: the key.
        etag: the ETag, without quotation marks; empty where no object was listed.
    """

    bucket: str
    key: str
    etag: str


def source_version(route: Route, step: Step) -> ObjectVersion:
    """Return the object that a step is about, where objects are the source."""
    return _version(route.source, step.item.relative, step.item.etag)


def target_version(route: Route, step: Step) -> ObjectVersion:
    """Return the object at the target of a step, where objects are the target."""
    return _version(route.target, step.target, step.target_etag)


def _version(base: Base, relative: str, etag: str | None) -> ObjectVersion:
    if base.bucket is None:
        raise TypeError(f"{base.name(relative)} is no object, but a local path")
    return ObjectVersion(base.bucket, base.at(relative), etag or "")
