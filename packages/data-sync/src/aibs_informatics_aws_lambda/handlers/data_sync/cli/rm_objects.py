"""``data-sync rm``, for objects on S3."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from aibs_informatics_aws_lambda.common.cli.errors import CommandError, ExitCode
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.json_io import dump_json_line
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..entries import Entry
from ..external_sort import ExternalSorter
from ..housekeeping.object_removal import delete_objects, find_objects, is_versioned
from ..s3.client import S3
from ..s3.listing import begin_listing
from ..s3.requests import get_versioning
from .confirmation import confirm
from .connection import set_variables, use_connection
from .output import format_count, format_size, print_lines
from .progress import show_waiting
from .wildcards import glob_expression, split_glob

# Long listings are read by ranges of keys, side by side.
_CONNECTIONS = 32


class _Found(NamedTuple):
    """The objects of a URI. All but the first thousands of keys are on disk, to be read once."""

    uri: S3Path
    keys: Iterable[str]
    number: int
    size: int


def remove_objects(uris: Sequence[S3Path], options: argparse.Namespace) -> ExitCode:
    """Remove objects, after confirmation: those that were listed before it.

    Raises:
        CommandError: there is nothing to remove, or more than ``options.max_delete``.
        DeclinedError: the user did not confirm.
        AWSError: an object cannot be listed or deleted.
    """
    set_variables(options)
    buckets = sorted({uri.bucket for uri in uris})
    try:
        s3 = S3(_CONNECTIONS)
        for prefix in {prefix for uri in uris for prefix in _prefixes(uri, options)}:
            begin_listing(s3, prefix.bucket, prefix.key)
        versioning = {bucket: s3.send(get_versioning(bucket)) for bucket in buckets}
    except AWSError:
        # The endpoint may be the reason.
        use_connection(options)
        raise
    # Only now: the look at the endpoint takes as long as the first page.
    use_connection(options)
    found = [_find(s3, uri, options, uris[:number]) for number, uri in enumerate(uris)]
    count, size = sum(one.number for one in found), sum(one.size for one in found)
    total = f"{format_count(count, 'object')} ({format_size(size)})"
    if options.max_delete is not None and count > options.max_delete:
        raise CommandError(
            f"{total} would be removed, and --max-delete allows {options.max_delete}: nothing was "
            "removed"
        )
    if options.dry_run:
        print_lines([f"{total} would be removed"])
        return ExitCode.DONE
    for bucket in buckets:
        if is_versioned(versioning[bucket]):
            sys.stderr.write(
                f"the bucket {bucket} is versioned: delete markers are added, and earlier "
                "versions are kept\n"
            )
    if not options.yes:
        confirm(f"Remove {total}?")
    with show_waiting("removing objects"):
        removed = sum(delete_objects(s3, one.uri.bucket, one.keys) for one in found)
    if options.json:
        print_lines([dump_json_line({"objects_removed": removed, "size_bytes_removed": size})])
    else:
        print_lines([f"{format_count(removed, 'object')} removed ({format_size(size)})"])
    return ExitCode.DONE


def _prefixes(uri: S3Path, options: argparse.Namespace) -> Iterator[S3Path]:
    """Yield the prefix that is listed for a URI, unless only an object is looked up."""
    base = _base(uri)
    if base or options.recursive:
        yield (base or uri).with_folder_suffix


def _base(uri: S3Path) -> S3Path | None:
    """Return the prefix above the wildcards of a URI, or `None` if it has none."""
    glob = split_glob(uri)
    return None if glob is None else S3Path(str(glob.base))


def _find(s3: S3, uri: S3Path, options: argparse.Namespace, earlier: Sequence[S3Path]) -> _Found:
    """Return the objects of a URI, without those of earlier ones."""
    keys, count, size, is_empty = ExternalSorter[str](), 0, 0, True
    names = [
        _name_test(other, recursive=options.recursive)
        for other in earlier
        if other.bucket == uri.bucket
    ]
    with show_waiting(f"listing {uri}"):
        for key, entry in _matching(s3, uri, recursive=options.recursive):
            is_empty = False
            if not any(is_named(key) for is_named in names):
                keys.add(key)
                count, size = count + 1, size + entry.size
    if is_empty:
        raise CommandError(f"cannot remove {uri}: no such object{_hint(uri, options)}")
    return _Found(uri, keys.ordered(), count, size)


def _name_test(uri: S3Path, *, recursive: bool) -> Callable[[str], bool]:
    """Return a function that returns whether a URI names the object with a key."""
    glob = split_glob(uri)
    if glob is not None:
        start = S3Path(str(glob.base)).with_folder_suffix.key
        matches = re.compile(glob_expression(glob.pattern, recursive=recursive)).fullmatch
        return lambda key: key.startswith(start) and bool(matches(key[len(start) :]))
    folder = uri.with_folder_suffix.key
    return lambda key: key == uri.key or (recursive and key.startswith(folder))


def _hint(uri: S3Path, options: argparse.Namespace) -> str:
    return "" if options.recursive or split_glob(uri) else ". Give -r to remove objects below it"


def _matching(s3: S3, uri: S3Path, *, recursive: bool) -> Iterator[tuple[str, Entry]]:
    base, is_named = _base(uri), _name_test(uri, recursive=recursive)
    for key, entry in find_objects(s3, base or uri, recursive=recursive or base is not None):
        if is_named(key):
            yield key, entry
