"""``data-sync ls``: list all files and folders at a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode

from ..file_system import ListDataPathsHandler
from ..housekeeping.models import ListDataPathsRequest
from .arguments import PROGRAM, Parser, add_output_options, parse_path, parse_pattern
from .housekeeping import absolute_paths, add_separator, with_plain_log
from .messages import show_log
from .output import print_json, print_lines

_PROGRAM: Final = f"{PROGRAM} ls"

_DESCRIPTION: Final = """\
List all files and folders at a path, itself included, one on a line and sorted; folders end in a
slash. In JSON, as in the handler's answer, objects go by their keys, without the bucket.
"""

_EXAMPLES: Final = f"""\
examples:
  {_PROGRAM} s3://bucket/results/
  {_PROGRAM} --include '.*\\.csv$' --exclude 'draft/' results
"""


def run(arguments: Sequence[str]) -> ExitCode:
    """List what the arguments name."""
    options = _parser().parse_args(arguments)
    show_log(_PROGRAM, verbose=options.verbose)
    request = ListDataPathsRequest(
        path=options.path, include=options.include, exclude=options.exclude
    )
    answer = with_plain_log(ListDataPathsHandler()).handle(request)
    if options.json:
        print_json(answer)
    else:
        print_lines(absolute_paths(options.path, answer.paths), options.end)
    return ExitCode.DONE


def _parser() -> Parser:
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("path", metavar="PATH", type=parse_path, help="on S3, on EFS or local")
    for option, effect in (("--include", "list"), ("--exclude", "leave out")):
        parser.add_argument(
            option,
            metavar="REGEX",
            action="append",
            type=parse_pattern,
            help=f"{effect} what matches from the start of its path below PATH; may be repeated",
        )
    add_separator(add_output_options(parser))
    return parser
