"""Where the answer goes: checked before the handler runs, written whole or not at all after."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO, TypeAlias

from ..exceptions import AWSError
from ..files import unwritable_reason, write_atomically
from ..json_io import JSON, dump_json_line
from ..s3 import S3Path, bucket_exists, parse_location, upload_json
from .errors import AnswerError, UsageError, error_message
from .output import print_to

Location: TypeAlias = S3Path | Path | TextIO


def check_location(location: str, stdout: TextIO) -> Location:
    """Return the place that an answer can be written to, as far as can be known beforehand.

    Args:
        location: an S3 URI, a path, or ``-`` for ``stdout``.
        stdout: the process's own stdout.

    Raises:
        UsageError: the location is a folder, or its folder or bucket is missing or not writable.
    """
    if location == "-":
        return stdout
    try:
        place = parse_location(location)
        problem = _problem_in_s3(place) if isinstance(place, S3Path) else _problem_on_disk(place)
    except (ValueError, OSError) as error:
        problem = error_message(error)
    if problem:
        raise UsageError(f"cannot write to the response location {location}: {problem}")
    return place


def write_answer(answer: JSON, location: Location) -> None:
    """Write an answer as one line of JSON with sorted keys; an existing one is replaced.

    Raises:
        AnswerError: the answer is no JSON, or the location has become unusable.
    """
    try:
        if isinstance(location, S3Path):
            upload_json(answer, location)
        elif isinstance(location, Path):
            write_atomically(location, dump_json_line(answer))
        else:
            print_to(location, dump_json_line(answer))
    except (AWSError, OSError) as error:
        raise AnswerError(f"the answer is lost: {error_message(error)}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise AnswerError(
            f"the handler's answer cannot be written as JSON: {error_message(error)}"
        ) from error


def _problem_in_s3(place: S3Path) -> str | None:
    if not place.key or place.has_folder_suffix():
        return "it is a bucket or a folder, name an object"
    return None if bucket_exists(place.bucket) else f"there is no bucket {place.bucket}"


def _problem_on_disk(path: Path) -> str | None:
    folder = Path(os.path.realpath(path)).parent
    if not folder.exists():
        return f"the folder {folder} does not exist, make it first"
    return unwritable_reason(path)
