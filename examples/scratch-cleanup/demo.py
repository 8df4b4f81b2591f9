"""Propose a removal, approve it, and keep what has been used in between."""

import json
import os
import time
from pathlib import Path

from aibs_informatics_aws_lambda.common import DefaultLambdaContext, get_client
from cleanup import propose, remove

OLD = time.time() - 40 * 24 * 3600


def main(folder: Path) -> None:
    s3 = get_client("s3")
    get_client("ses").verify_email_identity(EmailAddress="scratch@example.org")
    location = {"LocationConstraint": os.environ["AWS_REGION"]}
    s3.create_bucket(Bucket="approvals", CreateBucketConfiguration=location)
    scratch = folder / "scratch"
    for run in ("run-1", "run-2", "run-3"):
        (scratch / run).mkdir(parents=True)
        (scratch / run / "data.bin").write_bytes(bytes(1000))
        if run != "run-3":
            os.utime(scratch / run / "data.bin", (OLD, OLD))
    os.environ |= {
        "APPROVER": "ann@example.org",
        "BUCKET": "approvals",
        "DATA_REMOVE_ROOTS": str(scratch),
        "SOURCE_EMAIL_ADDRESS": "scratch@example.org",
    }

    request = {"path": str(scratch), "days": 30, "name": "2026-01-31"}
    proposal = propose(request, DefaultLambdaContext())
    print("Proposed:", [Path(path).name for path in proposal["paths"]])

    (scratch / "run-2" / "data.bin").write_text("in use again")
    key = "approved/2026-01-31.json"
    source = {"Bucket": "approvals", "Key": "proposed/2026-01-31.json"}
    s3.copy_object(Bucket="approvals", Key=key, CopySource=source)
    print("Failures:", remove(approval(key), DefaultLambdaContext())["batchItemFailures"])
    print("Kept:", sorted(path.name for path in scratch.iterdir()))


def approval(key: str) -> dict:
    """Return the event of the function: a message in SQS that S3 has sent."""
    created = {
        "eventName": "ObjectCreated:Copy",
        "eventTime": "2026-01-31T12:00:00.000Z",
        "awsRegion": os.environ["AWS_REGION"],
        "s3": {"bucket": {"name": "approvals"}, "object": {"key": key, "size": 1, "eTag": "e"}},
    }
    body = json.dumps({"Records": [created]})
    return {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": body}]}
