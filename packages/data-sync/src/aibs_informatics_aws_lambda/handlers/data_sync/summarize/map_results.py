"""What the Distributed Map of a state machine has written about its child executions.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSON, parse_json
from aibs_informatics_aws_lambda.common.s3 import S3Path, download_to_json_object

from ..stored_lists import read_list

_MANIFEST: Final = "manifest.json"
# In the order in which they are told; executions that were not started come last.
_STATUSES: Final = ("SUCCEEDED", "FAILED", "PENDING")


class ChildResult(NamedTuple):
    """How one child execution has ended.

    Args:
        succeeded: whether it has; not, if it was never started.
        input: its input; `None` if Step Functions has left it out.
        output: that of one that has succeeded.
        error: the name of the error of one that has not.
        cause: what Step Functions says about it.
    """

    succeeded: bool
    input: JSON
    output: JSON
    error: str
    cause: str


def read_map_results(location: S3Path) -> Iterator[ChildResult]:
    """Yield the results of all child executions of a Map Run, those that succeeded first.

    Args:
        location: the manifest, or the prefix that the Map Run has written to.

    Raises:
        ResourceNotFoundError: there is no manifest.
        ValidationError: there are several, or what is there is no manifest.
        AWSError: S3 cannot be asked.
    """
    manifest = location if location.name == _MANIFEST else _find_manifest(location)
    document = download_to_json_object(manifest)
    files = document.get("ResultFiles")
    if not isinstance(files, dict):
        raise ValidationError(f"{manifest} is no manifest of a Map Run: it has no ResultFiles")
    bucket = document.get("DestinationBucket", manifest.bucket)
    for status in _STATUSES:
        for file in files.get(status, []):
            for child in read_list(S3Path.build(bucket, file["Key"])):
                yield _result(child, status)


def _find_manifest(folder: S3Path) -> S3Path:
    from aibs_informatics_aws_lambda.common.aws import get_client, named_errors

    prefix = folder.with_folder_suffix
    with named_errors(f"list {prefix}", permission="s3:ListBucket"):
        pages = get_client("s3").get_paginator("list_objects_v2")
        listing = pages.paginate(Bucket=prefix.bucket, Prefix=prefix.key)
        found = [
            entry["Key"]
            for page in listing
            for entry in page.get("Contents", [])
            if entry["Key"].endswith(f"/{_MANIFEST}")
        ]
    if not found:
        raise ResourceNotFoundError(f"no Map Run has written a {_MANIFEST} below {prefix}")
    if len(found) > 1:
        raise ValidationError(f"several Map Runs have written below {prefix}: name one of them")
    return S3Path.build(prefix.bucket, found[0])


def _result(child: dict[str, str], status: str) -> ChildResult:
    if status == "PENDING":
        error, cause = "NotStarted", "the state machine ended before this batch was begun"
    else:
        # Those that timed out or were aborted are among the failed ones, without an error.
        error, cause = child.get("Error") or child.get("Status", status), child.get("Cause", "")
    return ChildResult(
        succeeded=status == "SUCCEEDED",
        input=_parsed(child.get("Input")),
        output=_parsed(child.get("Output")),
        error=error,
        cause=cause,
    )


def _parsed(text: str | None) -> JSON:
    return parse_json(text) if text else None
