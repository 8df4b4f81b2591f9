"""Stores that real libraries write and read: in two versions, of which the second one is appended.

Each library is imported where it is used: the suite has an environment of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Content = tuple[Any, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of store.

    Args:
        module: the library that writes and reads it.
        create: writes the first version into an empty folder.
        append: appends to it.
        read: returns the content, as a reader sees it who opens the store anew.
    """

    module: str
    create: Callable[[Path], None]
    append: Callable[[Path], None]
    read: Callable[[Path], Content]


_ROWS: Final = 24
_CHUNK: Final = 2


def _zarr_create(zarr_format: int, *, consolidated: bool = False) -> Callable[[Path], None]:
    def create(folder: Path) -> None:
        import numpy
        import zarr

        group = zarr.create_group(folder, zarr_format=zarr_format)
        # The name comes after `zarr.json`: no order of names would do.
        array = group.create_array(
            "values", shape=(_ROWS,), chunks=(_CHUNK,), dtype="int32", fill_value=0
        )
        array[:] = numpy.arange(1, _ROWS + 1)
        group.attrs["rows"] = _ROWS
        if consolidated:
            zarr.consolidate_metadata(folder)

    return create


def _zarr_append(*, consolidated: bool = False) -> Callable[[Path], None]:
    def append(folder: Path) -> None:
        import numpy
        import zarr

        group = zarr.open_group(folder, mode="r+", use_consolidated=False)
        group["values"].append(numpy.arange(_ROWS + 1, 2 * _ROWS + 1, dtype="int32"))
        group.attrs["rows"] = 2 * _ROWS
        if consolidated:
            zarr.consolidate_metadata(folder)

    return append


def _zarr_read(folder: Path) -> Content:
    import zarr

    group = zarr.open_group(folder, mode="r")
    return tuple(group["values"][:].tolist())


def _ome_create(folder: Path) -> None:
    import numpy
    import zarr
    from ome_zarr.writer import write_multiscale

    group = zarr.open_group(folder, mode="w")
    levels = [numpy.arange(1, 65).reshape(1, 8, 8), numpy.arange(1, 17).reshape(1, 4, 4)]
    write_multiscale(levels, group, axes="tyx", storage_options={"chunks": (1, 2, 2)})


def _ome_append(folder: Path) -> None:
    import numpy
    import zarr

    group = zarr.open_group(folder, mode="r+")
    for name, size in (("0", 8), ("1", 4)):
        level = numpy.arange(1, size * size + 1).reshape(1, size, size)
        found = name if name in group else f"s{name}"
        group[found].append(level, axis=0)


def _ome_read(folder: Path) -> Content:
    import zarr

    group = zarr.open_group(folder, mode="r")
    names = [name for name in ("0", "1", "s0", "s1") if name in group]
    # Each level is read by itself: a reader opens one of them.
    return tuple(tuple(group[name][:].ravel().tolist()) for name in names)


def _table(start: int, rows: int = _ROWS) -> Any:
    import pyarrow

    return pyarrow.table({"value": list(range(start, start + rows))})


def _parquet_write(folder: Path, number: int) -> None:
    import pyarrow.parquet as parquet

    metadata, collected = folder / "_metadata", []
    if metadata.exists():
        collected.append(parquet.read_metadata(metadata))
    for part in range(6):
        name = f"part-{number}-{part}.parquet"
        table = _table(number * _ROWS + 4 * part, rows=4)
        parquet.write_table(table, folder / name, metadata_collector=collected)
        collected[-1].set_file_path(name)
    parquet.write_metadata(table.schema, metadata, metadata_collector=collected)


def _parquet_read(folder: Path) -> Content:
    import pyarrow.dataset as dataset

    table = dataset.parquet_dataset(folder / "_metadata").to_table()
    return tuple(sorted(table["value"].to_pylist()))


def _delta_write(folder: Path) -> None:
    import deltalake

    exists = (folder / "_delta_log").exists()
    for number in range(3):
        start = (number + 3 * exists) * _ROWS
        deltalake.write_deltalake(str(folder), _table(start), mode="append")


def _delta_read(folder: Path) -> Content:
    import deltalake

    table = deltalake.DeltaTable(str(folder)).to_pyarrow_table()
    return tuple(sorted(table["value"].to_pylist()))


