"""Versions of the formats of stores that the names of their files do not tell.

They are read from entry files, of which a bounded part is read. What is found there is not
believed: a version is a short text, and anything else counts as no version.
"""

import json
import logging
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, Final, Protocol

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from .store_items import Item

logger = logging.getLogger(__name__)

MAX_BYTES: Final = 2**20
"""The part of an entry file that is read. Larger documents tell nothing."""

_SMALL: Final = 2**16
_VERSION: Final = re.compile(r"[\w.+-]{1,20}").fullmatch


class Reader(Protocol):
    """Reads parts of files by their paths below the root of a listing."""

    def head(self, path: str, size: int) -> bytes:
        """Return the first bytes of a file, as many as there are."""

    def tail(self, path: str, size: int) -> bytes:
        """Return the last bytes of a file, as many as there are."""


def with_formats(items: Iterable[Item], reader: Reader, threads: int) -> Iterator[Item]:
    """Yield items, and the stores among them with the version of their format.

    A Zarr group that describes images becomes an OME-Zarr. If entry files cannot be read, versions
    that they tell are left out, with a warning.

    Args:
        items: the items.
        reader: reads entry files.
        threads: the number of stores whose entry files are read at a time.
    """
    with ThreadPoolExecutor(threads) as pool:
        rest = iter(items)
        while batch := list(islice(rest, 4 * threads)):
            yield from pool.map(partial(_with_format, reader), batch)


def _with_format(reader: Reader, item: Item) -> Item:
    find = _FINDERS.get(item.kind or "")
    if find is None or not item.entry_files:
        return item
    try:
        kind, version = find(item, reader)
    except (OSError, AWSError) as error:
        logger.warning("the version of the format of %s is not known: %s", item.path, error)
        return item
    if not isinstance(version, str) or not _VERSION(version):
        version = item.version
    return item._replace(kind=kind, version=version)


_Format = tuple[str, object]


def _zarr(item: Item, reader: Reader) -> _Format:
    for path in item.entry_files:
        document = _document(reader.head(path, MAX_BYTES + 1))
        attributes = _get(document, "attributes") if path.endswith("zarr.json") else document
        ome = _get(attributes, "ome")
        for images in (ome, attributes):
            if any(_get(images, name) is not None for name in _OF_IMAGES):
                return "OME-Zarr", _ome_version(images)
    return "Zarr", item.version


_OF_IMAGES: Final = ("multiscales", "plate", "well", "bioformats2raw.layout")


def _ome_version(images: object) -> object:
    multiscales = _get(images, "multiscales")
    first = multiscales[0] if isinstance(multiscales, list) and multiscales else None
    found = (images, first, _get(images, "plate"), _get(images, "well"))
    versions = (_get(each, "version") for each in found)
    return next((version for version in versions if version is not None), None)


def _n5(item: Item, reader: Reader) -> _Format:
    return "N5", _get(_document(reader.head(item.entry_files[0], MAX_BYTES + 1)), "n5")


def _parquet(item: Item, reader: Reader) -> _Format:
    """Find the first field of the metadata, at the end of the file, in Thrift's compact protocol.

    https://github.com/apache/parquet-format#file-format
    """
    path = item.entry_files[0]
    footer = reader.tail(path, 8)
    if len(footer) < 8 or footer[4:] != b"PAR1":
        return "Parquet", None
    size = int.from_bytes(footer[:4], "little") + 8
    start = reader.tail(path, size)[:2] if size <= MAX_BYTES else b""
    # Field 1, an integer of 32 bits; the least significant bit of its value is the sign.
    is_version = len(start) == 2 and start[0] == 0x15 and start[1] < 0x80
    return "Parquet", str(start[1] >> 1) if is_version else None


def _delta(item: Item, reader: Reader) -> _Format:
    """Find the protocol in the last commits: that of a reader, a dot, and that of a writer.

    https://github.com/delta-io/delta/blob/master/PROTOCOL.md#protocol-evolution
    """
    for path in reversed(item.entry_files):
        if not path.endswith(".json"):
            continue
        for line in reader.head(path, MAX_BYTES).splitlines():
            protocol = _get(_document(line), "protocol")
            versions = [_get(protocol, f"min{name}Version") for name in ("Reader", "Writer")]
            if all(isinstance(version, int) for version in versions):
                return "Delta", ".".join(map(str, versions))
    return "Delta", None


def _lance(item: Item, reader: Reader) -> _Format:
    """Find the version of the data files in a manifest, a message of Protocol Buffers.

    Its position is at the end of the file.
    https://github.com/lance-format/lance/blob/main/protos/table.proto
    """
    content = reader.tail(item.entry_files[-1], MAX_BYTES)
    if len(content) < 20 or len(content) == MAX_BYTES or content[-4:] != b"LANC":
        return "Lance", None
    position = int.from_bytes(content[-16:-8], "little")
    size = int.from_bytes(content[position : position + 4], "little")
    message = content[position + 4 : position + 4 + size]
    data_format = next((value for number, value in _fields(message) if number == 15), b"")
    version = next((value for number, value in _fields(data_format) if number == 2), b"")
    return "Lance", version.decode("ascii", "replace")


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the content of each field of a message; damaged ones end it."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == 2:
            size, position = _varint(message, position)
            yield tag >> 3, message[position : position + size]
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        elif kind == 0:
            _, position = _varint(message, position)
            size = 0
        else:
            return
        position += size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    for byte in islice(message, position, position + 10):
        value |= (byte & 0x7F) << shift
        shift += 7
        position += 1
        if byte < 0x80:
            return value, position
    return value, len(message)


def _alignments(item: Item, reader: Reader) -> _Format:
    """Find the version of the SAM header in a BAM file; that of CRAM follows its signature."""
    head = reader.head(item.entry_files[0], _SMALL)
    if head.startswith(b"CRAM") and len(head) > 5:
        return "CRAM", f"{head[4]}.{head[5]}"
    return item.kind or "BAM", _found(
        rb"BAM\x01.{4}@HD\t(?:[^\n]*\t)?VN:([\d.]+)", _inflated(head)
    )


def _variants(item: Item, reader: Reader) -> _Format:
    head = _inflated(reader.head(item.entry_files[0], _SMALL))
    return "VCF", _found(rb"(?:BCF\x02.\x20*.{4})?##fileformat=VCFv([\d.]+)", head)


def _inflated(head: bytes) -> bytes:
    """Return the start of what a compressed file holds, or nothing."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, _SMALL)
    except zlib.error:
        return b""


def _found(pattern: bytes, content: bytes) -> str | None:
    found = re.match(pattern, content, re.DOTALL)
    return found[1].decode() if found else None


def _document(content: bytes) -> object:
    """Return a JSON document, or `None` if it is invalid or too large."""
    if len(content) > MAX_BYTES:
        return None
    try:
        document: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document


def _get(document: object, name: str) -> Any:
    return document.get(name) if isinstance(document, dict) else None


_FINDERS: Final[dict[str, Callable[[Item, Reader], _Format]]] = {
    "Zarr": _zarr,
    "N5": _n5,
    "Parquet": _parquet,
    "Delta": _delta,
    "Lance": _lance,
    "BAM": _alignments,
    "CRAM": _alignments,
    "VCF": _variants,
}
