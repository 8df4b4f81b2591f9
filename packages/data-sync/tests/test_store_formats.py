from __future__ import annotations

import gzip
import json
from collections.abc import Mapping

from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.store_formats import MAX_BYTES, with_formats
from aibs_informatics_aws_lambda.handlers.data_sync.store_items import Item
from tables import table

# A manifest of two fields before that of the data format, each of another type.
LANCE = b"\x08\x03\x15abcd\x7a\x0c\x0a\x05lance\x12\x032.2"
LANCE_FILE = b"....\x15\0\0\0" + LANCE + (4).to_bytes(8, "little") + b"\0\0\2\0LANC"


class Contents(dict[str, bytes]):
    """Files by their paths."""

    def head(self, path: str, size: int) -> bytes:
        return self[path][:size]

    def tail(self, path: str, size: int) -> bytes:
        return self[path][-size:]


def told(kind: str, contents: Mapping[str, bytes], version: str | None = None) -> str:
    item = Item("x/", kind=kind, version=version, entry_files=tuple(contents))
    [found] = with_formats([item], Contents(contents), 1)
    return f"{found.kind} {found.version}"


def image(value: object) -> bytes:
    return json.dumps({"attributes": {"ome": value}}).encode()


@table(
    "kind, contents, expected",
    {
        "Zarr": ("Zarr", {"zarr.json": b"{}"}, "Zarr 3"),
        "an image": (
            "Zarr",
            {"zarr.json": image({"version": "0.5", "multiscales": []})},
            "OME-Zarr 0.5",
        ),
        "an image of an earlier version": (
            "Zarr",
            {".zattrs": b'{"multiscales": [{"version": "0.4"}]}', ".zgroup": b"{}"},
            "OME-Zarr 0.4",
        ),
        "a plate": ("Zarr", {".zattrs": b'{"plate": {"version": "0.4"}}'}, "OME-Zarr 0.4"),
        "an image without a version": (
            "Zarr",
            {"zarr.json": image({"multiscales": [1]})},
            "OME-Zarr 3",
        ),
        "a version that is none": (
            "Zarr",
            {"zarr.json": image({"version": "x" * 21, "multiscales": []})},
            "OME-Zarr 3",
        ),
        "a version that is a list": (
            "Zarr",
            {"zarr.json": image({"version": [], "multiscales": []})},
            "OME-Zarr 3",
        ),
        "an array as document": ("Zarr", {"zarr.json": b"[1]"}, "Zarr 3"),
        "no JSON": ("Zarr", {"zarr.json": b"\xff"}, "Zarr 3"),
        "deeply nested": ("Zarr", {"zarr.json": b"[" * 100_000}, "Zarr 3"),
        "a large document": (
            "Zarr",
            {"zarr.json": image({"multiscales": []}) + b" " * MAX_BYTES},
            "Zarr 3",
        ),
        "N5": ("N5", {"attributes.json": b'{"n5": "2.5.1"}'}, "N5 2.5.1"),
        "Parquet 2": ("Parquet", {"_metadata": b"PAR1\x15\x04\0\3\0\0\0PAR1"}, "Parquet 2"),
        "Parquet of no version": ("Parquet", {"_metadata": b"PAR1\0\0\0\0PAR1"}, "Parquet None"),
        "an encrypted footer": ("Parquet", {"_metadata": b"\x15\x04\2\0\0\0PARE"}, "Parquet None"),
        "a footer larger than its file": (
            "Parquet",
            {"_metadata": b"\xff\xff\xff\x7fPAR1"},
            "Parquet None",
        ),
        "an empty footer": ("Parquet", {"_metadata": b""}, "Parquet None"),
        "Delta": (
            "Delta",
            {"0.json": b'{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}'},
            "Delta 1.2",
        ),
        "the last protocol": (
            "Delta",
            {
                "0.json": b'{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}',
                "1.json": b'{"add":{}}\n{"protocol":{"minReaderVersion":3,"minWriterVersion":7}}',
                "2.json": b'{"add":{}}\nno JSON\n',
                "3.checkpoint.parquet": b"PAR1",
            },
            "Delta 3.7",
        ),
        "Delta without protocol": ("Delta", {"9.json": b'{"add":{}}'}, "Delta None"),
        "Lance": ("Lance", {"1.manifest": LANCE_FILE}, "Lance 2.2"),
        "Lance, cut off": ("Lance", {"1.manifest": LANCE_FILE[:-9]}, "Lance None"),
        "Lance, a position beyond the file": (
            "Lance",
            {"1.manifest": b"\xff" * 24 + b"\0\0\2\0LANC"},
            "Lance None",
        ),
        "Lance, another message": (
            "Lance",
            {"1.manifest": b"\4\0\0\0\xff\xff\xff\xff" + b"\0" * 8 + b"\0\0\2\0LANC"},
            "Lance None",
        ),
        "CRAM": ("CRAM", {"a.cram": b"CRAM\x03\x01"}, "CRAM 3.1"),
        "CRAM, cut off": ("CRAM", {"a.cram": b"CRAM"}, "CRAM None"),
        "BAM": (
            "BAM",
            {"a.bam": gzip.compress(b"BAM\1\x20\0\0\0@HD\tSO:unsorted\tVN:1.6\n")},
            "BAM 1.6",
        ),
        "BAM, not compressed": ("BAM", {"a.bam": b"BAM\1@HD\tVN:1.6"}, "BAM None"),
        "VCF": ("VCF", {"a.vcf.gz": gzip.compress(b"##fileformat=VCFv4.2\n")}, "VCF 4.2"),
        "BCF": (
            "VCF",
            {"a.bcf": gzip.compress(b"BCF\2\2\x40\0\0\0##fileformat=VCFv4.3\n")},
            "VCF 4.3",
        ),
        "VCF, damaged": ("VCF", {"a.vcf.gz": gzip.compress(b"##x")[:-9]}, "VCF None"),
        "Icechunk has its version in names": ("Icechunk", {"repo": b""}, "Icechunk 3"),
    },
)
def test_versions_of_formats(kind, contents, expected):
    from_names = "3" if kind in ("Zarr", "Icechunk") else None
    assert told(kind, contents, from_names) == expected


def test_entry_file_that_cannot_be_read_leaves_the_version_out(caplog):
    class Refusing(Contents):
        def head(self, path: str, size: int) -> bytes:
            raise AWSError(f"cannot read {path}: AccessDenied")

    items = [Item("x/", kind="N5", entry_files=("x/attributes.json",)), Item("y", 1, 1)]
    assert list(with_formats(items, Refusing(), 2)) == items
    assert caplog.messages == [
        "the version of the format of x/ is not known: cannot read x/attributes.json: AccessDenied"
    ]
