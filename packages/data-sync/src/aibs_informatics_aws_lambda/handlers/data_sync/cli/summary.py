"""The last line of output: what a sync did."""

from collections.abc import Iterator

from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncCounts, Verification

from .output import format_count, format_size

_SHORTEST_SECONDS = 1e-3


def format_counts(counts: DataSyncCounts, seconds: float, *, dry_run: bool = False) -> str:
    """Return the counts of a sync in one line.

    Args:
        counts: the counts.
        seconds: the duration.
        dry_run: whether the sync was only planned.
    """
    return ", ".join(_parts(counts, seconds, dry_run))


def format_verification(found: Verification) -> str:
    """Return the result of a comparison in one line."""
    return (
        f"{format_count(found.files_equal)} equal, {found.files_different:,} different, "
        f"{found.files_missing:,} missing at the destination, "
        f"{found.files_extra:,} only at the destination"
    )


def _parts(counts: DataSyncCounts, seconds: float, dry_run: bool) -> Iterator[str]:
    would = "would be " if dry_run else ""
    transferred = format_count(counts.files_transferred)
    if counts.files_transferred:
        transferred += f" ({format_size(counts.bytes_transferred)})"
    yield f"{transferred} {would}transferred{'' if dry_run else _pace(counts, seconds)}"
    yield f"{counts.files_unchanged:,} unchanged"
    if counts.files_archived:
        yield f"{counts.files_archived:,} archived and left out"
    if counts.files_deleted:
        yield f"{counts.files_deleted:,} {would}deleted at the destination"
    if counts.files_removed:
        yield f"{counts.files_removed:,} {would}removed at the source"


def _pace(counts: DataSyncCounts, seconds: float) -> str:
    if not counts.files_transferred:
        return f" in {seconds:.1f} s"
    rate = format_size(int(counts.bytes_transferred / max(seconds, _SHORTEST_SECONDS)))
    return f" in {seconds:.1f} s ({rate}/s)"
