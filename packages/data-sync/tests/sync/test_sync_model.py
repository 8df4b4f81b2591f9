"""Random trees, filters and starting states against a plain model of what a sync leaves behind."""

from __future__ import annotations

import itertools
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from hypothesis import HealthCheck, given, settings, strategies as st

Tree = dict[str, bytes]

NAMES = st.sampled_from(["a", "b", "a.b", "a-", "a b", "B", "é", "~+%"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(PATHS, st.sampled_from([b"", b"x", b"y", b"xyz"]), max_size=6)
KEYS = PATHS | st.sampled_from(["a//b", "./a", "/a", "a/./b", "b/", "a/b/"])
KEY_TREES = st.dictionaries(KEYS, st.sampled_from([b"", b"x", b"y", b"xyz"]), max_size=6)
FILTERS = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "include": st.sampled_from(["a.*", ["b", ".*/b"], "", ".*/.*"]),
        "exclude": st.sampled_from(["a", [".*/a", "B"], None]),
    },
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "delete": st.booleans(),
        "force": st.booleans(),
        "retain_source_data": st.booleans(),
        "max_concurrency": st.integers(1, 4),
    },
)

# What lies beside source and destination, and must stay whatever happens.
NEIGHBOURS = {"src2/x": b"1", "src.txt": b"2", "dst2/x": b"3", "dst.txt": b"4", "dst-": b"5"}

_numbers = itertools.count()


class Disk:
    """A side of a sync on a disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> str:
        return str(self.root / name)

    def write(self, tree: Tree) -> None:
        for path, content in tree.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def read(self) -> Tree:
        return {
            str(file.relative_to(self.root)): file.read_bytes()
            for file in self.root.rglob("*")
            if file.is_file()
        }


@dataclass
class Bucket:
    """A side of a sync on S3."""

    client: object
    root: str

    def path(self, name: str) -> str:
        return f"s3://bucket/{self.root}{name}"

    def write(self, tree: Tree) -> None:
        for key, content in tree.items():
            self.client.put_object(Bucket="bucket", Key=self.root + key, Body=content)

    def read(self) -> Tree:
        found = self.client.list_objects_v2(Bucket="bucket", Prefix=self.root).get("Contents", [])
        keys = [entry["Key"] for entry in found]
        return {
            key.removeprefix(self.root): self.client.get_object(Bucket="bucket", Key=key)[
                "Body"
            ].read()
            for key in keys
        }


@pytest.fixture
def make_sides(aws, tmp_path: Path):
    aws.make_bucket()
    client = aws.client("s3")

    def make(source_is_remote: bool, destination_is_remote: bool):
        number = next(_numbers)
        sides = []
        for name, is_remote in (("s", source_is_remote), ("d", destination_is_remote)):
            root = f"{number}{name}/"
            side = Bucket(client, root) if is_remote else Disk(tmp_path / root)
            side.write(NEIGHBOURS)
            sides.append(side)
        return sides

    return make


def below(folder: str, tree: Tree) -> Tree:
    return {f"{folder}/{path}": content for path, content in tree.items()}


def possible_on_disk(paths) -> bool:
    paths = set(paths)
    parents = {
        "/".join(path.split("/")[:count])
        for path in paths
        for count in range(1, path.count("/") + 1)
    }
    return not paths & parents


def as_file_tree(tree: Tree) -> Tree:
    """Drop what cannot be together on a disk."""
    kept: Tree = {}
    for path in tree:
        if possible_on_disk([*kept, path]):
            kept[path] = tree[path]
    return kept


def keeps(filters: dict | None, path: str) -> bool:
    def listed(name: str) -> list[str]:
        value = (filters or {}).get(name)
        return [value] if isinstance(value, str) and value else list(value or [])

    if any(re.fullmatch(pattern, path) for pattern in listed("exclude")):
        return False
    include = listed("include")
    return not include or any(re.fullmatch(pattern, path) for pattern in include)


def normal(key: str) -> str:
    return "/".join(part for part in key.split("/") if part not in ("", "."))


def expect(source: Tree, there: Tree, selected: Tree, *, to_disk: bool, mirror: bool):
    """Return the destination after the sync, or `None` if it must be refused."""
    if not to_disk:
        return {**({} if mirror else there), **selected}
    files = {key: content for key, content in selected.items() if content or key[-1:] != "/"}
    if any(key.endswith("/") for key in files):
        return None
    targets = [normal(key) for key in files]
    if len(set(targets)) < len(targets) or not possible_on_disk([*targets, *there]):
        return None
    landed = {normal(key): content for key, content in files.items()}
    return {**({} if mirror else there), **landed}


@pytest.mark.parametrize("destination_is_remote", [False, True], ids=["to-local", "to-s3"])
@pytest.mark.parametrize("source_is_remote", [False, True], ids=["local", "s3"])
@settings(
    max_examples=settings.default.max_examples // 4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_sync_leaves_what_the_model_says(
    make_sides, source_is_remote: bool, destination_is_remote: bool, data: st.DataObject
):
    trees = KEY_TREES if source_is_remote else TREES.map(as_file_tree)
    source: Tree = data.draw(trees, "source")
    there: Tree = data.draw(
        KEY_TREES if destination_is_remote else TREES.map(as_file_tree), "destination"
    )
    is_local = not source_is_remote and not destination_is_remote
    filters = None if is_local else data.draw(FILTERS, "filters")
    options = data.draw(OPTIONS, "options")
    origin, target = make_sides(source_is_remote, destination_is_remote)
    origin.write(below("src", source))
    target.write(below("dst", there))
    if not source_is_remote:
        Path(origin.path("src")).mkdir(exist_ok=True)
    request = DataSyncRequest(
        source_path=origin.path("src"),
        destination_path=target.path("dst"),
        filter_config=filters,
        fail_if_missing=False,
        **options,
    )

    selected = {path: content for path, content in source.items() if keeps(filters, path)}
    mirror = request.delete and not is_local and bool(source or not source_is_remote)
    expected = expect(source, there, selected, to_disk=not destination_is_remote, mirror=mirror)
    before_source, before_target = origin.read(), target.read()
    if expected is None:
        with pytest.raises((ValueError, OSError)):
            Engine().sync(request)
        assert origin.read() == before_source
        assert target.read() == before_target
        return

    result = Engine().sync(request).result

    assert target.read() == {**NEIGHBOURS, **below("dst", expected)}
    removes = not request.retain_source_data and (destination_is_remote or is_local)
    left = {path: c for path, c in source.items() if not removes or path not in selected}
    assert origin.read() == {**NEIGHBOURS, **below("src", left)}
    if removes and not source_is_remote and not filters:
        assert not Path(origin.path("src")).exists()
    counted = [
        key for key in selected if destination_is_remote or selected[key] or key[-1:] != "/"
    ]
    assert result.files_transferred + result.files_unchanged == len(counted)
    assert result.files_deleted == len(set(there) - set(expected))
    if request.retain_source_data:
        again = Engine().sync(_unforced(request)).result
        assert again.files_transferred == 0
        assert again.files_deleted == 0
        assert target.read() == {**NEIGHBOURS, **below("dst", expected)}
    if isinstance(origin, Disk):
        shutil.rmtree(origin.root)


def _unforced(request: DataSyncRequest) -> DataSyncRequest:
    return request.model_copy(update={"force": False})
