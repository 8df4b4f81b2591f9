"""Filters: regular expressions over the paths of entries."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from aibs_informatics_aws_lambda.storage.locations import parse_data_path

from ..entries import Entry
from ..locations import Root, find_root
from .request import Filters

if TYPE_CHECKING:
    # Listings need no models.
    from aibs_informatics_aws_lambda.storage.data_sync.filters import Patterns

PathFilter = Callable[[str], bool]
"""Returns whether an entry is selected, by its path below the source (empty: the source)."""


class Limits(NamedTuple):
    """Limits of the size and time of entries.

    Args:
        min_size: the smallest size, in bytes.
        max_size: the largest size, in bytes.
        after: the earliest time of the last modification, in seconds since 1970 UTC.
        before: the time before which the last modification must be.
    """

    min_size: float = 0
    max_size: float = math.inf
    after: float = -math.inf
    before: float = math.inf

    def allow(self, entry: Entry) -> bool:
        """Return whether an entry is within the limits."""
        is_sized = self.min_size <= entry.size <= self.max_size
        return is_sized and self.after <= entry.modified < self.before


def find_limits(config: Filters) -> Limits | None:
    """Return the limits of a filter, or `None` if it has none."""
    after, before = config.modified_after, config.modified_before
    largest = config.max_size_bytes
    limits = Limits(
        config.min_size_bytes or 0,
        math.inf if largest is None else largest,
        after.timestamp() if after else -math.inf,
        before.timestamp() if before else math.inf,
    )
    return None if limits == Limits() else limits


def has_patterns(config: Filters | None) -> bool:
    """Return whether a filter has any patterns."""
    return config is not None and bool(_listed(config.include) or _listed(config.exclude))


def check_filters_supported(config: Filters | None, source: Root, destination: Root) -> None:
    """Raise `ValueError` if there are patterns, and both locations are local."""
    is_local = source.bucket is None and destination.bucket is None
    if is_local and has_patterns(config):
        raise ValueError(
            "filters (include and exclude patterns) are not supported from one local path to "
            "another by default: set local_mirror: true, or omit filter_config"
        )


def make_filter(
    config: Filters | None, source: Root, filter_root: str | None = None
) -> PathFilter | None:
    """Return the filter that selects entries, or `None` if all of them are selected.

    Patterns must match the whole path of an entry relative to the root. The root itself is matched
    by its name, and an entry that is not below the root by its whole path or URI.

    Args:
        config: the patterns and the list of files.
        source: the source.
        filter_root: the root that paths are relative to; by default the source.

    Raises:
        ValueError: a pattern is not a valid regular expression, or could take exponential time.
    """
    if config is None or not (has_patterns(config) or config.files is not None):
        return None
    files = None if config.files is None else frozenset(config.files)
    include = compile_patterns(config.include, "include")
    exclude = compile_patterns(config.exclude, "exclude")
    path_of = _path_maker(source, filter_root)

    def selects(relative: str) -> bool:
        path = path_of(relative)
        is_listed = files is None or path in files
        return is_listed and matches(path, include, exclude, match="whole")

    return selects


def matches(
    path: str,
    include: Sequence[re.Pattern[str]],
    exclude: Sequence[re.Pattern[str]],
    *,
    match: Literal["whole", "start"],
) -> bool:
    """Return whether a path is included and not excluded.

    Args:
        path: the path.
        include: the patterns one of which must match; without any, every path is included.
        exclude: the patterns of which none may match.
        match: ``whole`` where a pattern must match the whole path, as in a sync; ``start`` where
            it may end anywhere, as in a listing.
    """
    search = re.Pattern.fullmatch if match == "whole" else re.Pattern.match
    if any(search(pattern, path) for pattern in exclude):
        return False
    return not include or any(search(pattern, path) for pattern in include)


def _path_maker(source: Root, filter_root: str | None) -> Callable[[str], str]:
    whole = source.name().rstrip("/")
    root = whole if filter_root is None else filter_root_name(filter_root)
    beginning = f"{root}/"

    def path_of(relative: str) -> str:
        path = f"{whole}/{relative}" if relative else whole
        if path == root:
            return path.rpartition("/")[2]
        return path.removeprefix(beginning)

    return path_of


def filter_root_name(root: str) -> str:
    """Return the path or URI of a filter root, without slashes at its end."""
    return find_root(parse_data_path(root)).name().rstrip("/")


def _listed(patterns: Patterns | None) -> list[str]:
    several = [patterns] if isinstance(patterns, str) else patterns or []
    return [pattern for pattern in several if pattern]


def compile_patterns(patterns: Patterns | None, name: str) -> list[re.Pattern[str]]:
    """Return the patterns compiled; without any, an empty list.

    Args:
        patterns: one or several regular expressions; empty ones are left out.
        name: the name of the option, for messages.

    Raises:
        ValueError: one is not a valid regular expression, or could take exponential time.
    """
    listed = _listed(patterns)
    if not listed:
        return []
    # Most syncs have no patterns.
    from aibs_informatics_aws_lambda.storage.regular_expressions import compile_expression

    return [compile_expression(each, f"the {name} pattern") for each in listed]
