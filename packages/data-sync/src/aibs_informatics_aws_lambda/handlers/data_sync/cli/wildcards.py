"""Wildcards in the sources of cp, mv, cat and rm: ``s3://bucket/run-*/x.csv``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.locations import DataLocation, parse_data_path

from ..locations import resolve

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection

_WILDCARD = re.compile(r"[*?\[{]")


class GlobSource(NamedTuple):
    """A source with wildcards.

    Args:
        text: the source as given.
        base: the deepest folder or prefix above the first wildcard.
        pattern: the rest, a glob relative to ``base``.
    """

    text: str
    base: DataLocation
    pattern: str


def split_glob(text: str) -> GlobSource | None:
    """Return a source with wildcards, or `None` if it has none."""
    found = _WILDCARD.search(text)
    if found is None:
        return None
    cut = text.rfind("/", 0, found.start()) + 1
    # Without a folder, a local path relative to the current one.
    return GlobSource(text, parse_data_path(text[:cut] or "."), text[cut:])


def glob_expression(pattern: str, *, recursive: bool) -> str:
    """Return the regular expression of a glob that is relative to the base of a source.

    Args:
        pattern: the glob.
        recursive: whether everything below matching folders matches too.
    """
    from wcmatch import glob

    name = pattern.strip("/")
    patterns = [name, f"{name}/**"] if recursive else [name]
    flags = glob.GLOBSTAR | glob.BRACE | glob.DOTGLOB | glob.FORCEUNIX
    included, _ = glob.translate(patterns, flags=flags)
    return f"(?:{'|'.join(expression.removesuffix('$') for expression in included)})"


def expand_source(text: str, connection: S3Connection | None = None) -> Iterator[DataLocation]:
    """Yield the files or objects for a source, which may have wildcards.

    Args:
        text: the source.
        connection: the connection to S3, if not that of the environment.

    Raises:
        FileNotFoundError: nothing matches.
        AWSError: the objects cannot be listed.
    """
    source = split_glob(text)
    if source is None:
        yield parse_data_path(text)
        return
    count = 0
    matches = re.compile(glob_expression(source.pattern, recursive=False)).fullmatch
    for relative in _relatives(source.base, connection):
        if matches(relative):
            count += 1
            yield _joined(source.base, relative)
    if not count:
        raise FileNotFoundError(f"no file or object matches {text}")


def _relatives(base: DataLocation, connection: S3Connection | None) -> Iterator[str]:
    from ..housekeeping.contents import find_contents

    return (entry.relative for entry in find_contents(base, connection).below)


def _joined(base: DataLocation, relative: str) -> DataLocation:
    if isinstance(base, S3Path):
        return S3Path.build(base.bucket, base.with_folder_suffix.key + relative)
    location = resolve(base)
    return location / relative
