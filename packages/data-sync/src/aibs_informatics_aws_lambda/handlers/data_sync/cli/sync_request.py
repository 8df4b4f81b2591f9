"""The request for the options of ``data-sync SRC DST``."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aibs_informatics_aws_lambda.common.cli.errors import CommandError, UsageError
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..sync.plain_request import PlainRequest
from ..sync.planner import Plan
from ..sync.request import SyncRequest
from .connection import Side, given_side_options, make_side_connection
from .filters import make_filters
from .messages import invalid_argument
from .object_options import make_settings
from .validation import validated_request


def make_request(options: argparse.Namespace) -> SyncRequest:
    """Return the request for the given options.

    Raises:
        UsageError: a value is invalid, or an option would have no effect.
    """
    try:
        request = validated_request(_fields(options))
    except ValueError as error:
        raise UsageError(invalid_argument(error)) from error
    for problem in _problems(request, options):
        raise UsageError(problem)
    return _with_absolute_paths(request) if options.plan_file else request


def _fields(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of a request for the given options."""
    names = {field.name for field in dataclasses.fields(PlainRequest)}
    staging = options.staging_folder
    return {
        **{name: value for name, value in vars(options).items() if name in names},
        "checksum_cache": _checksum_cache(options),
        "source_connection": make_side_connection(options, "source"),
        "destination_connection": make_side_connection(options, "destination"),
        "dry_run": True if options.plan_file else options.dry_run,
        "filter_config": make_filters(options),
        "local_mirror": _mirrors_locally(options),
        "object_settings": _object_settings(options),
        "protect_excluded": _protects_excluded(options),
        "remote_to_local_config": {
            "use_custom_tmp_dir": staging is not None,
            "custom_tmp_dir": staging,
        },
    }


def _checksum_cache(options: argparse.Namespace) -> Any:
    """Return the file of the checksum cache; by default one in the cache folder of the user."""
    paths = (options.source_path, options.destination_path)
    is_within_s3 = all(isinstance(path, S3Path) for path in paths)
    if options.checksum_cache is False or options.size_only or is_within_s3:
        return None
    given = options.checksum_cache
    # A plan, or another process, may be in another working directory.
    return given.absolute() if isinstance(given, Path) else given or default_checksum_cache()


