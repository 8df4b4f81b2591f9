"""What data there is before, while and after something goes wrong: verbs, and what they must keep.

A world has a source and a destination with files or objects of which all contents differ. Whatever
goes wrong, no content of the source may be lost, and none of the destination but what a plan that
was completed has replaced or deleted; and once nothing goes wrong any more, the next run completes
the work.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from faulty_s3 import FaultyS3

BUCKET: Final = "bucket"

# Source and destination share what is in sync, differ in what has changed, and each has its own.
_SOURCE: Final = {
    "a": b"a, in sync",
    "b/changed": b"b, changed at the source",
    "b/c/new": b"c, new at the source",
    "d": b"d, new as well",
    "e/large": b"e, above what passes through memory: " + bytes(range(256)) * 1100,
}
_DESTINATION: Final = {
    "a": b"a, in sync",
    "b/changed": b"b, as it was",
    "b/extraneous": b"x, not at the source",
    "y/extraneous": b"y, in a folder that is not at the source",
}
# Left at the destination of a move while its source is removed.
_MOVE_MARKER: Final = ".data-sync-move"
_OLD: Final = 1_000_000_000.0


@dataclass(frozen=True)
class Verb:
    """A way to use the product.

    Args:
        source: where data come from: ``s3`` or ``local``.
        destination: where they go to; empty if nowhere.
        options: the options of the sync.
        prepared: whether the sync is divided into batches first.
    """

    source: str
    destination: str
    options: Mapping[str, Any] = field(default_factory=dict)
    prepared: bool = False

    @property
    def moves(self) -> bool:
        """Whether the source is removed."""
        return not self.options.get("retain_source_data", True)

    @property
    def mirrors(self) -> bool:
        """Whether what is extraneous at the destination is deleted."""
        is_local = self.source == self.destination == "local"
        return not is_local and bool(self.options.get("delete", True))


MOVE: Final = {"retain_source_data": False}

VERBS: Final = {
    "upload": Verb("local", "s3"),
    "download": Verb("s3", "local"),
    "copy": Verb("s3", "s3"),
    "local copy": Verb("local", "local"),
    "upload without delete": Verb("local", "s3", {"delete": False}),
    "move to S3": Verb("local", "s3", MOVE),
    "move within S3": Verb("s3", "s3", MOVE),
    "local move": Verb("local", "local", MOVE),
    "upload in batches": Verb("local", "s3", {"delete": False}, prepared=True),
    "download in batches": Verb("s3", "local", {"delete": False}, prepared=True),
    "copy in batches": Verb("s3", "s3", {"delete": False}, prepared=True),
    "mirror in batches": Verb("s3", "s3", prepared=True),
    "removal": Verb("local", ""),
}


@dataclass
class World:
    """A source and a destination.

    Args:
        verb: what is done with them.
        s3: the server.
        folder: a folder for what is local.
        contents: what the source has now: what it has had at first, and what a user has changed.
        at_destination: what the destination has had at first.
        batch_bytes: the limit of batches; by default, each folder is a part of its own.
    """

    verb: Verb
    s3: FaultyS3
    folder: Path
    contents: dict[str, bytes] = field(default_factory=lambda: dict(_SOURCE))
    at_destination: Mapping[str, bytes] = field(default_factory=lambda: _DESTINATION)
    batch_bytes: int = 40

    def __post_init__(self) -> None:
        self._at_source = dict(self.contents)
        for path, content in self.contents.items():
            self._write(self.verb.source, f"src/{path}", content, _OLD + 100)
        if self.verb.destination:
            for path, content in self.at_destination.items():
                is_in_sync = content == self.contents.get(path)
                modified = _OLD + 200 if is_in_sync else _OLD
                self._write(self.verb.destination, f"dst/{path}", content, modified)

    @classmethod
    def of_many(cls, verb: Verb, s3: FaultyS3, folder: Path, number: int) -> World:
        """Make a world of many small files.

        Of each five of the source, one is in sync and one has changed; the destination has one
        more that is extraneous.
        """
        source, destination = {}, {}
        for count in range(number):
            path = f"{count % 7}/{count:03}"
            source[path] = f"{path} of the source".encode()
            if count % 5 < 2:
                destination[path] = source[path] if count % 5 else f"{path}, as it was".encode()
            if count % 5 == 3:
                destination[f"{path}, extraneous"] = f"{path}, not at the source".encode()
        return cls(verb, s3, folder, source, destination, batch_bytes=number * 5)

    def change_source(self, path: str, content: bytes | None) -> None:
        """Replace or remove an entry of the source, as a user might at any time."""
        if content is not None:
            self.contents[path] = content
            self._write(self.verb.source, f"src/{path}", content, _OLD + 300)
            return
        del self.contents[path]
        if self.verb.source == "s3":
            self.s3.objects.pop((BUCKET, f"src/{path}"), None)
        else:
            (self.folder / "src" / path).unlink()

    @property
    def request(self) -> dict[str, Any]:
        """The request of the verb."""
        if not self.verb.destination:
            return {"paths": [str(self.folder / "src")]}
        return {
            "source_path": self._location(self.verb.source, "src"),
            "destination_path": self._location(self.verb.destination, "dst"),
            "max_concurrency": 4,
            **({"batch_size_bytes_limit": self.batch_bytes} if self.verb.prepared else {}),
            **self.verb.options,
        }

    @property
    def source(self) -> dict[str, bytes]:
        """What the source has."""
        return self._read(self.verb.source, "src")

    @property
    def destination(self) -> dict[str, bytes]:
        """What the destination has."""
        return self._read(self.verb.destination, "dst") if self.verb.destination else {}

    @property
    def expected(self) -> dict[str, bytes]:
        """What the destination has when the work is done."""
        if not self.verb.destination:
            return {}
        return self.contents if self.verb.mirrors else {**self.at_destination, **self.contents}

    def check_nothing_lost(self, *, completed: bool) -> None:
        """Check that no content is lost, and that none is half or mixed.

        Args:
            completed: whether the run has ended without an error.
        """
        source, destination = self.source, self.destination
        there = {*source.values(), *destination.values()}
        if self.verb.destination:
            lost = [path for path, content in self.contents.items() if content not in there]
            assert not lost, f"lost of the source: {lost}"
        for path, content in destination.items():
            if path == _MOVE_MARKER:
                continue
            versions = (
                self.contents.get(path),
                self._at_source.get(path),
                self.at_destination.get(path),
            )
            assert content in versions, f"spoiled: {path}"
        if self.verb.destination and not completed:
            deleted = self.at_destination.keys() - self._at_source.keys() - destination.keys()
            for path in deleted:
                late = [
                    other
                    for other in self._planned_with(path)
                    if destination.get(other) != self.contents[other]
                ]
                assert not late, f"{path} was deleted before {late} were transferred"

    def _planned_with(self, path: str) -> list[str]:
        """Return what must have been transferred before a path is deleted.

        Deletions come last in a sync. A batch has syncs of folders, one after the other.
        """
        if self.verb.prepared:
            folder = f"{path.partition('/')[0]}/"
            below = [other for other in self.contents if other.startswith(folder)]
            if below:
                return below
        return list(self.contents)

    def check_completed(self) -> None:
        """Check that the work is done."""
        removed = self.verb.moves or not self.verb.destination
        destination = self.destination
        if not self.verb.mirrors:
            # What was synced before a user removed it from the source.
            for path in self._at_source.keys() - self.contents.keys():
                destination.pop(path, None)
        _check_same("destination", destination, self.expected)
        _check_same("source", self.source, {} if removed else self.contents)

    def _location(self, kind: str, name: str) -> str:
        return f"s3://{BUCKET}/{name}/" if kind == "s3" else str(self.folder / name)

    def _write(self, kind: str, path: str, content: bytes, modified: float) -> None:
        if kind == "s3":
            self.s3.put(BUCKET, path, content, modified)
            return
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (modified, modified))

    def _read(self, kind: str, name: str) -> dict[str, bytes]:
        if kind == "s3":
            return self.s3.read(BUCKET, f"{name}/")
        root = self.folder / name
        return {
            file.relative_to(root).as_posix(): file.read_bytes()
            for file in root.rglob("*")
            # What is not published yet is nobody's.
            if file.is_file() and not file.name.endswith(".tmp")
        }


def _check_same(side: str, found: Mapping[str, bytes], expected: Mapping[str, bytes]) -> None:
    missing, left = expected.keys() - found.keys(), found.keys() - expected.keys()
    other = [path for path in expected.keys() & found.keys() if found[path] != expected[path]]
    difference = f"missing {sorted(missing)}, left {sorted(left)}, other {sorted(other)}"
    assert found == expected, f"the {side} is not as it should be: {difference}"


def run_verb(verb: Verb, request: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Do what a verb does, and return its counts."""
    from aibs_informatics_aws_lambda.handlers import data_sync

    if not verb.destination:
        removed: Any = data_sync.remove_data_paths_handler(dict(request), context)
        return dict(removed)
    if not verb.prepared:
        response: Any = data_sync.data_sync_handler(dict(request), context)
        return dict(response["result"])
    counts: Counter[str] = Counter()
    prepared: Any = data_sync.prepare_batch_data_sync_handler(dict(request), context)
    for batch in prepared["requests"]:
        done: Any = data_sync.batch_data_sync_handler(batch, context)
        counts.update(done["result"])
    return dict(counts)
