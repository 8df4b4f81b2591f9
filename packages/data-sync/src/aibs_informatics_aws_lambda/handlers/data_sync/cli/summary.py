"""The last line of output: what a sync did."""

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..sync.result import Comparison, Counts
from .output import format_count, format_size

_SHORTEST_SECONDS = 1e-3


class Requests(NamedTuple):
    """The requests to S3 that a sync has sent.

    Args:
        numbers: their numbers, by operation.
        by_operation: whether each operation is shown.
    """

    numbers: Mapping[str, int] = MappingProxyType({})
    by_operation: bool = False


_NO_REQUESTS = Requests()
_NONE: Counter[str] = Counter()


def count_requests(others: Counter[str] = _NONE, *, by_operation: bool) -> Requests:
    """Return the requests that this process has sent, with those of other processes."""
    # Not for the help.
    from ..s3.client import sent_requests

    return Requests(sent_requests + others, by_operation)


def format_counts(
    counts: Counts,
    seconds: float,
    requests: Requests = _NO_REQUESTS,
    *,
    dry_run: bool = False,
) -> str:
    """Return the counts of a sync in one line.

    Args:
        counts: the counts.
        seconds: the duration.
        requests: the requests to S3.
        dry_run: whether the sync was only planned.
    """
    return ", ".join([*_parts(counts, seconds, dry_run), *format_requests(requests)])


def format_requests(requests: Requests) -> list[str]:
    """Return how many requests there were, if there were any."""
    total = sum(requests.numbers.values())
    if not total:
        return []
    found = sorted(requests.numbers.items(), key=lambda item: (-item[1], item[0]))
    kinds = ", ".join(f"{number:,} {operation}" for operation, number in found)
    return [format_count(total, "request") + (f" ({kinds})" if requests.by_operation else "")]


def format_verification(found: Comparison) -> str:
    """Return the result of a comparison in one line."""
    text = (
        f"{format_count(found.files_equal)} equal, {found.files_different:,} different, "
        f"{found.files_missing:,} missing at the destination, "
        f"{found.files_extra:,} only at the destination"
    )
    if found.files_promised is None:
        return text
    faults = format_count(found.metadata_damaged or 0, "fault")
    return (
        f"{text}; {found.promised_missing or 0:,} of {found.files_promised:,} files that stores "
        f"promise on one side only, {faults} of metadata"
    )


def _parts(counts: Counts, seconds: float, dry_run: bool) -> Iterator[str]:
    would = "would be " if dry_run else ""
    transferred = format_count(counts.files_transferred)
    if counts.files_transferred:
        transferred += f" ({format_size(counts.bytes_transferred)})"
    yield f"{transferred} {would}transferred{'' if dry_run else _pace(counts, seconds)}"
    yield f"{counts.files_unchanged:,} unchanged"
    if counts.files_archived:
        yield f"{counts.files_archived:,} archived and left out"
    if counts.files_backed_up:
        yield f"{counts.files_backed_up:,} moved to the backup"
    if counts.files_deleted:
        yield f"{counts.files_deleted:,} {would}deleted at the destination"
    if counts.files_removed:
        yield f"{counts.files_removed:,} {would}removed at the source"


def _pace(counts: Counts, seconds: float) -> str:
    if not counts.files_transferred:
        return f" in {seconds:.1f} s"
    rate = format_size(int(counts.bytes_transferred / max(seconds, _SHORTEST_SECONDS)))
    return f" in {seconds:.1f} s ({rate}/s)"
