"""``data-sync ls``: list all files and folders below a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode

from ..file_system import ListDataPathsHandler
from ..housekeeping.models import ListDataPathsRequest
from .arguments import PROGRAM, Parser, add_output_options, parse_path, parse_pattern
from .housekeeping import absolute_paths, add_separator, with_plain_log
from .messages import configure_logging
from .output import print_json, print_lines

_PROGRAM: Final = f"{PROGRAM} ls"

_DESCRIPTION: Final = """\
List a path and all files and folders below it, sorted, one per line. Folders end in a slash.
Objects are listed as S3 URIs, with --json as keys without the bucket.
"""

_EXAMPLES: Final = f"""\
examples:
  {_PROGRAM} s3://bucket/results/
  {_PROGRAM} --include '.*\\.csv$' --exclude 'draft/' results
"""


def run(arguments: Sequence[str]) -> ExitCode:
    """List the path given by the arguments."""
    options = _parser().parse_args(arguments)
    configure_logging(_PROGRAM, verbose=options.verbose)
    request = ListDataPathsRequest(
        path=options.path, include=options.include, exclude=options.exclude
    )
    response = with_plain_log(ListDataPathsHandler()).handle(request)
    if options.json:
        print_json(response)
    else:
        print_lines(absolute_paths(options.path, response.paths), options.end)
    return ExitCode.DONE


def _parser() -> Parser:
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES)
    parser.add_argument(
        "path", metavar="PATH", type=parse_path, help="S3 URI, EFS path or local path"
    )
    for option, effect in (("--include", "list only"), ("--exclude", "skip")):
        parser.add_argument(
            option,
            metavar="REGEX",
            action="append",
            type=parse_pattern,
            help=f"{effect} paths, relative to PATH, that match from the start; repeatable",
        )
    add_separator(add_output_options(parser))
    return parser
