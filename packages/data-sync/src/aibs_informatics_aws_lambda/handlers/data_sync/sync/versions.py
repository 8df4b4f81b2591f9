"""The objects that a step reads and writes, as they were listed."""

from __future__ import annotations

from ..entries import ObjectVersion
from .diff import Step
from .routes import Root, Route


def source_version(route: Route, step: Step) -> ObjectVersion:
    """Return the object that a step is about, where objects are the source."""
    return _version(route.source, step.entry.relative, step.entry.etag)


def target_version(route: Route, step: Step) -> ObjectVersion:
    """Return the object at the target of a step, where objects are the target."""
    return _version(route.target, step.target, step.target_etag)


def _version(root: Root, relative: str, etag: str | None) -> ObjectVersion:
    if root.bucket is None:
        raise TypeError(f"{root.name(relative)} is no object, but a local path")
    return ObjectVersion(root.bucket, root.at(relative), etag or "")
