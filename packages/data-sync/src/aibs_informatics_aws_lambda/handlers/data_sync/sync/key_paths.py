"""Objects as local files: which path a key becomes, and which keys cannot be together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..entries import Entry, is_placeholder
from .diff import Pair, Step

_MAX_NAME_BYTES = 255


def as_local_pairs(
    entries: Iterable[Entry], source: str, non_canonical: NonCanonicalKeys
) -> Iterator[Pair]:
    """Yield the entries with the paths they become, in order; placeholders are left out.

    Args:
        entries: objects.
        source: the URI that they lie below, for messages.
        non_canonical: takes those whose path is not simply the key, which would break the order.

    Raises:
        ValueError: a key cannot be a path below the destination.
    """
    for entry in entries:
        if is_placeholder(entry):
            continue
        path = local_path_of(entry.relative, source)
        if path == entry.relative:
            yield Pair(path, entry)
        else:
            non_canonical.add(Pair(path, entry))


def local_path_of(relative: str, source: str) -> str:
    """Return the path below a folder that a key becomes: without empty parts and ``.``.

    Raises:
        ValueError: it would leave the folder, or cannot be the path of a file.
    """
    uri = f"{source}{relative}"
    if not relative or relative.endswith("/"):
        raise ValueError(
            f"{uri!r} ends in a slash and is not empty: it cannot be a local file; exclude it"
        )
    if "\0" in relative:
        raise ValueError(f"{uri!r} holds a null character: it cannot be a local file; exclude it")
    parts = relative.split("/")
    if ".." in parts:
        raise ValueError(f"{uri!r} would lead out of the destination by '..'; exclude it")
    kept = [part for part in parts if part not in ("", ".")]
    if not kept or parts[-1] == ".":
        raise ValueError(f"{uri!r} would be the folder that it lies in; exclude it")
    # A character has at most four bytes.
    most_bytes = len(relative) if relative.isascii() else 4 * len(relative)
    if most_bytes > _MAX_NAME_BYTES and max(map(_byte_length, kept)) > _MAX_NAME_BYTES:
        raise ValueError(
            f"{uri!r} has a part of more than {_MAX_NAME_BYTES} bytes: it cannot be a local "
            "file; exclude it"
        )
    return relative if len(kept) == len(parts) else "/".join(kept)


class NonCanonicalKeys:
    """Objects whose local path is not simply their key, such as ``a//b``. There are few."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def add(self, pair: Pair) -> None:
        """Add an entry.

        Raises:
            ValueError: another one becomes the same path.
        """
        other = self._entries.setdefault(pair.target, pair.entry)
        if other is not pair.entry:
            raise ValueError(_same_target(other.relative, pair.entry.relative))

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __iter__(self) -> Iterator[Pair]:
        return (Pair(target, entry) for target, entry in self._entries.items())

    def __contains__(self, target: str) -> bool:
        return target in self._entries

    def check(self, step: Step) -> None:
        """Raise `ValueError` if an entry of the plan gets in the way of one of these."""
        parts = step.target.split("/")
        for count in range(1, len(parts) + 1):
            other = self._entries.get("/".join(parts[:count]))
            if other is not None and other != step.entry:
                raise ValueError(_same_target(other.relative, step.entry.relative))
        below = f"{step.target}/"
        for target, other in self._entries.items():
            if target.startswith(below):
                raise ValueError(_same_target(other.relative, step.entry.relative))


class FileFolderConflicts:
    """Finds files of which another path makes a folder, in paths that come in order."""

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self._files: list[Step] = []

    def check(self, step: Step) -> None:
        """Take the next step; steps at the destination only are those of action ``extraneous``.

        Raises:
            ValueError: a file would have to be a folder as well.
        """
        while self._files and not step.target.startswith(self._files[-1].target):
            self._files.pop()
        for file in self._files:
            if step.target.startswith(f"{file.target}/"):
                raise ValueError(self._conflict(file, step))
        if step.entry.kind != "folder":
            self._files.append(step)

    def _conflict(self, file: Step, step: Step) -> str:
        path = f"{self._destination}{file.target}"
        if file.action == "extraneous":
            return (
                f"{path} is a {file.entry.kind}, and {step.entry.relative!r} needs a folder "
                f"there: remove it, or choose another destination"
            )
        if step.action == "extraneous":
            return f"{path} is a folder, and a file does not replace a folder: remove it"
        return _same_target(file.entry.relative, step.entry.relative)


def _same_target(one: str, other: str) -> str:
    return (
        f"{one!r} and {other!r} cannot both be local files, as they become one path or one lies "
        "below the other; exclude one of them"
    )


def _byte_length(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))
