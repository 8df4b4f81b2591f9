"""Stores that real libraries write and read, each in two versions: before and after a change.

Each library is imported where it is used: the suite has environments of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

Content = tuple[Any, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of store, and a change of it.

    Args:
        library: the distribution that writes and reads it.
        create: writes the first version into an empty folder.
        change: writes the second version over it.
        read: returns the content, as a reader sees it who opens the store anew.
        major: the major version that the library must have, if it matters.
        by_parts: whether a reader opens one of several parts, such as levels of an image, each
            of which may be old or new.
    """

    library: str
    create: Callable[[Path], None]
    change: Callable[[Path], None]
    read: Callable[[Path], Content]
    major: int | None = None
    by_parts: bool = False

    @property
    def version(self) -> str | None:
        """The installed version of the library, or `None` if there is none that would do."""
        try:
            found = version(self.library)
        except PackageNotFoundError:
            return None
        return found if self.major in (None, int(found.partition(".")[0])) else None


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


def _zarr_grid(zarr_format: int, chunks: tuple[int, int], first: int) -> Callable[[Path], None]:
    """Return what writes a grid of values that start with a number."""

    def write(folder: Path) -> None:
        import numpy
        import zarr

        group = zarr.create_group(folder, zarr_format=zarr_format, overwrite=True)
        array = group.create_array("values", shape=(24, 24), chunks=chunks, dtype="int32")
        array[:] = numpy.arange(first, first + 24 * 24).reshape(24, 24)

    return write


def _zarr_read_grid(folder: Path) -> Content:
    import zarr

    return tuple(zarr.open_group(folder, mode="r")["values"][:].ravel().tolist())


def _zarr_shards(first: int, last: int, shard: int) -> Callable[[Path], None]:
    """Return what appends values to a sharded array, or creates it."""

    def write(folder: Path) -> None:
        import numpy
        import zarr

        values = numpy.arange(first, last + 1, dtype="int32")
        if (folder / "zarr.json").exists():
            zarr.open_group(folder, mode="r+")["values"].append(values)
            return
        group = zarr.create_group(folder, zarr_format=3)
        array = group.create_array(
            "values", shape=values.shape, chunks=(_CHUNK,), shards=(shard,), dtype="int32"
        )
        array[:] = values

    return write


def _zarr_shrink(folder: Path) -> None:
    import zarr

    zarr.open_group(folder, mode="r+")["values"].resize((_ROWS // 2,))


def _zarr2_open(folder: Path, mode: str, *, is_n5: bool) -> Any:
    """Open a group with version 2 of the library."""
    import zarr

    return zarr.open_group(zarr.N5Store(str(folder)) if is_n5 else str(folder), mode=mode)


def _zarr2_create(*, consolidated: bool = False, is_n5: bool = False) -> Callable[[Path], None]:
    def create(folder: Path) -> None:
        import numpy
        import zarr

        group = _zarr2_open(folder, "w", is_n5=is_n5)
        array = group.create_dataset(
            "values", shape=(_ROWS,), chunks=(_CHUNK,), dtype="int32", fill_value=0
        )
        array[:] = numpy.arange(1, _ROWS + 1)
        if consolidated:
            zarr.consolidate_metadata(str(folder))

    return create


def _zarr2_append(*, consolidated: bool = False, is_n5: bool = False) -> Callable[[Path], None]:
    def append(folder: Path) -> None:
        import numpy
        import zarr

        group = _zarr2_open(folder, "r+", is_n5=is_n5)
        group["values"].append(numpy.arange(_ROWS + 1, 2 * _ROWS + 1, dtype="int32"))
        if consolidated:
            zarr.consolidate_metadata(str(folder))

    return append


def _zarr2_read(*, consolidated: bool = False, is_n5: bool = False) -> Callable[[Path], Content]:
    def read(folder: Path) -> Content:
        import zarr

        if consolidated:
            group = zarr.open_consolidated(str(folder), mode="r")
        else:
            group = _zarr2_open(folder, "r", is_n5=is_n5)
        return tuple(group["values"][:].tolist())

    return read


def _zarr2_grid(chunks: tuple[int, int], first: int) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        import numpy

        group = _zarr2_open(folder, "w", is_n5=False)
        array = group.create_dataset("values", shape=(24, 24), chunks=chunks, dtype="int32")
        array[:] = numpy.arange(first, first + 24 * 24).reshape(24, 24)

    return write


def _zarr2_read_grid(folder: Path) -> Content:
    return tuple(_zarr2_open(folder, "r", is_n5=False)["values"][:].ravel().tolist())


def _ome_create(first: int) -> Callable[[Path], None]:
    def create(folder: Path) -> None:
        import numpy
        import zarr
        from ome_zarr.writer import write_multiscale

        group = zarr.open_group(folder, mode="w")
        levels = [
            numpy.arange(first, first + size * size).reshape(1, size, size) for size in (8, 4)
        ]
        write_multiscale(levels, group, axes="tyx", storage_options={"chunks": (1, 2, 2)})

    return create


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


def _parquet_rewrite(folder: Path) -> None:
    import pyarrow.parquet as parquet

    collected: list[Any] = []
    for path in sorted(folder.glob("*.parquet")):
        table = _table(1000 + 4 * len(collected), rows=4)
        parquet.write_table(table, path, metadata_collector=collected)
        collected[-1].set_file_path(path.name)
    parquet.write_metadata(table.schema, folder / "_metadata", metadata_collector=collected)


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


def _delta_vacuum(folder: Path) -> None:
    import deltalake

    table = deltalake.DeltaTable(str(folder))
    table.optimize.compact()
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)


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


def _lance_clean(folder: Path) -> None:
    from datetime import timedelta

    import lance

    data = lance.dataset(str(folder))
    data.optimize.compact_files()
    data.cleanup_old_versions(older_than=timedelta(0), delete_unverified=True)


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


def _tiledb_vacuum(folder: Path) -> None:
    import tiledb

    _tiledb_write(folder)
    for mode in ("fragments", "commits", "fragment_meta"):
        config = tiledb.Config({"sm.consolidation.mode": mode, "sm.vacuum.mode": mode})
        tiledb.consolidate(str(folder / "array"), config=config)
        tiledb.vacuum(str(folder / "array"), config=config)


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


_HEADER: Final = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "1", "LN": 10_000}]}
_STEP: Final = 10


