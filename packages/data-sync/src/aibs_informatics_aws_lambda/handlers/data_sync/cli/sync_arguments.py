"""Arguments of ``data-sync SRC DST``."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.paths import DataLocation

from . import arguments
from .connection import add_connection_options
from .filter_rules import add_file_filters, add_filter_options

Group: TypeAlias = argparse._ArgumentGroup

_USAGE: Final = f"""\
{arguments.PROGRAM} [options] SRC DST
       {arguments.PROGRAM} VERB ...      (see {arguments.PROGRAM} VERB --help)"""

_DESCRIPTION: Final = """\
Sync SRC to DST. Only files that are missing or differ at DST are transferred, in parallel.
Extraneous files at DST are deleted only with --delete.

SRC and DST are S3 URIs (s3://BUCKET/KEY), EFS paths (efs://fs-ID:/PATH) or local paths. A file or
folder with the name of a verb is written ./ls.

verbs:
  sync SRC DST      the same, with the verb      ls [PATH]         list files and folders
  cp SRC... DST     copy files or folders        cat SRC...        write files to stdout
  mv SRC... DST     move files or folders        stats (du) PATH   show total sizes and counts
  verify SRC DST    compare contents (check)     stale PATH        find old files and folders
  rm PATH...        remove files, folders and objects
"""

_EXAMPLES: Final = f"""\
examples:
  upload a folder, and later mirror it:
    {arguments.PROGRAM} results s3://bucket/results/
    {arguments.PROGRAM} --delete results s3://bucket/results/

  show what a mirror would transfer and delete:
    {arguments.PROGRAM} --delete --dry-run results s3://bucket/results/

  download CSV files, except drafts:
    {arguments.PROGRAM} --include '*.csv' --exclude draft s3://bucket/results/ tables

  download with four processes:
    {arguments.PROGRAM} --jobs 4 s3://bucket/run-1/ /mnt/data/run-1
"""


def _parse_source(text: str) -> DataLocation:
    if text in arguments.MODULES:
        raise argparse.ArgumentTypeError(
            f"{text} is a verb and must come first; write a file of that name as ./{text}"
        )
    similar = difflib.get_close_matches(text, arguments.MODULES, 1)
    if similar and not Path(text).exists():
        raise argparse.ArgumentTypeError(
            f"{text} is neither a verb nor a file or folder; did you mean {similar[0]}?"
        )
    return arguments.parse_path(text)


def make_parser() -> arguments.Parser:
    """Return the parser, which stores most options under the names of request fields."""
    parser = arguments.Parser(arguments.PROGRAM, _DESCRIPTION, _EXAMPLES, usage=_USAGE)
    parser.add_argument(
        "source_path",
        metavar="SRC",
        type=_parse_source,
        help="source: a folder, file, prefix or object",
    )
    parser.add_argument(
        "destination_path", metavar="DST", type=arguments.parse_path, help="destination"
    )
    add_filter_options(parser)
    selection = parser.add_argument_group("selection")
    add_file_filters(selection)
    _add_selection(selection)
    _add_comparison(parser.add_argument_group("comparison"))
    _add_deletions(parser.add_argument_group("deletion"))
    _add_execution(parser.add_argument_group("execution"))
    add_connection_options(parser)
    arguments.add_output_options(parser, has_quiet=True)
    return parser


def _add_selection(group: Group) -> None:
    group.add_argument(
        "--filter-root", metavar="PATH", help="path that filters are relative to (default: SRC)"
    )
    group.add_argument(
        "--source-prefix",
        metavar="PREFIX",
        dest="source_path_prefix",
        help="S3 to S3: strip this prefix from source keys, instead of the key of SRC",
    )
    group.add_argument(
        "--ignore-missing",
        dest="fail_if_missing",
        action="store_false",
        help="succeed if SRC does not exist",
    )


def _add_comparison(group: Group) -> None:
    group.add_argument(
        "--size-only",
        action="store_true",
        help="compare sizes and modification times, but not checksums",
    )
    group.add_argument(
        "--force", action="store_true", help="transfer all files, even unchanged ones"
    )


def _add_deletions(group: Group) -> None:
    group.add_argument(
        "--delete",
        action="store_true",
        help="delete extraneous files at DST, but no excluded ones (default: off)",
    )
    group.add_argument(
        "--max-delete",
        metavar="N|SHARE",
        help="fail before any change if more files would be deleted: a number, or a share of the "
        "files at DST (0.05 or 5%%)",
    )
    group.add_argument(
        "--delete-excluded", action="store_true", help="with --delete: delete excluded files too"
    )
    # The default by now.
    group.add_argument("--protect-excluded", action="store_true", help=argparse.SUPPRESS)
    group.add_argument(
        "--move",
        dest="retain_source_data",
        action="store_false",
        help="remove the synced files from SRC after the whole sync has succeeded",
    )


def _add_execution(group: Group) -> None:
    group.add_argument(
        "--dry-run",
        "-n",
        action="store_true",
        default=None,
        help="show what would be done without any change",
    )
    group.add_argument(
        "--plan",
        metavar="FILE",
        dest="plan_file",
        type=Path,
        help=f"with --dry-run, which it implies: write the plan, for {arguments.PROGRAM} apply",
    )
    group.add_argument(
        "--verify",
        action="store_true",
        default=None,
        help="compare the contents of SRC and DST without any change",
    )
    group.add_argument(
        "--report",
        metavar="PATH",
        dest="report_path",
        type=arguments.parse_path,
        help="write the action for each file to PATH as JSON Lines",
    )
    group.add_argument(
        "--fail-fast",
        dest="continue_on_error",
        action="store_false",
        default=True,
        help="stop at the first file that fails, instead of syncing the others",
    )
    group.add_argument(
        "--max-concurrency",
        metavar="N",
        type=arguments.positive,
        default=argparse.SUPPRESS,
        help="number of parallel transfers of each process (default: 25)",
    )
    group.add_argument(
        "--jobs",
        "-j",
        metavar="N",
        type=arguments.positive,
        default=1,
        help="split the sync into batches that run in up to N processes",
    )
    group.add_argument(
        "--batch-bytes",
        metavar="SIZE",
        type=arguments.parse_size,
        help="maximum size of a batch, such as 500MB; larger folders are split (default: 16GiB, "
        "or more for folders of very many small files)",
    )
    group.add_argument(
        "--require-lock",
        action="store_true",
        help="S3 to local: wait for other syncs to DST that use this option",
    )
    group.add_argument(
        "--staging-folder",
        metavar="PATH",
        type=arguments.parse_path,
        help="download a single object to this directory, then rename it to DST",
    )
    group.add_argument(
        "--fsync",
        action="store_true",
        default=None,
        help="fsync each local file before it is renamed to its final name",
    )
    group.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=arguments.not_negative,
        help="stop after this time; run the same command again to continue",
    )
