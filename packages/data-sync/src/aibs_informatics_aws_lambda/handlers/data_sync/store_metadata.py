"""Files that the metadata of stores promise: the chunks of Zarr arrays, and files of tables.

Metadata are not believed: what is not as its format has it is an error that says so.
"""

import io
import json
from collections.abc import Callable, Iterator
from math import prod
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from .store_formats import MAX_BYTES

Document = dict[str, Any]
Index = tuple[int, ...]

_MAX_DIMENSIONS: Final = 64
_MAX_SIZE: Final = 2**63


class DamagedError(ValueError):
    """Metadata are not as their format has them."""


class NotCheckedError(ValueError):
    """Metadata promise files in a way that is not understood here."""


class ChunkGrid(NamedTuple):
    """The chunks of a Zarr array that may be files; a chunk without a file has the fill value.

    In a sharded array these are the shards.

    Args:
        counts: the number of chunks along each dimension.
        prefix: what keys start with.
        separator: stands between the numbers of a key.
        empty: the key of the only chunk of an array without dimensions.
    """

    counts: Index
    prefix: str
    separator: str
    empty: str

    @property
    def length(self) -> int:
        """The number of chunks."""
        return prod(self.counts)

    def find(self, key: str) -> Index | None:
        """Return the index of the chunk with a key, or `None` if the array has none."""
        if not self.counts:
            return () if key == self.empty else None
        if not key.startswith(self.prefix):
            return None
        parts = key.removeprefix(self.prefix).split(self.separator)
        if len(parts) != len(self.counts) or not all(map(_is_number, parts)):
            return None
        index = tuple(map(int, parts))
        return index if all(map(int.__lt__, index, self.counts)) else None


def _is_number(text: str) -> bool:
    is_short = 0 < len(text) < len(str(_MAX_SIZE)) + 1
    return is_short and text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0")


def read_document(content: bytes) -> Document:
    """Return a JSON object.

    Raises:
        DamagedError: it is none.
        NotCheckedError: it is too large.
    """
    if len(content) > MAX_BYTES:
        raise NotCheckedError(f"it has more than {MAX_BYTES} bytes")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"it is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise DamagedError("it is not a JSON object")
    return document


def read_zarr_2(content: bytes) -> ChunkGrid:
    """Return the chunks of an array of version 2, given its ``.zarray``.

    https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html#metadata

    Raises:
        DamagedError: the document is damaged.
        NotCheckedError: it is too large.
    """
    document = read_document(content)
    if document.get("zarr_format") != 2:
        raise DamagedError("zarr_format is not 2")
    counts = _counts(document, "shape", document.get("chunks"), "chunks")
    return ChunkGrid(counts, "", _separator(document, "dimension_separator", "."), "0")


def read_zarr_3(content: bytes) -> ChunkGrid | None:
    """Return the chunks of an array of version 3, given its ``zarr.json``; `None` for a group.

    https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html#array-metadata

    Raises:
        DamagedError: the document is damaged.
        NotCheckedError: it is too large, or of an extension.
    """
    document = read_document(content)
    if document.get("zarr_format") != 3:
        raise DamagedError("zarr_format is not 3")
    if document.get("node_type") == "group":
        return None
    if document.get("node_type") != "array":
        raise DamagedError("node_type is neither array nor group")
    grid, name = _extension(document, "chunk_grid")
    if name != "regular":
        raise NotCheckedError(f"its chunk grid is {name!r}, not regular")
    counts = _counts(document, "shape", grid.get("chunk_shape"), "chunk_shape")
    encoding, name = _extension(document, "chunk_key_encoding")
    if name == "default":
        separator = _separator(encoding, "separator", "/")
        return ChunkGrid(counts, f"c{separator}", separator, "c")
    if name == "v2":
        return ChunkGrid(counts, "", _separator(encoding, "separator", "."), "0")
    raise NotCheckedError(f"its chunk key encoding is {name!r}, neither default nor v2")


