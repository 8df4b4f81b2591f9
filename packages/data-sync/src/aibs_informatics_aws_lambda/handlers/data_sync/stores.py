"""Stores: data sets of many files that are read as one, such as Zarr arrays or Delta tables.

The entry files of a store are those that a reader opens first, and that tell it which other files
there are. A store stays readable while it is synced if its entry files are transferred last and
deleted first.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple


class Rule(NamedTuple):
    """A rule on the order of the files whose paths match a pattern.

    Args:
        store: the kind of store.
        pattern: the last segments of a path; ``*`` matches anything but a slash. The folder of
            the first segment is the store, or contains it.
        stage: files of an earlier stage are transferred before all files of a later one.
        rank: the order of files of one stage and depth; deeper files are transferred before.
        source: the documentation of the format.
        in_sequence: whether files of one folder are transferred one after the other, by name,
            as each makes a version that readers see.
    """

    store: str
    pattern: str
    stage: int
    rank: int
    source: str
    in_sequence: bool = False


_ZARR_2: Final = "https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html"
_ZARR_3: Final = "https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html"
_CONSOLIDATED: Final = "https://zarr.readthedocs.io/en/stable/user-guide/consolidated_metadata/"
_N5: Final = "https://github.com/saalfeldlab/n5#file-system-specification"
_PARQUET: Final = "https://arrow.apache.org/docs/python/parquet.html"
_HADOOP: Final = (
    "https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/committers.html"
)
_DELTA: Final = "https://github.com/delta-io/delta/blob/master/PROTOCOL.md"
_LANCE: Final = "https://lance.org/format/table/layout/"
_TILEDB: Final = (
    "https://github.com/TileDB-Inc/TileDB/blob/main/format_spec/array_file_hierarchy.md"
)
_ICECHUNK: Final = "https://icechunk.io/en/latest/reference/spec/"
_PRECOMPUTED: Final = (
    "https://github.com/google/neuroglancer/blob/master/src/datasource/precomputed/volume.md"
)
_SAMTOOLS: Final = "https://samtools.github.io/hts-specs/"
_FAIDX: Final = "https://www.htslib.org/doc/faidx.html"

RULES: Final = (
    Rule("Zarr", ".zarray", 0, 0, _ZARR_2),
    Rule("Zarr", ".zattrs", 0, 1, _ZARR_2),
    Rule("Zarr", ".zgroup", 0, 2, _ZARR_2),
    Rule("Zarr", "zarr.json", 0, 3, _ZARR_3),
    Rule("Zarr", ".zmetadata", 1, 0, _CONSOLIDATED),
    Rule("N5", "attributes.json", 0, 0, _N5),
    Rule("Parquet", "_metadata", 0, 0, _PARQUET),
    Rule("Parquet", "_common_metadata", 1, 0, _PARQUET),
    Rule("Parquet", "_SUCCESS", 3, 0, _HADOOP),
    Rule("Delta", "_delta_log/_last_checkpoint", 3, 0, _DELTA),
    Rule("Delta", "_delta_log/*", 2, 0, _DELTA, in_sequence=True),
    Rule("Lance", "_versions/*.manifest", 0, 0, _LANCE),
    Rule("Lance", "_versions/latest_version_hint.json", 1, 0, _LANCE),
    Rule("TileDB", "__commits/*", 2, 0, _TILEDB, in_sequence=True),
    Rule("Icechunk", "repo", 0, 0, _ICECHUNK),
    Rule("Icechunk", "refs/*/ref.json", 0, 0, _ICECHUNK),
    Rule("Icechunk", "refs/*/ref.json.deleted", 0, 0, _ICECHUNK),
    Rule("Precomputed", "info", 0, 0, _PRECOMPUTED),
    Rule("BAM", "*.bai", 0, 0, _SAMTOOLS),
    Rule("BAM", "*.csi", 0, 0, _SAMTOOLS),
    Rule("CRAM", "*.crai", 0, 0, _SAMTOOLS),
    Rule("VCF", "*.tbi", 0, 0, _SAMTOOLS),
    Rule("VCF", "*.gzi", 0, 0, _SAMTOOLS),
    Rule("FASTA", "*.fai", 0, 0, _FAIDX),
)
"""The rules; the first that matches counts."""

_EVIDENCE: Final = {
    "N5": r"(?:.*/)?\d+",
    "Parquet": r".*\.(?:parquet|parq|pq)",
    "Icechunk": r"(?:.*/)?(?:snapshots|manifests|transactions)/[^/]+",
    "Precomputed": r".*(?:/(?:-?\d+--?\d+_){2}-?\d+--?\d+(?:\.\w+)?|\.shard)",
}

REWRITTEN: Final = frozenset(
    {"Zarr", "N5", "Parquet", "Precomputed", "BAM", "CRAM", "VCF", "FASTA"}
)
"""The kinds of stores whose data files are replaced. Others write another file instead."""


def _matcher(pattern: str) -> Callable[[str], object]:
    segments = ("[^/]*".join(map(re.escape, s.split("*"))) for s in pattern.split("/"))
    return re.compile(rf"(?:.*/)?{'/'.join(segments)}", re.DOTALL).fullmatch


ENDINGS: Final = tuple(
    rule.pattern.rpartition("/")[2].rpartition("*")[2]
    for rule in RULES
    if not rule.pattern.endswith("*")
)
"""How the paths of entry files end, but for those that `in_entry_folder` finds."""

in_entry_folder: Final = re.compile(
    "|".join(rule.pattern.removesuffix("*") for rule in RULES if rule.pattern.endswith("/*"))
).search
"""Finds the name of a folder of entry files. Few other paths pass one of these two tests, which
cost little for each of millions of files."""


def find_rule(path: str) -> Rule | None:
    """Return the rule for a path, or `None` if it is not that of an entry file.

    Args:
        path: the path of a file, with slashes. It may be relative, but should include the folder
            of the file and the one above.
    """
    if not path.endswith(ENDINGS) and not in_entry_folder(path):
        return None
    return next((rule for matches, rule in _matchers() if matches(path)), None)


# None at import, as many syncs have no store: expressions take milliseconds to compile.
@cache
def _matchers() -> Sequence[tuple[Callable[[str], object], Rule]]:
    return [(_matcher(rule.pattern), rule) for rule in RULES]


@cache
def evidence() -> Mapping[str, Callable[[str], object]]:
    """Return what finds the data files of kinds of stores whose entry files have common names.

    A store of such a kind has at least one.
    """
    return {kind: re.compile(pattern, re.DOTALL).fullmatch for kind, pattern in _EVIDENCE.items()}


@cache
def _entry_folders() -> Sequence[tuple[Callable[[str], object], int]]:
    return [
        (_matcher("/".join(segments[:count])), count)
        for segments in (rule.pattern.split("/") for rule in RULES)
        for count in range(1, len(segments))
    ]


def store_of_folder(path: str) -> str | None:
    """Return the path of the store whose entry files are in a folder, or `None`.

    Args:
        path: the path of the folder, with a slash at its end.
    """
    folder = path.removesuffix("/")
    for matches, count in _entry_folders():
        if matches(folder):
            return _joined(folder.split("/")[:-count])
    return None


def is_index(rule: Rule) -> bool:
    """Return whether entry files are indexes, each of the one file whose name they extend."""
    return rule.pattern.startswith("*")


def store_path(path: str, rule: Rule) -> str:
    """Return the path of the store that an entry file belongs to, with a slash at its end.

    The store of an index, such as ``a.bam.bai``, is its folder.
    """
    return _joined(path.split("/")[: -rule.pattern.count("/") - 1])


def _joined(segments: Iterable[str]) -> str:
    return "".join(f"{segment}/" for segment in segments)
