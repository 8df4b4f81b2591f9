"""The command ``replicate-image``: copy an image from registry to registry."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TypeVar

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, in_one_line
from aibs_informatics_aws_lambda.common.cli.output import print_to
from aibs_informatics_aws_lambda.common.cli.process import run_as_process
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .locations import parse_destination, parse_source
from .names import ImageTag
from .platforms import Platform
from .progress import show_progress
from .replication import Replication, make_plan
from .report import as_document, as_text

T = TypeVar("T")

_PROGRAM = "replicate-image"

_EPILOG = f"""\
examples:
  to another account and region, under a tag:
    {_PROGRAM} 111122223333.dkr.ecr.us-east-1.amazonaws.com/team/image:v1 \\
      123456789012.dkr.ecr.us-west-2.amazonaws.com/team/image:v1

  what would be moved:
    {_PROGRAM} --dry-run SOURCE DESTINATION

  one platform, with signatures, from a registry without login:
    {_PROGRAM} --platform linux/arm64 --include-referrers \\
      http://localhost:5000/image:v1 123456789012.dkr.ecr.us-west-2.amazonaws.com/image:v1

exit status:
  0  done        1  a registry refused or failed        2  wrong arguments

What is in the destination already is not moved again, so a run that failed or was interrupted is
repeated by the same command. Tags come last: an image that is found by its tag is whole.
"""


def main() -> int:
    """Run the command with the arguments of the process and return its exit status.

    Each failure is one line on stderr, after its traceback if ``--debug`` asks for it.
    """
    return run_as_process(
        _PROGRAM, _run, in_words=_in_words, if_stopped="; the same command goes on from here"
    )


def _run() -> ExitCode:
    options = _parser().parse_args()
    document = _copy(options)
    text = json.dumps(document, indent=2) if options.json else as_text(document)
    print_to(sys.stdout, text)
    return ExitCode.DONE


def _in_words(error: BaseException) -> str:
    name = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return f"{name}{in_one_line(error)}"


def _copy(options: argparse.Namespace) -> JSONObject:
    source, target = options.source.open(), options.destination.open()
    reference = options.source.digest or options.source.tag
    root = source.get_manifest(reference)
    plan = make_plan(source, root, options.platforms, options.include_referrers)
    tags = [*filter(None, [options.destination.tag]), *options.tags]
    if options.dry_run:
        report = Replication(source, target).preview(plan, tags)
    else:
        with show_progress() as progress:
            report = Replication(source, target, progress).run(plan, tags)
    name = f"{source.uri}{'@' if options.source.digest else ':'}{reference}"
    return as_document(report, name, target.uri, options.dry_run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Copy a container image from one registry to another, by digest, without "
        "Docker.\nThe place of a repository is its URI in Amazon ECR,\n"
        "ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME, or, where no login is needed, its URL,\n"
        "https://HOST/NAME.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        type=_with_message(parse_source),
        help="the image: the place of its repository, and :TAG or @DIGEST",
    )
    parser.add_argument(
        "destination",
        metavar="DESTINATION",
        type=_with_message(parse_destination),
        help="the repository to copy to, which has to exist, and perhaps :TAG",
    )
    parser.add_argument(
        "--tag",
        "-t",
        dest="tags",
        metavar="TAG",
        action="append",
        default=[],
        type=_with_message(ImageTag),
        help="a further tag of the copy; may be repeated",
    )
    parser.add_argument(
        "--platform",
        dest="platforms",
        metavar="OS/ARCHITECTURE",
        action="append",
        default=[],
        type=_with_message(Platform),
        help="copy this platform of an index, by default all; may be repeated",
    )
    parser.add_argument(
        "--include-referrers",
        action="store_true",
        help="copy signatures, attestations and all else that refers to the image",
    )
    parser.add_argument(
        "--dry-run", "-n", action="store_true", help="tell what would be moved; change nothing"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    return parser


def _with_message(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return a type for argparse that has it show the message of `parse`."""

    def parse_argument(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse_argument


if __name__ == "__main__":
    sys.exit(main())
