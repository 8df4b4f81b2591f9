"""``data-sync rm``, for objects on S3."""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence

from aibs_informatics_aws_lambda.common.cli.errors import CommandError, ExitCode
from aibs_informatics_aws_lambda.common.json_io import dump_json_line
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..entries import Entry
from ..housekeeping.object_removal import delete_objects, find_objects, is_versioned
from .confirmation import confirm
from .output import format_count, format_size, print_lines
from .progress import show_waiting
from .wildcards import glob_expression, split_glob


def remove_objects(uris: Sequence[S3Path], options: argparse.Namespace) -> ExitCode:
    """Remove objects, after confirmation.

    Raises:
        CommandError: there is nothing to remove, or more than ``options.max_delete``.
        DeclinedError: the user did not confirm.
        AWSError: an object cannot be listed or deleted.
    """
    count, size = 0, 0
    for uri in uris:
        with show_waiting(f"listing {uri}"):
            found = [entry.size for _, entry in _matching(uri, recursive=options.recursive)]
        if not found:
            raise CommandError(f"cannot remove {uri}: no such object{_hint(uri, options)}")
        count, size = count + len(found), size + sum(found)
    total = f"{format_count(count, 'object')} ({format_size(size)})"
    if options.max_delete is not None and count > options.max_delete:
        raise CommandError(
            f"{total} would be removed, and --max-delete allows {options.max_delete}: nothing was "
            "removed"
        )
    if options.dry_run:
        print_lines([f"{total} would be removed"])
        return ExitCode.DONE
    for bucket in sorted({uri.bucket for uri in uris}):
        if is_versioned(bucket):
            sys.stderr.write(
                f"the bucket {bucket} is versioned: delete markers are added, and earlier "
                "versions are kept\n"
            )
    if not options.yes:
        confirm(f"Remove {total}?")
    with show_waiting("removing objects"):
        removed = sum(
            delete_objects(uri.bucket, _keys(uri, recursive=options.recursive)) for uri in uris
        )
    if options.json:
        print_lines([dump_json_line({"objects_removed": removed, "size_bytes_removed": size})])
    else:
        print_lines([f"{format_count(removed, 'object')} removed ({format_size(size)})"])
    return ExitCode.DONE


def _hint(uri: S3Path, options: argparse.Namespace) -> str:
    return "" if options.recursive or split_glob(uri) else ". Give -r to remove objects below it"


def _keys(uri: S3Path, *, recursive: bool) -> Iterator[str]:
    return (key for key, _ in _matching(uri, recursive=recursive))


def _matching(uri: S3Path, *, recursive: bool) -> Iterator[tuple[str, Entry]]:
    glob = split_glob(uri)
    if glob is None:
        yield from find_objects(uri, recursive=recursive)
        return
    matches = re.compile(glob_expression(glob.pattern, recursive=recursive)).fullmatch
    for key, entry in find_objects(S3Path(str(glob.base)), recursive=True):
        if matches(entry.relative):
            yield key, entry
