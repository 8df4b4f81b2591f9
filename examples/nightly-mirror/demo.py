"""Two nights: one that mirrors, and one on which the file system is not mounted."""

import os
from pathlib import Path

from aibs_informatics_aws_lambda.common import DefaultLambdaContext, get_client
from mirror import handler


def main(folder: Path) -> None:
    get_client("ses").verify_email_identity(EmailAddress="mirror@example.org")
    get_client("s3").create_bucket(
        Bucket="mirror",
        CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_REGION"]},
    )
    os.environ |= {"SOURCE_EMAIL_ADDRESS": "mirror@example.org", "RECIPIENT": "ann@example.org"}
    projects = folder / "projects"
    projects.mkdir()
    for name in ("a.csv", "b.csv"):
        (projects / name).write_text(name)
    night = {"source_path": str(projects), "destination_path": "s3://mirror/projects/"}

    print("First night:", handler(night, DefaultLambdaContext()))

    projects.rename(folder / "not-mounted")
    try:
        handler(night, DefaultLambdaContext())
    except Exception as error:
        print("Second night:", type(error).__name__)
    sent = get_client("ses").get_send_quota()["SentLast24Hours"]
    print("Mails sent:", int(sent))