def read_n5(content: bytes) -> ChunkGrid | None:
    """Return the blocks of an N5 data set, given its ``attributes.json``; `None` for a group.

    https://github.com/saalfeldlab/n5#file-system-specification

    Raises:
        DamagedError: the document is damaged.
        NotCheckedError: it is too large.
    """
    document = read_document(content)
    if "dimensions" not in document:
        return None
    counts = _counts(document, "dimensions", document.get("blockSize"), "blockSize")
    return ChunkGrid(counts, "", "/", "")


def _extension(document: Document, field: str) -> tuple[Document, object]:
    """Return the configuration and the name of an extension, which may be a name alone."""
    value = document.get(field)
    if isinstance(value, str):
        return {}, value
    if not isinstance(value, dict):
        raise DamagedError(f"{field} is missing or invalid")
    configuration = value.get("configuration", {})
    if not isinstance(configuration, dict):
        raise DamagedError(f"the configuration of {field} is not a JSON object")
    return configuration, value.get("name")


def _separator(document: Document, field: str, default: str) -> str:
    value = document.get(field, default)
    if value not in ("/", "."):
        raise DamagedError(f"{field} is neither / nor .")
    return str(value)


def _counts(document: Document, field: str, chunks: object, chunk_field: str) -> Index:
    shape, sizes = _sizes(document.get(field), field, 0), _sizes(chunks, chunk_field, 1)
    if len(shape) != len(sizes):
        raise DamagedError(f"{field} and {chunk_field} have different lengths")
    return tuple(-(-length // size) for length, size in zip(shape, sizes, strict=True))


def _sizes(value: object, field: str, least: int) -> list[int]:
    if not isinstance(value, list) or len(value) > _MAX_DIMENSIONS:
        raise DamagedError(f"{field} is not a list of at most {_MAX_DIMENSIONS} sizes")
    for size in value:
        if isinstance(size, bool) or not isinstance(size, int) or not least <= size < _MAX_SIZE:
            raise DamagedError(f"{field} is not a list of sizes from {least}")
    return value


class TableChange(NamedTuple):
    """A data file that a commit adds to a table, or removes from it.

    Args:
        path: its path below the table; `None` if it is elsewhere.
        is_added: whether it is added.
    """

    path: str | None
    is_added: bool


def read_delta_commit(content: bytes) -> Iterator[TableChange]:
    """Yield the changes of a commit of a Delta table.

    https://github.com/delta-io/delta/blob/master/PROTOCOL.md#add-file-and-remove-file

    Raises:
        DamagedError: the commit is damaged.
    """
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            action = read_document(line)
        except DamagedError as error:
            raise DamagedError(f"line {number}: {error}") from None
        for name in ("add", "remove"):
            if name in action:
                path = action[name].get("path") if isinstance(action[name], dict) else None
                if not isinstance(path, str):
                    raise DamagedError(f"line {number}: {name} has no path")
                yield TableChange(_relative(path), name == "add")


def _relative(path: str) -> str | None:
    is_elsewhere = path.startswith("/") or urlsplit(path).scheme
    return None if is_elsewhere else unquote(path)


def read_delta_checkpoint(content: bytes) -> Iterator[TableChange]:
    """Yield the files of a checkpoint of a Delta table.

    Raises:
        DamagedError: it is no checkpoint.
        NotCheckedError: pyarrow is not installed.
    """
    parquet = _import_parquet()
    table = _or_damaged(lambda: parquet.read_table(io.BytesIO(content), columns=["add"]))
    for add in table["add"].to_pylist():
        if add and isinstance(add.get("path"), str):
            yield TableChange(_relative(add["path"]), is_added=True)


def read_parquet_metadata(content: bytes) -> Iterator[TableChange]:
    """Yield the files that the ``_metadata`` of a Parquet data set name.

    Raises:
        DamagedError: the file is damaged.
        NotCheckedError: pyarrow is not installed.
    """
    parquet = _import_parquet()
    metadata = _or_damaged(lambda: parquet.read_metadata(io.BytesIO(content)))
    for number in range(metadata.num_row_groups):
        path = metadata.row_group(number).column(0).file_path
        if path:
            yield TableChange(_relative(path), is_added=True)


def _import_parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise NotCheckedError("pyarrow is not installed: install the extra `stores`") from None
    return parquet


def _or_damaged(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (OSError, ValueError, KeyError) as error:
        raise DamagedError(f"it is not valid Parquet: {error}") from None
