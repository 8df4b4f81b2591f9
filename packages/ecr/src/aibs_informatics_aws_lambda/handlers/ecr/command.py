"""The command ``replicate-image``: its arguments, what it copies and its messages."""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, error_message
from aibs_informatics_aws_lambda.common.cli.output import print_to
from aibs_informatics_aws_lambda.common.cli.parser import CommandParser
from aibs_informatics_aws_lambda.common.collector import paused_collector
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .locations import parse_destination, parse_location
from .names import ImageTag
from .platforms import Platform
from .progress import show_progress
from .registry.protocol import RegistryClient
from .replication import Plan, Replication, make_plan
from .report import as_document, as_text
from .repository_copy import plan_tags
from .tag_selection import select_tags

T = TypeVar("T")

PROGRAM = "replicate-image"
_DISTRIBUTION = "aibs-informatics-aws-lambda-ecr"

_EPILOG = f"""\
examples:
  copy an image to another account and region, with a tag:
    {PROGRAM} 111122223333.dkr.ecr.us-east-1.amazonaws.com/team/image:v1 \\
      123456789012.dkr.ecr.us-west-2.amazonaws.com/team/image:v1

  show what would be copied:
    {PROGRAM} --dry-run SOURCE DESTINATION

  copy one platform and its signatures from a local registry:
    {PROGRAM} --platform linux/arm64 --include-referrers \\
      http://localhost:5000/image:v1 123456789012.dkr.ecr.us-west-2.amazonaws.com/image:v1

  copy the ten newest releases of a repository of Docker Hub:
    {PROGRAM} --tag-pattern 'v1.*' --newest 10 docker.io/team/image \\
      123456789012.dkr.ecr.us-west-2.amazonaws.com/mirror/image

exit status:
  0  success
  1  a registry denied a request or failed
  2  invalid arguments
  130, 143  interrupted, terminated

Blobs that exist at the destination are not copied again: to resume a failed or interrupted run,
run the same command. Tags are set last: a tag never refers to an incomplete image.
"""


def run() -> ExitCode:
    """Run the command with the arguments of the process, print the reports and return the status.

    Raises:
        Exception: the copy failed; see `format_error`.
    """
    parser = make_parser()
    options = parser.parse_args()
    _check(parser, options)
    _check_profiles(parser, options)
    _use_aws_options(options)
    documents = []
    for document in _copy(options):
        documents.append(document)
        if not options.json:
            text = as_text(document)
            print_to(sys.stdout, text if len(documents) == 1 else f"\n{text}")
    if options.json:
        printed = documents if _has_tag_options(options) else documents[0]
        print_to(sys.stdout, json.dumps(printed, indent=2))
    return ExitCode.DONE


def format_error(error: BaseException) -> str:
    """Return the message of an error, in one line."""
    if _is_missing_repository(error):
        return (
            f"{error_message(error)}. Check its name, account and region, or create it with "
            "aws ecr create-repository."
        )
    name = "" if is_self_explanatory(error) else f"{type(error).__name__}: "
    return f"{name}{error_message(error)}"


def is_self_explanatory(error: BaseException) -> bool:
    """Return whether the message of an error is written for users of the command."""
    return isinstance(error, ValueError) or _is_missing_repository(error)


def _is_missing_repository(error: BaseException) -> bool:
    # By its name, since only runs that use Amazon ECR import boto3, which creates the class.
    return type(error).__name__ == "RepositoryNotFoundException"


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Exit with a usage error if the arguments cannot be combined."""
    is_image = options.source.tag or options.source.digest
    if _has_tag_options(options):
        if is_image:
            parser.error(
                "--all-tags, --tag-pattern and --newest select tags: remove the tag and digest of "
                "SOURCE"
            )
        if options.destination.tag or options.tags:
            parser.error(
                "--all-tags, --tag-pattern and --newest copy the tags of the source: remove --tag "
                "and the tag of DESTINATION"
            )
    elif not is_image:
        parser.error(
            "SOURCE names no image: add :TAG or @DIGEST, or select tags with --all-tags, "
            "--tag-pattern or --newest"
        )


def _check_profiles(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Exit with a usage error if a profile is given for a side that sends no request to AWS."""
    for side in ("source", "destination"):
        profile, secret = (getattr(options, f"{side}_{name}") for name in ("profile", "secret"))
        if profile and not secret and not getattr(options, side).is_in_ecr:
            parser.error(
                f"--{side}-profile is for Amazon ECR and AWS Secrets Manager: "
                f"{side.upper()} is in another registry, and there is no --{side}-secret"
            )


def _use_aws_options(options: argparse.Namespace) -> None:
    """Set the environment variables that ``--profile`` and ``--region`` stand for."""
    if options.profile:
        os.environ["AWS_PROFILE"] = options.profile
        # Credentials in variables would take precedence over the profile.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
    if options.region:
        os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = options.region