def _align(name: str, first: int) -> Callable[[Path], None]:
    """Return what writes aligned reads to a file of this name, and its index."""

    def write(folder: Path) -> None:
        import pysam

        is_cram = name.endswith(".cram")
        mode, options = ("wc", [b"no_ref=1"]) if is_cram else ("wb", None)
        path = str(folder / name)
        with pysam.AlignmentFile(path, mode, header=_HEADER, format_options=options) as file:
            for number in range(200):
                segment = pysam.AlignedSegment(file.header)
                segment.query_name, segment.query_sequence = f"r{number}", "ACGTACGTAC"
                segment.reference_id, segment.reference_start = 0, first + number * _STEP
                segment.mapping_quality, segment.cigartuples = 60, [(0, 10)]
                segment.query_qualities = pysam.qualitystring_to_array("I" * 10)
                file.write(segment)
        pysam.index(path)

    return write


def _read_alignments(folder: Path) -> Content:
    import pysam

    found = []
    for index in sorted([*folder.glob("*.bai"), *folder.glob("*.crai")]):
        with pysam.AlignmentFile(str(index).rpartition(".")[0]) as file:
            found.append(tuple(read.reference_start for read in file.fetch("1", 500, 1500)))
    return tuple(found)


def _variants(name: str, first: int) -> Callable[[Path], None]:
    """Return what writes variants to a file of this name, and its index."""

    def write(folder: Path) -> None:
        import pysam

        lines = ["##fileformat=VCFv4.2", "##contig=<ID=1,length=10000>"]
        lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]))
        lines += [f"1\t{first + number}\t.\tA\tC\t.\t.\t." for number in range(200)]
        path = folder / name
        path.write_text("\n".join([*lines, ""]))
        pysam.tabix_index(str(path), preset="vcf", force=True)

    return write


def _read_variants(folder: Path) -> Content:
    import pysam

    found = []
    for index in sorted(folder.glob("*.tbi")):
        with pysam.VariantFile(str(index).rpartition(".")[0]) as file:
            found.append(tuple(record.pos for record in file.fetch("1", 150, 250)))
    return tuple(found)


_PARQUET: Final = Kind(
    "pyarrow",
    lambda folder: _parquet_write(folder, 0),
    lambda folder: _parquet_write(folder, 1),
    _parquet_read,
)

