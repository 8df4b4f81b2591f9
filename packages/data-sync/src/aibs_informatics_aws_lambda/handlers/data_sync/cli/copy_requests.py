"""Requests of cp and mv: where each source is copied to, as POSIX cp decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from aibs_informatics_aws_lambda.common.cli.errors import UsageError
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.locations import DataLocation, parse_data_path

from ..locations import Location, resolve
from ..sync.plain_request import PlainFilters
from ..sync.request import SyncRequest
from .validation import validated_request
from .wildcards import expand_source, glob_expression, split_glob

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection


class CopyOptions(NamedTuple):
    """Options of cp and mv.

    Args:
        recursive: whether folders and prefixes are copied.
        move: whether sources are removed.
        dry_run: whether nothing is changed.
        fail_fast: whether the first file that fails ends the copy.
        make_settings: returns how objects are stored, given whether the source is in S3 and
            whether the destination is.
        source_connection: the connection to sources in S3, if not that of the environment.
        destination_connection: the connection to a destination in S3, likewise.
        limits: request fields that limit the copy.
        preserve: whether mode, owner and times of files are kept.
        backup: the folder or prefix that files at the destination are moved to, if there is one.
    """

    recursive: bool = False
    move: bool = False
    dry_run: bool = False
    fail_fast: bool = False
    make_settings: Callable[[bool, bool], dict[str, Any] | None] = lambda _from, _to: None
    source_connection: S3Connection | None = None
    destination_connection: S3Connection | None = None
    limits: Mapping[str, Any] = MappingProxyType({})
    preserve: bool = False
    backup: DataLocation | None = None


def make_requests(
    sources: Sequence[str], destination: str, options: CopyOptions
) -> Iterator[SyncRequest]:
    """Yield the syncs that copy sources to a destination.

    Several sources, and those with wildcards, are copied into a folder. A single source is copied
    into the destination if that is an existing folder, a bucket or ends in a slash, and to exactly
    the destination otherwise.

    Raises:
        UsageError: the destination is not a folder but must be, a source is a folder and
            ``recursive`` is not set, or two sources would be one at the destination.
        FileNotFoundError: a source does not exist.
    """
    taken: dict[str, DataLocation] = {}
    target = parse_data_path(destination)
    is_folder = destination.endswith("/") or _is_existing_folder(target)
    globs = [split_glob(source) for source in sources]
    if (len(sources) > 1 or any(globs)) and not is_folder:
        if not isinstance(target, S3Path):
            raise UsageError(
                f"{destination} is not an existing folder, as several sources or wildcards need: "
                "end it in a slash to create one"
            )
        is_folder = True
    for text, glob in zip(sources, globs, strict=True):
        if glob is not None and isinstance(glob.base, S3Path):
            # Objects keep their path below the base: run-1/x.csv and run-2/x.csv do not collide.
            pattern = glob_expression(glob.pattern, recursive=options.recursive)
            yield _sync(glob.base, target, options, _only(pattern))
        else:
            for source in expand_source(text):
                request = _request(source, target, is_folder, options)
                first = taken.setdefault(str(request.destination_path), source)
                if first is source:
                    yield request
                elif first != source:
                    # As cp: the first one would be lost, of a move for good.
                    raise UsageError(
                        f"{first} and {source} would both become {request.destination_path}: copy "
                        "one of them to another name"
                    )


def _request(
    source: DataLocation, target: DataLocation, is_folder: bool, options: CopyOptions
) -> SyncRequest:
    location = resolve(source)
    if not options.recursive:
        _check_is_file(location, "move" if options.move else "copy")
    to = _joined(target, location.name) if is_folder else target
    if is_folder and options.recursive and options.backup is not None:
        # Files of several folders are kept apart.
        options = options._replace(backup=_joined(options.backup, location.name))
    if isinstance(location, S3Path) and not options.recursive:
        return _sync(source, to, options, _only(re.escape(location.name)), str(location.parent))
    return _sync(source, to, options)


def _sync(
    source: DataLocation,
    target: DataLocation,
    options: CopyOptions,
    filter_config: PlainFilters | None = None,
    filter_root: str | None = None,
) -> SyncRequest:
    from_s3, to_s3 = isinstance(source, S3Path), isinstance(target, S3Path)
    fields: dict[str, Any] = {
        "filter_config": filter_config,
        "filter_root": filter_root,
        "object_settings": options.make_settings(from_s3, to_s3),
        "source_connection": options.source_connection if from_s3 else None,
        "destination_connection": options.destination_connection if to_s3 else None,
        **options.limits,
        **({} if options.backup is None else {"backup_path": options.backup}),
    }
    if options.preserve:
        fields["preserve"] = True
    if options.dry_run:
        fields["dry_run"] = True
    return validated_request(
        {
            "source_path": source,
            "destination_path": target,
            "delete": False,
            "force": True,
            "retain_source_data": not options.move,
            "continue_on_error": not options.fail_fast,
            **fields,
        }
    )


def _only(pattern: str) -> PlainFilters:
    return PlainFilters(include=pattern)


def _check_is_file(location: Location, action: str) -> None:
    if isinstance(location, S3Path):
        if not location.key or location.has_folder_suffix():
            raise UsageError(f"{location} is a prefix: give -r to {action} it")
    elif location.is_dir():
        raise UsageError(f"{location} is a folder: give -r to {action} it")


def _is_existing_folder(target: DataLocation) -> bool:
    location = resolve(target)
    return not location.key if isinstance(location, S3Path) else location.is_dir()


def _joined(folder: DataLocation, name: str) -> DataLocation:
    if isinstance(folder, Path):
        return folder / name
    return parse_data_path(f"{str(folder).rstrip('/')}/{name}")
