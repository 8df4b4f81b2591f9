"""Which entries are synced, by regular expressions over their paths."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.filters import DataSyncFilterConfig, Patterns
from aibs_informatics_aws_lambda.storage.paths import parse_data_path

from ..locations import Location, resolve

PathFilter = Callable[[str], bool]
"""Tells whether an entry is synced, by its path below the source (empty: the source itself)."""


def has_patterns(config: DataSyncFilterConfig | None) -> bool:
    """Tell whether a filter leaves anything out."""
    return config is not None and bool(_listed(config.include) or _listed(config.exclude))


def check_filters_supported(
    config: DataSyncFilterConfig | None, source: Location, destination: Location
) -> None:
    """Raise `ValueError` if there are patterns, and both locations are local."""
    is_local = not isinstance(source, S3Path) and not isinstance(destination, S3Path)
    if is_local and has_patterns(config):
        raise ValueError(
            "filters (include and exclude patterns) are not possible from one local path to "
            "another: leave filter_config out"
        )


def make_filter(
    config: DataSyncFilterConfig | None, source: Location, filter_root: str | None = None
) -> PathFilter | None:
    """Return what tells the entries that are synced, or `None` if all of them are.

    A pattern must match the whole path of an entry relative to the root. An entry that is the root
    goes by its name, one that is not below it by its whole path or URI.

    Args:
        config: the patterns.
        source: the source, as `locations.resolve` returns it.
        filter_root: what paths are relative to; by default the source.

    Raises:
        ValueError: a pattern is no regular expression.
    """
    if config is None or not has_patterns(config):
        return None
    include = compile_patterns(config.include, "include")
    exclude = compile_patterns(config.exclude, "exclude")
    path_of = _path_maker(source, filter_root)

    def selects(relative: str) -> bool:
        path = path_of(relative)
        if any(pattern.fullmatch(path) for pattern in exclude):
            return False
        return not include or any(pattern.fullmatch(path) for pattern in include)

    return selects


def _path_maker(source: Location, filter_root: str | None) -> Callable[[str], str]:
    whole = str(source).rstrip("/")
    root = whole if filter_root is None else _as_text(filter_root)
    beginning = f"{root}/"

    def path_of(relative: str) -> str:
        path = f"{whole}/{relative}" if relative else whole
        if path == root:
            return path.rpartition("/")[2]
        return path.removeprefix(beginning)

    return path_of


def _as_text(root: str) -> str:
    path = parse_data_path(root)
    resolved = path if isinstance(path, S3Path | Path) else resolve(path)
    return str(resolved).rstrip("/")


def _listed(patterns: Patterns | None) -> list[str]:
    several = [patterns] if isinstance(patterns, str) else patterns or []
    return [pattern for pattern in several if pattern]


def compile_patterns(patterns: Patterns | None, name: str) -> list[re.Pattern[str]]:
    """Return the patterns compiled; without any, none.

    Args:
        patterns: one or several regular expressions; empty ones are left out.
        name: what messages call them.

    Raises:
        ValueError: one is no regular expression.
    """
    return [_compile(pattern, name) for pattern in _listed(patterns)]


def _compile(pattern: str, name: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"the {name} pattern {pattern!r} is no regular expression: {error}"
        ) from None