APPENDS: Final[Mapping[str, Kind]] = {
    "Zarr 2": Kind("zarr", _zarr_create(2), _zarr_append(), _zarr_read, 3),
    "Zarr 2, consolidated": Kind(
        "zarr",
        _zarr_create(2, consolidated=True),
        _zarr_append(consolidated=True),
        _zarr_read,
        3,
    ),
    "Zarr 3": Kind("zarr", _zarr_create(3), _zarr_append(), _zarr_read, 3),
    "Zarr 3, consolidated": Kind(
        "zarr",
        _zarr_create(3, consolidated=True),
        _zarr_append(consolidated=True),
        _zarr_read,
        3,
    ),
    "Zarr 3, whole shards": Kind(
        "zarr", _zarr_shards(1, 24, 8), _zarr_shards(25, 48, 8), _zarr_read, 3
    ),
    "Zarr 2, library 2": Kind("zarr", _zarr2_create(), _zarr2_append(), _zarr2_read(), 2),
    "Zarr 2, library 2, consolidated": Kind(
        "zarr",
        _zarr2_create(consolidated=True),
        _zarr2_append(consolidated=True),
        _zarr2_read(consolidated=True),
        2,
    ),
    "N5": Kind(
        "zarr", _zarr2_create(is_n5=True), _zarr2_append(is_n5=True), _zarr2_read(is_n5=True), 2
    ),
    "OME-Zarr, two levels": Kind(
        "ome-zarr", _ome_create(1), _ome_append, _ome_read, by_parts=True
    ),
    "Parquet by `_metadata`": _PARQUET,
    "Delta, three commits": Kind("deltalake", _delta_write, _delta_write, _delta_read),
    "Lance, three versions": Kind("pylance", _lance_write, _lance_write, _lance_read),
    "TileDB": Kind("tiledb", _tiledb_write, _tiledb_write, _tiledb_read),
    "Icechunk": Kind("icechunk", _icechunk_create, _icechunk_append, _icechunk_read),
    "BAM, another sample": Kind(
        "pysam", _align("a.bam", 0), _align("b.bam", 100), _read_alignments
    ),
    "CRAM, another sample": Kind(
        "pysam", _align("a.cram", 0), _align("b.cram", 100), _read_alignments
    ),
    "VCF, another sample": Kind(
        "pysam", _variants("a.vcf", 1), _variants("b.vcf", 100), _read_variants
    ),
}
"""The changes that a sync copies without a reader seeing a mixture."""

REWRITES: Final[Mapping[str, Kind]] = {
    "Zarr 2, rewritten": Kind(
        "zarr", _zarr_grid(2, (4, 4), 1), _zarr_grid(2, (4, 4), 1000), _zarr_read_grid, 3
    ),
    "Zarr 2, as many other chunks": Kind(
        "zarr", _zarr_grid(2, (4, 8), 1), _zarr_grid(2, (8, 4), 1), _zarr_read_grid, 3
    ),
    "Zarr 3, as many other chunks": Kind(
        "zarr", _zarr_grid(3, (4, 8), 1), _zarr_grid(3, (8, 4), 1), _zarr_read_grid, 3
    ),
    "Zarr 3, extended shard": Kind(
        "zarr", _zarr_shards(1, 20, 8), _zarr_shards(21, 40, 8), _zarr_read, 3
    ),
    "Zarr 2, library 2, as many other chunks": Kind(
        "zarr", _zarr2_grid((4, 8), 1), _zarr2_grid((8, 4), 1), _zarr2_read_grid, 2
    ),
    "OME-Zarr, rewritten": Kind(
        "ome-zarr", _ome_create(1), _ome_create(1000), _ome_read, by_parts=True
    ),
    "Parquet, parts of the same names": Kind(
        "pyarrow", _PARQUET.create, _parquet_rewrite, _parquet_read
    ),
    "BAM, replaced with its index": Kind(
        "pysam", _align("a.bam", 0), _align("a.bam", 700), _read_alignments
    ),
    "VCF, replaced with its index": Kind(
        "pysam", _variants("a.vcf", 1), _variants("a.vcf", 100), _read_variants
    ),
}
"""The changes that replace files of the same names: no order of transfers helps."""

DELETIONS: Final[Mapping[str, Kind]] = {
    "Zarr 2, fewer chunks": Kind(
        "zarr", _zarr_grid(2, (2, 2), 1), _zarr_grid(2, (12, 12), 1000), _zarr_read_grid, 3
    ),
    "Zarr 3, fewer chunks": Kind(
        "zarr", _zarr_grid(3, (2, 2), 1), _zarr_grid(3, (12, 12), 1000), _zarr_read_grid, 3
    ),
    "Zarr 3, shrunk": Kind("zarr", _zarr_create(3), _zarr_shrink, _zarr_read, 3),
    "Zarr 2, library 2, fewer chunks": Kind(
        "zarr", _zarr2_grid((2, 2), 1), _zarr2_grid((12, 12), 1000), _zarr2_read_grid, 2
    ),
    "Delta, vacuumed": Kind("deltalake", _delta_write, _delta_vacuum, _delta_read),
    "Lance, compacted": Kind("pylance", _lance_write, _lance_clean, _lance_read),
    "TileDB, consolidated": Kind("tiledb", _tiledb_write, _tiledb_vacuum, _tiledb_read),
}
"""The changes that delete files, which a sync deletes at the destination with ``--delete``."""


def versions(kind: Kind, folder: Path) -> tuple[Path, Path, list[Content]]:
    """Write two versions of a store, and return their folders and what readers may see of them.

    Where a version is made in several commits, readers may see each of them.
    """
    old, new = folder / "old", folder / "new"
    old.mkdir(parents=True)
    kind.create(old)
    shutil.copytree(old, new)
    kind.change(new)
    seen = [kind.read(old), kind.read(new)]
    if kind.change in (_delta_write, _lance_write):
        seen += [tuple(range(_ROWS * commits)) for commits in (4, 5)]
    return old, new, seen
