"""The objects that a step reads and writes, as they were listed."""

from __future__ import annotations

from ..entries import ObjectVersion
from .diff import Step
from .routes import Base, Route


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