def _lance_write(folder: Path) -> None:
    import lance

    exists = (folder / "_versions").exists()
    for number in range(3):
        mode = "append" if exists or number else "create"
        lance.write_dataset(_table((number + 3 * exists) * _ROWS), str(folder), mode=mode)


def _lance_read(folder: Path) -> Content:
    import lance

    return tuple(sorted(lance.dataset(str(folder)).to_table()["value"].to_pylist()))


def _tiledb_write(folder: Path) -> None:
    import numpy
    import tiledb

    uri = str(folder / "array")
    exists = Path(uri).exists()
    if not exists:
        dimension = tiledb.Dim("row", domain=(0, 2 * _ROWS - 1), tile=4, dtype="int32")
        attribute = tiledb.Attr("value", dtype="int32")
        tiledb.Array.create(uri, tiledb.ArraySchema(tiledb.Domain(dimension), [attribute]))
    start = _ROWS if exists else 0
    with tiledb.open(uri, "w") as array:
        array[start : start + _ROWS] = numpy.arange(start, start + _ROWS, dtype="int32")


def _tiledb_read(folder: Path) -> Content:
    import tiledb

    with tiledb.open(str(folder / "array")) as array:
        return tuple(array[:]["value"].tolist())


def _icechunk_create(folder: Path) -> None:
    import icechunk

    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder)))
    _icechunk_commit(repository, "w")


def _icechunk_append(folder: Path) -> None:
    import icechunk

    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(folder)))
    _icechunk_commit(repository, "a")


def _icechunk_commit(repository: Any, mode: str) -> None:
    import numpy
    import zarr

    session = repository.writable_session("main")
    if mode == "w":
        group = zarr.create_group(session.store)
        array = group.create_array("values", shape=(_ROWS,), chunks=(_CHUNK,), dtype="int32")
        array[:] = numpy.arange(1, _ROWS + 1)
    else:
        group = zarr.open_group(session.store, mode="r+")
        group["values"].append(numpy.arange(_ROWS + 1, 2 * _ROWS + 1, dtype="int32"))
    session.commit("more")


def _icechunk_read(folder: Path) -> Content:
    import icechunk
    import zarr

    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(folder)))
    group = zarr.open_group(repository.readonly_session("main").store, mode="r")
    return tuple(group["values"][:].tolist())


APPENDS: Final[Mapping[str, Kind]] = {
    "zarr2": Kind("zarr", _zarr_create(2), _zarr_append(), _zarr_read),
    "zarr2 consolidated": Kind(
        "zarr", _zarr_create(2, consolidated=True), _zarr_append(consolidated=True), _zarr_read
    ),
    "zarr3": Kind("zarr", _zarr_create(3), _zarr_append(), _zarr_read),
    "zarr3 consolidated": Kind(
        "zarr", _zarr_create(3, consolidated=True), _zarr_append(consolidated=True), _zarr_read
    ),
    "ome-zarr": Kind("ome_zarr", _ome_create, _ome_append, _ome_read),
    "parquet": Kind(
        "pyarrow",
        lambda folder: _parquet_write(folder, 0),
        lambda folder: _parquet_write(folder, 1),
        _parquet_read,
    ),
    "delta": Kind("deltalake", _delta_write, _delta_write, _delta_read),
    "lance": Kind("lance", _lance_write, _lance_write, _lance_read),
    "tiledb": Kind("tiledb", _tiledb_write, _tiledb_write, _tiledb_read),
    "icechunk": Kind("icechunk", _icechunk_create, _icechunk_append, _icechunk_read),
}
"""The kinds of stores whose appends a sync can copy without a reader seeing a mixture."""


def versions(kind: Kind, folder: Path) -> tuple[Path, Path, list[Content]]:
    """Write two versions of a store, and return their folders and what readers may see of them.

    Where a version is made in several commits, readers may see each of them.
    """
    old, new = folder / "old", folder / "new"
    old.mkdir(parents=True)
    kind.create(old)
    shutil.copytree(old, new)
    kind.append(new)
    seen = [kind.read(old), kind.read(new)]
    if kind.module in ("deltalake", "lance"):
        seen += [tuple(range(_ROWS * commits)) for commits in (4, 5)]
    return old, new, seen
