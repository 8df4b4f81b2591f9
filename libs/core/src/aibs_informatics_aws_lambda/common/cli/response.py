"""Writing the response: the location is checked before the handler runs."""

import os
from pathlib import Path
from typing import TextIO, TypeAlias

from ..documents import Location, parse_location
from ..exceptions import AWSError
from ..files import unwritable_reason, write_atomically
from ..json_io import JSON, dump_json_line
from ..s3 import S3Path, bucket_exists, upload_json
from .errors import ResponseError, UsageError, error_message
from .output import print_to

ResponseLocation: TypeAlias = Location | TextIO


def check_location(location: str, stdout: TextIO) -> ResponseLocation:
    """Return the location to write a response to, after checking it as far as possible.

    Args:
        location: an S3 URI, a path, or ``-`` for ``stdout``.
        stdout: the process's own stdout.

    Raises:
        UsageError: the location is a directory, or its directory or bucket is missing or not
            writable.
    """
    if location == "-":
        return stdout
    try:
        found = parse_location(location)
        problem = _problem_in_s3(found) if isinstance(found, S3Path) else _problem_on_disk(found)
    except (ValueError, OSError) as error:
        problem = error_message(error)
    if problem:
        raise UsageError(f"cannot write to the response location {location}: {problem}")
    return found


def write_response(response: JSON, location: ResponseLocation) -> None:
    """Write a response as one line of JSON with sorted keys, replacing an existing one.

    Raises:
        ResponseError: the response cannot be written as JSON, or the location cannot be written.
    """
    try:
        if isinstance(location, S3Path):
            upload_json(response, location)
        elif isinstance(location, Path):
            write_atomically(location, dump_json_line(response))
        else:
            print_to(location, dump_json_line(response))
    except (AWSError, OSError) as error:
        raise ResponseError(f"cannot write the response: {error_message(error)}") from error
    except (TypeError, ValueError, RecursionError) as error:
        message = f"the handler's response cannot be written as JSON: {error_message(error)}"
        raise ResponseError(message) from error


def _problem_in_s3(location: S3Path) -> str | None:
    if not location.key or location.has_folder_suffix():
        return "it is a bucket or a prefix, not an object"
    return None if bucket_exists(location.bucket) else f"there is no bucket {location.bucket}"


def _problem_on_disk(path: Path) -> str | None:
    directory = Path(os.path.realpath(path)).parent
    if not directory.exists():
        return f"the directory {directory} does not exist"
    return unwritable_reason(path)
