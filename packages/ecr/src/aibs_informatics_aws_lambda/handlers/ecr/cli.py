"""The ``replicate-image`` command: copy an image between registries."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TypeVar

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, error_message
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
  copy an image to another account and region, with a tag:
    {_PROGRAM} 111122223333.dkr.ecr.us-east-1.amazonaws.com/team/image:v1 \\
      123456789012.dkr.ecr.us-west-2.amazonaws.com/team/image:v1

  show what would be copied:
    {_PROGRAM} --dry-run SOURCE DESTINATION

  copy one platform and its signatures from a local registry:
    {_PROGRAM} --platform linux/arm64 --include-referrers \\
      http://localhost:5000/image:v1 123456789012.dkr.ecr.us-west-2.amazonaws.com/image:v1

exit status:
  0  success
  1  a registry denied a request or failed
  2  invalid arguments

Blobs that exist at the destination are not copied again: to resume a failed or interrupted run,
run the same command. Tags are set last, so that a tag never refers to an incomplete image.
"""


def main() -> int:
    """Run the command with the arguments of the process and return the exit status.

    A failure is printed to stderr as one line, after the traceback with ``--debug``.
    """
    return run_as_process(
        _PROGRAM, _run, format_error=_format_error, stop_hint="; run the same command to resume"
    )


def _run() -> ExitCode:
    options = _parser().parse_args()
    document = _copy(options)
    text = json.dumps(document, indent=2) if options.json else as_text(document)
    print_to(sys.stdout, text)
    return ExitCode.DONE


def _format_error(error: BaseException) -> str:
    name = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return f"{name}{error_message(error)}"


def _copy(options: argparse.Namespace) -> JSONObject:
    source, target = options.source.connect(), options.destination.connect()
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
        description="Copy a container image between registries, by digest, without Docker.\n"
        "A repository is given by its URI in Amazon ECR,\n"
        "ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME, or by its URL in a registry without login,\n"
        "https://HOST/NAME.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        type=_with_message(parse_source),
        help="the image to copy: a repository with :TAG or @DIGEST",
    )
    parser.add_argument(
        "destination",
        metavar="DESTINATION",
        type=_with_message(parse_destination),
        help="the repository to copy to, which must exist, optionally with :TAG",
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
        "--include-referrers",
        action="store_true",
        help="also copy referrers of the image: signatures, attestations, SBOMs",
    )
    parser.add_argument(
        "--dry-run", "-n", action="store_true", help="show what would be copied; change nothing"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--debug", action="store_true", help="print the traceback of a failure")
    return parser


def _with_message(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return an argparse type that shows the error message of `parse`."""

    def parse_argument(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse_argument


if __name__ == "__main__":
    sys.exit(main())