def _has_tag_options(options: argparse.Namespace) -> bool:
    return bool(options.all_tags or options.tag_patterns or options.newest)


def _copy(options: argparse.Namespace) -> Iterator[JSONObject]:
    """Copy the images, and yield the report of each."""
    # Imports the clients of the registries, half of the start-up time.
    with paused_collector():
        source = options.source.connect(options.source_secret, options.source_profile)
        target = options.destination.connect(
            options.destination_secret, options.destination_profile
        )
    for plan, reference, tags in _plans(options, source):
        if options.dry_run:
            report = Replication(source, target).preview(plan, tags)
        else:
            with show_progress() as progress:
                report = Replication(source, target, progress).run(plan, tags)
        name = f"{source.uri}{'@' if ':' in reference else ':'}{reference}"
        yield as_document(report, name, target.uri, options.dry_run)


def _plans(
    options: argparse.Namespace, source: RegistryClient
) -> Iterator[tuple[Plan, str, Sequence[ImageTag]]]:
    """Yield the plan of each image, its reference in the source and the tags of the copy."""
    if _has_tag_options(options):
        patterns = ["*"] if options.all_tags and not options.newest else options.tag_patterns
        selected = select_tags(source, patterns, options.newest)
        for plan, tags in plan_tags(
            source, selected, options.platforms, options.include_referrers
        ):
            yield plan, tags[0], tags
        return
    reference = options.source.digest or options.source.tag
    root = source.get_manifest(reference)
    tags = [*filter(None, [options.destination.tag]), *options.tags]
    yield make_plan(source, root, options.platforms, options.include_referrers), reference, tags


def make_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = CommandParser(
        prog=PROGRAM,
        description="Copy a container image between registries, by digest, without Docker.\n"
        "A repository is given by its URI in Amazon ECR,\n"
        "ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME, or as HOST/NAME in another registry, such as\n"
        "docker.io/library/python or ghcr.io/OWNER/IMAGE (http://HOST/NAME without TLS).",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        type=_with_message(parse_location),
        help="the image to copy: a repository with :TAG or @DIGEST, or a repository with one of "
        "--all-tags, --tag-pattern and --newest",
    )
    parser.add_argument(
        "destination",
        metavar="DESTINATION",
        type=_with_message(parse_destination),
        help="the repository to copy to, optionally with :TAG; in Amazon ECR it must exist",
    )
    parser.add_argument(
        "--tag",
        "-t",
        dest="tags",
        metavar="TAG",
        action="append",
        default=[],
        type=_with_message(ImageTag),
        help="an additional tag of the copy; may be repeated",
    )
    parser.add_argument(
        "--platform",
        dest="platforms",
        metavar="OS/ARCHITECTURE",
        action="append",
        default=[],
        type=_with_message(Platform),
        help="a platform of an index to copy; may be repeated (default: all)",
    )
    parser.add_argument(
        "--all-tags", action="store_true", help="copy all tagged images of a repository"
    )
    parser.add_argument(
        "--tag-pattern",
        dest="tag_patterns",
        metavar="PATTERN",
        action="append",
        default=[],
        help="copy the images with a tag that matches a shell pattern, such as 'v1.*'; may be "
        "repeated",
    )
    parser.add_argument(
        "--newest",
        metavar="N",
        type=_with_message(_parse_count),
        help="copy only the N newest of the selected tags, by push date in Amazon ECR and by "
        "creation date of the image in other registries",
    )
    parser.add_argument(
        "--source-secret",
        metavar="SECRET",
        help="the name or ARN of a secret in AWS Secrets Manager with username and password (or "
        "accessToken) for the source registry (default: the credentials of docker login)",
    )
    parser.add_argument(
        "--destination-secret",
        metavar="SECRET",
        help="the same for the destination registry",
    )
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="the profile of the AWS configuration, for source and destination",
    )
    parser.add_argument(
        "--source-profile",
        metavar="NAME",
        help="the profile for the source, if that of the destination is another one",
    )
    parser.add_argument(
        "--destination-profile", metavar="NAME", help="the same for the destination"
    )
    parser.add_argument(
        "--region",
        metavar="NAME",
        help="AWS region of secrets given by name; repositories in Amazon ECR name their own",
    )
    parser.add_argument(
        "--include-referrers",
        action="store_true",
        help="also copy referrers of the image: signatures, attestations, SBOMs",
    )
    parser.add_argument(
        "--dry-run", "-n", action="store_true", help="show what would be copied; change nothing"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--debug", action="store_true", help="print the traceback of a failure")
    parser.add_version(_DISTRIBUTION)
    return parser


def _parse_count(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise ValueError(f"{text!r} is not a positive integer")
    return int(text)


def _with_message(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return an argparse type that shows the error message of `parse`."""

    def parse_argument(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse_argument
