"""The pointer of a destination in S3: an object that names the prefix of its current version."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

FORMAT: Final = "data-sync-pointer"
VERSION: Final = 1
SUFFIX: Final = ".current.json"


class PointerError(ValueError):
    """An object is not a pointer; the message says why."""


@dataclass(frozen=True)
class Building:
    """A version that is being written.

    Args:
        prefix: its prefix.
        purpose: what it is built for; another purpose would build another version.
        stopped: whether its sync has ended without completing it, so that another one may.
    """

    prefix: str
    purpose: str
    stopped: bool = False


@dataclass(frozen=True)
class Pointer:
    """The versions of a destination. Prefixes are relative to the folder of the destination.

    Args:
        name: the last segment of the destination.
        current: the prefix that readers read; `None` if none is complete yet.
        previous: prefixes that nobody should begin to read, for the next switch to delete.
        building: the version that is being written, if any.
    """

    name: str
    current: str | None = None
    previous: tuple[str, ...] = ()
    building: Building | None = None

    def to_text(self) -> str:
        """Return the content of the pointer object."""
        document: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "current": self.current,
            "previous": list(self.previous),
        }
        if self.building is not None:
            document["building"] = self.building.__dict__
        return json.dumps(document, indent=2) + "\n"


def version_prefix(name: str, number: str) -> str:
    """Return the prefix of a version, whose last segment is the name of the destination."""
    return f"{name}.versions/{number}/{name}/"


def read_pointer(text: str, name: str) -> Pointer:
    """Return a pointer, given the content of its object.

    Raises:
        PointerError: it is none, of another format, or names a prefix that is not its own.
    """
    try:
        document = json.loads(text)
        if (document["format"], document["version"]) != (FORMAT, VERSION):
            raise PointerError(f"not of version {VERSION} of the format {FORMAT}")
        found = document.get("building")
        building = None if found is None else Building(**found)
        pointer = Pointer(
            document["name"], document["current"], tuple(document["previous"]), building
        )
    except PointerError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PointerError(f"not a pointer: {error}") from None
    _check(pointer, name)
    return pointer


def _check(pointer: Pointer, name: str) -> None:
    """Check that a pointer is about its own versions: prefixes that it names are deleted later."""
    own = re.compile(re.escape(version_prefix(name, "@")).replace("@", r"[0-9A-Za-z-]+"))
    named = [*pointer.previous, *([pointer.building.prefix] if pointer.building else [])]
    if pointer.current not in (None, f"{name}/"):
        named.append(pointer.current or "")
    wrong = next((prefix for prefix in named if not own.fullmatch(prefix)), None)
    if pointer.name != name or wrong is not None:
        raise PointerError(f"it names {wrong or pointer.name!r}, which is not a version of {name}")


def begin(pointer: Pointer, purpose: str, prefix: str) -> Pointer:
    """Return the pointer while a version is built.

    Args:
        pointer: the pointer as it is.
        purpose: what the version is built for.
        prefix: a new prefix, unless the version of a sync that has stopped can be completed.
    """
    building = pointer.building
    if building is not None and building.stopped and building.purpose == purpose:
        return replace(pointer, building=replace(building, stopped=False))
    left = () if building is None else (building.prefix,)
    return replace(pointer, previous=pointer.previous + left, building=Building(prefix, purpose))


def stop(pointer: Pointer) -> Pointer:
    """Return the pointer of a version that another sync may complete."""
    building = pointer.building
    return replace(pointer, building=building and replace(building, stopped=True))


def publish(pointer: Pointer, deleted: Sequence[str]) -> Pointer:
    """Return the pointer to the version that was built.

    Args:
        pointer: the pointer while it was built.
        deleted: earlier prefixes below which nothing is left.
    """
    if pointer.building is None:
        return pointer
    previous = [prefix for prefix in pointer.previous if prefix not in deleted]
    # What was at the destination before the first switch is not a version, and is never deleted.
    if pointer.current is not None and pointer.current != f"{pointer.name}/":
        previous.append(pointer.current)
    return Pointer(pointer.name, pointer.building.prefix, tuple(previous))


def abandon(pointer: Pointer) -> Pointer:
    """Return the pointer if the version that was built is not needed."""
    left = () if pointer.building is None else (pointer.building.prefix,)
    return replace(pointer, previous=pointer.previous + left, building=None)
