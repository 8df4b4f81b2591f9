"""``data-sync rm``, for files and folders."""

import argparse
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from aibs_informatics_aws_lambda.common.cli import errors
from aibs_informatics_aws_lambda.common.json_io import load_json_object
from aibs_informatics_aws_lambda.storage.data_sync.removal_requests import RemoveDataPathsRequest
from aibs_informatics_aws_lambda.storage.locations import DataLocation

from ..file_system import RemoveDataPathsHandler
from ..housekeeping.removal import check_removal, exists, read_removal, stat_path
from ..locations import resolve
from .arguments import PROGRAM
from .confirmation import check_terminal, confirm
from .housekeeping import with_plain_log
from .messages import format_error
from .output import format_count, format_size, print_json, print_lines
from .progress import show_waiting

_MOST_SHOWN = 10


def remove_files(options: argparse.Namespace) -> errors.ExitCode:
    """Remove files and folders, after confirmation.

    Raises:
        UsageError: no path is given, or confirmation is not possible. Nothing was removed.
        PayloadError: the plan file is invalid. Nothing was removed.
        DeclinedError: the user did not confirm. Nothing was removed.
        FileNotFoundError: a path does not exist, and there is no plan. Nothing was removed.
    """
    request = _request(options)
    paths, plan = read_removal(request)
    if plan is None:
        _check_existence(paths)
    if options.dry_run:
        print_lines(_preview(_measure(paths), request))
        return errors.ExitCode.DONE
    if not options.yes:
        _confirm(paths)
    with show_waiting("removing files"):
        response = with_plain_log(RemoveDataPathsHandler()).handle(request)
    if options.json:
        print_json(response)
    else:
        size = format_size(response.size_bytes_removed)
        print_lines([f"{format_count(len(response.paths_removed), 'path')} removed ({size})"])
    return errors.ExitCode.PARTLY_FAILED if response.paths_changed else errors.ExitCode.DONE


def _check_existence(paths: Sequence[DataLocation]) -> None:
    """Raise `FileNotFoundError` for a path that does not exist: its name may be mistyped."""
    for path in paths:
        if not exists(Path(resolve(path))):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _confirm(paths: Sequence[DataLocation]) -> None:
    check_terminal()
    found = _measure(paths)
    details = list(_sizes(found[:_MOST_SHOWN]))
    if len(found) > _MOST_SHOWN:
        details.append(f"... and {len(found) - _MOST_SHOWN:,} more")
    confirm(f"Remove {_total(found)}?", details)


def _measure(paths: Sequence[DataLocation]) -> list[tuple[DataLocation, int]]:
    """Return the paths with their sizes in bytes.

    Raises:
        ValueError: a path must not be removed.
    """
    with show_waiting("listing what would be removed"):
        found = [stat_path(*target) for target in check_removal(paths, planned=None)]
    sizes = (tree.size_bytes if tree else 0 for tree in found)
    return list(zip(paths, sizes, strict=True))


def _preview(
    found: Sequence[tuple[DataLocation, int]], request: RemoveDataPathsRequest
) -> Iterator[str]:
    yield from _sizes(found)
    condition = " if unchanged since the plan was made" if request.plan else ""
    yield f"{_total(found)} would be removed{condition}"


def _sizes(found: Sequence[tuple[DataLocation, int]]) -> Iterator[str]:
    sizes = [format_size(size) for _, size in found]
    width = max(map(len, sizes), default=0)
    for (path, _), size in zip(found, sizes, strict=True):
        yield f"{size:>{width}}  {path}"


def _total(found: Sequence[tuple[DataLocation, int]]) -> str:
    size = format_size(sum(size for _, size in found))
    return f"{format_count(len(found), 'path')} ({size})"


def _request(options: argparse.Namespace) -> RemoveDataPathsRequest:
    if options.plan is None:
        if not options.paths:
            raise errors.UsageError("nothing to remove: give paths or --plan")
        return RemoveDataPathsRequest(paths=options.paths)
    try:
        document = load_json_object(options.plan)
        if document.get("plan") is None:
            raise ValueError(f"it has no plan. Write one with {PROGRAM} stale --plan")
        paths = options.paths or document.get("paths")
        return RemoveDataPathsRequest.from_dict({"paths": paths, "plan": document["plan"]})
    except (ValueError, OSError) as error:
        raise errors.PayloadError(
            f"cannot use the plan {options.plan}: {format_error(error)}"
        ) from error