def default_checksum_cache() -> Path | None:
    """Return the file of the checksum cache of this user, or `None` without a home directory.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    home = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(home):  # noqa: PTH117
        home = os.path.expanduser("~/.cache")  # noqa: PTH111
    # Without a home directory, ~ stays as it is.
    return Path(home, "data-sync", "checksums.sqlite") if os.path.isabs(home) else None  # noqa: PTH117


def _protects_excluded(options: argparse.Namespace) -> bool | None:
    looks_beyond = options.delete or options.verify
    return True if looks_beyond and make_filters(options) and not options.delete_excluded else None


def _object_settings(options: argparse.Namespace) -> dict[str, Any] | None:
    from_s3, to_s3 = (
        isinstance(path, S3Path) for path in (options.source_path, options.destination_path)
    )
    return make_settings(options, from_s3=from_s3, to_s3=to_s3)


def _mirrors_locally(options: argparse.Namespace) -> bool | None:
    paths = (options.source_path, options.destination_path)
    is_local = not any(isinstance(path, S3Path) for path in paths)
    return True if is_local and (options.delete or options.rules) else None


def _problems(request: SyncRequest, options: argparse.Namespace) -> Iterator[str]:
    """Yield a message for each option that would have no effect."""
    for option in _given_without_effect(options) if request.verify else ():
        yield (
            f"{option} has no effect with --verify, which compares contents and changes nothing: "
            "leave it out"
        )
    from_s3 = isinstance(request.source_path, S3Path)
    to_s3 = isinstance(request.destination_path, S3Path)
    if request.delete and not request.retain_source_data and not from_s3 and not to_s3:
        yield "--move and --delete are mutually exclusive between local paths"
    if (
        request.delete
        and not request.retain_source_data
        and request.existing in ("ignore", "update")
    ):
        yield (
            "--move and --delete are mutually exclusive with --update and --ignore-existing: what "
            "stays at the source would be all that a second run keeps at the destination"
        )
    # Excluded files at the destination count as extra.
    deletes_excluded = options.delete_excluded and not request.verify
    if not request.delete and (request.max_delete is not None or deletes_excluded):
        yield "--max-delete and --delete-excluded require --delete"
    if not request.retain_source_data and from_s3 and not to_s3:
        yield "--move has no effect from S3 to local paths: leave it out"
    if request.require_lock and not (from_s3 and not to_s3):
        yield "--require-lock is only for syncs from S3 to local paths"
    if request.source_path_prefix and not (from_s3 and to_s3):
        yield "--source-prefix is only for syncs from S3 to S3"
    if request.size_only and request.ignore_times:
        yield "--size-only and --checksum are mutually exclusive"
    sides: tuple[tuple[Side, bool], ...] = (("source", from_s3), ("destination", to_s3))
    for side, is_in_s3 in sides:
        if given_side_options(options, side) and not is_in_s3:
            yield f"--{side}-profile and other options of this side require a {side} in S3"
    if options.switch and options.plan_file:
        yield (
            "--plan and --switch are mutually exclusive: apply leaves out changed files, so that "
            "the new folder would not be complete"
        )
    if options.switch and options.jobs > 1:
        yield (
            "--jobs and --switch are mutually exclusive: each batch would be switched by itself, "
            "and readers would see a mixture of batches"
        )
    if request.files_from is not None and request.delete:
        yield "--delete has no effect with --files-from: other files are never deleted"
    if request.files_from == Path("-") and options.plan_file:
        yield "--plan needs a list that can be read again: name a file instead of -"
    if request.inventory is not None and not from_s3:
        yield "--inventory is only for a source in S3"
    if options.batch_bytes and options.jobs == 1:
        yield "--batch-bytes requires --jobs"
    if request.stores and str(request.report_path).lower().endswith((".html", ".htm")):
        yield "--report with --stores is not a page: choose another suffix than .html"
    if options.jobs > 1 and request.stores and not request.dry_run:
        yield "--stores runs in one process: leave --jobs out"
    if options.jobs > 1 and request.verify:
        yield "--verify runs in one process: leave --jobs out"


def _given_without_effect(options: argparse.Namespace) -> Iterator[str]:
    """Yield the given options that have no effect with ``--verify``."""
    given = {
        "--delete": options.delete,
        "--force": options.force,
        "--move": not options.retain_source_data,
        "--backup-dir": options.backup_path is not None,
        "--plan": options.plan_file is not None,
        "--size-only": options.size_only,
        "--checksum": options.ignore_times,
        "--update": options.existing == "update",
        "--ignore-existing": options.existing == "ignore",
        "--immutable": options.existing == "immutable",
    }
    return (option for option, is_given in given.items() if is_given)


def _with_absolute_paths(request: SyncRequest) -> SyncRequest:
    """Return a request whose paths are valid in another working directory."""
    names = ("source_path", "destination_path", "backup_path", "files_from", "inventory")
    paths = {name: getattr(request, name) for name in names}
    absolute = {name: path.absolute() for name, path in paths.items() if isinstance(path, Path)}
    return request.model_copy(update=absolute)


def check_selected(request: SyncRequest, plans: Sequence[Plan]) -> None:
    """Refuse to delete everything because filters with a mistake select nothing.

    Raises:
        CommandError: the filters select nothing, and files would be deleted.
    """
    count = sum(len(plan.steps) + plan.unchanged for plan in plans)
    if request.delete and request.filter_config and not count:
        raise CommandError(no_file_selected(request))


def no_file_selected(request: SyncRequest) -> str:
    """Return the message that filters with --delete select nothing."""
    return (
        f"the filters match no file at {request.source_path}, and --delete would delete files at "
        "the destination: nothing was changed. Correct the filters, or leave out --delete"
    )
