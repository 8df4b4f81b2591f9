"""Local paths of objects: the path for a key, and conflicts between keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..entries import Entry, is_placeholder
from ..local.walk import OnFailure
from ..locations import Root
from .diff import Pair, Step

_MAX_NAME_BYTES = 255


def as_local_pairs(
    entries: Iterable[Entry],
    source: Root,
    non_canonical: NonCanonicalKeys,
    on_failure: OnFailure | None = None,
) -> Iterator[Pair]:
    """Yield the entries with their local paths, in order; placeholders are left out.

    Args:
        entries: the objects.
        source: the source, for messages.
        non_canonical: collects keys whose path differs from the key, as they break the order.
        on_failure: called with each key that cannot be a path, instead of raising the error.

    Raises:
        ValueError: a key cannot be a path below the destination.
    """
    for entry in entries:
        if not entry.size and is_placeholder(entry):
            continue
        try:
            path = local_path_of(entry.relative, source)
        except ValueError as error:
            if on_failure is None:
                raise
            on_failure(source.name(entry.relative), error)
            continue
        if path == entry.relative:
            yield Pair(path, entry)
        else:
            non_canonical.add(Pair(path, entry))


def local_path_of(relative: str, source: Root | str) -> str:
    """Return the local path for a key: without empty segments and ``.`` segments.

    Raises:
        ValueError: the path would leave the destination, or is not valid for a file.
    """
    if not relative or relative.endswith("/"):
        raise _not_a_file(source, relative, "ends in a slash and is not empty")
    if "\0" in relative:
        raise _not_a_file(source, relative, "contains a null character")
    parts = relative.split("/")
    if ".." in parts:
        raise _not_a_file(source, relative, "would leave the destination through '..'")
    kept = [part for part in parts if part not in ("", ".")]
    if not kept or parts[-1] == ".":
        raise _not_a_file(source, relative, "would be the folder that contains it")
    # A character has at most four bytes.
    most_bytes = len(relative) if relative.isascii() else 4 * len(relative)
    if most_bytes > _MAX_NAME_BYTES and max(map(_byte_length, kept)) > _MAX_NAME_BYTES:
        reason = f"has a segment of more than {_MAX_NAME_BYTES} bytes"
        raise _not_a_file(source, relative, reason)
    return relative if len(kept) == len(parts) else "/".join(kept)


def _not_a_file(source: Root | str, relative: str, reason: str) -> ValueError:
    uri = f"{source}{relative}"
    return ValueError(f"{uri!r} {reason}: it cannot be a local file. Exclude it")


class NonCanonicalKeys:
    """Objects whose local path differs from their key, such as ``a//b``. There are few."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def add(self, pair: Pair) -> None:
        """Add an entry.

        Raises:
            ValueError: another entry has the same path.
        """
        other = self._entries.setdefault(pair.target, pair.entry)
        if other is not pair.entry:
            raise ValueError(_same_target(other.relative, pair.entry.relative))

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __iter__(self) -> Iterator[Pair]:
        """Yield the entries in the order of their paths."""
        return (Pair(target, self._entries[target]) for target in sorted(self._entries))

    def __contains__(self, target: str) -> bool:
        return target in self._entries

    def check(self, step: Step) -> None:
        """Raise `ValueError` if a step of the plan conflicts with one of these."""
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
    """Finds files that would have to be folders as well, among steps in order."""

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self._files: list[Step] = []

    def check(self, step: Step) -> None:
        """Check the next step.

        Raises:
            ValueError: a path would have to be a file and a folder.
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
                "there: delete it, or choose another destination"
            )
        if step.action == "extraneous":
            return f"{path} is a folder, and a file does not replace a folder: delete it"
        return _same_target(file.entry.relative, step.entry.relative)


def _same_target(one: str, other: str) -> str:
    return (
        f"{one!r} and {other!r} cannot both be local files: their paths are equal, or one is "
        "below the other. Exclude one of them"
    )


def _byte_length(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))
