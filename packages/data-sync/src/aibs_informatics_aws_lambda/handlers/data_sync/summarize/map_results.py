"""Results of the child executions of a Distributed Map, as Step Functions writes them.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from collections.abc import Iterator
from typing import NamedTuple

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSON, parse_json
from aibs_informatics_aws_lambda.common.s3 import S3Path, download_to_json_object

from ..stored_lists import read_list

_MANIFEST = "manifest.json"
# In the order of the results; child executions that were not started come last.
_STATUSES = ("SUCCEEDED", "FAILED", "PENDING")


class ChildResult(NamedTuple):
    """Result of one child execution.

    Args:
        succeeded: whether it succeeded; false if it was never started.
        input: its input; `None` if Step Functions left it out.
        output: its output, if it succeeded.
        error: the name of its error, if it did not succeed.
        cause: the cause of its error.
    """

    succeeded: bool
    input: JSON
    output: JSON
    error: str
    cause: str


def read_map_results(location: S3Path) -> Iterator[ChildResult]:
    """Yield the results of all child executions of a Map Run, successful ones first.

    Args:
        location: the manifest, or the prefix that the Map Run writes to.

    Raises:
        ResourceNotFoundError: the manifest does not exist.
        ValidationError: there are several manifests, or the document is not a manifest.
        AWSError: a request to S3 failed.
    """
    manifest = location if location.name == _MANIFEST else _find_manifest(location)
    document = download_to_json_object(manifest)
    files = document.get("ResultFiles")
    if not isinstance(files, dict):
        raise ValidationError(
            f"{manifest} is not the manifest of a Map Run: it has no ResultFiles"
        )
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
        raise ResourceNotFoundError(
            f"no {_MANIFEST} of a Map Run below {prefix}: check results_path"
        )
    if len(found) > 1:
        raise ValidationError(
            f"several Map Runs have results below {prefix}: give the manifest of one"
        )
    return S3Path.build(prefix.bucket, found[0])


def _result(child: dict[str, str], status: str) -> ChildResult:
    if status == "PENDING":
        error, cause = "NotStarted", "the state machine ended before this batch was started"
    else:
        # Timed out and aborted executions are among the failed ones, without an error.
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
