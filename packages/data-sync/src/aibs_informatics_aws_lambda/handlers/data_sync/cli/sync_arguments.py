"""Arguments of ``data-sync SRC DST``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.paths import DataLocation

from . import arguments
from .connection import add_connection_options
from .filters import add_file_filters, add_filter_options
from .limit_options import add_backup, add_bandwidth, add_limits
from .object_options import add_object_options

Group: TypeAlias = argparse._ArgumentGroup

_USAGE: Final = f"""\
{arguments.PROGRAM} [options] SRC DST
       {arguments.PROGRAM} VERB ...      (see {arguments.PROGRAM} VERB --help)"""

_DESCRIPTION: Final = f"""\
Sync SRC to DST: transfer files that are missing or differ at DST, in parallel. Extraneous files at
DST are deleted only with --delete.

examples:
  upload a folder:               {arguments.PROGRAM} results s3://bucket/results/
  show what a mirror would do:   {arguments.PROGRAM} --delete --dry-run results s3://bucket/results/
  plan a mirror, and do it:      {arguments.PROGRAM} --delete --plan p.jsonl results s3://bucket/results/
                                 {arguments.PROGRAM} apply p.jsonl
  download CSV files:            {arguments.PROGRAM} --include '*.csv' s3://bucket/results/ tables
  mirror, but keep logs at DST:  {arguments.PROGRAM} --delete --exclude '*.log' results s3://bucket/r/
  read a public bucket:          {arguments.PROGRAM} --no-sign-request s3://bucket/data/ data
"""

_VERIFY: Final = f"""\
Compare the contents of SRC and DST, without any change, and name each file that is different,
missing at DST, or only there (extra). The exit status is 4 if there is any.

The options are those of a sync: filters, selection, connection, report and output apply. With
--delete-excluded, excluded files at DST are named too. Options that choose what is transferred or
deleted, such as --force and --delete, are refused.

examples:
  {arguments.PROGRAM} verify results s3://bucket/results/
  {arguments.PROGRAM} verify --exclude '*.log' results s3://bucket/results/
  {arguments.PROGRAM} verify --report differences.jsonl s3://bucket/results/ s3://archive/results/
"""

_PLAN: Final = f"""\
Show what a sync with these options would do, without any change, as --dry-run does. With --plan
FILE, {arguments.PROGRAM} apply FILE then does exactly that.

examples:
  {arguments.PROGRAM} plan --delete results s3://bucket/results/
  {arguments.PROGRAM} plan --delete --plan mirror.jsonl results s3://bucket/results/
"""

_VERBS: Final = """\
verbs:
  sync SRC DST      the same, with the verb      ls [PATH]         list files and folders
  cp SRC... DST     copy files or folders        cat SRC...        write files to stdout
  mv SRC... DST     move files or folders        stats (du) PATH   show total sizes and counts
  verify SRC DST    compare contents (check)     stale PATH        find old files and folders
  plan SRC DST      show what a sync would do    rm PATH...        remove files and objects
  apply FILE        do what a plan says          probe S3_PREFIX   try what a service supports
  completion SHELL  completion for a shell

SRC and DST are S3 URIs (s3://BUCKET/KEY), EFS paths (efs://fs-ID:/PATH) or local paths (./ls for a
file with the name of a verb). To continue after an interruption, run the same command again.
"""


_HELP: Final = {"verify": _VERIFY, "plan": _PLAN}
_RECURSIVE: Final = frozenset({"-r", "-R", "--recursive"})


def _parse_source(text: str) -> DataLocation:
    if text in arguments.MODULES:
        raise argparse.ArgumentTypeError(
            f"{text} is a verb and must come first; write a file of that name as ./{text}"
        )
    if "/" not in text and not Path(text).exists():
        # Only for what may be a mistake.
        from .foreign_options import find_verb

        if similar := find_verb(text, arguments.MODULES):
            raise argparse.ArgumentTypeError(
                f"{text} is neither a verb nor a file or folder; did you mean {similar}?"
            )
    return arguments.parse_path(text)


class _Parser(arguments.Parser):
    """Knows mistakes of those who come from other commands."""

    def suggestion(self, message: str) -> str:
        """Return a hint for a message about arguments, or nothing."""
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown == message:
            return ""
        if _RECURSIVE.intersection(unknown.split()):
            return ": a sync includes subfolders, leave it out"
        if not unknown.startswith("-"):
            return f": a sync has one SRC and one DST; {arguments.PROGRAM} cp takes more sources"
        return super().suggestion(message)


def make_parser(verb: str = "sync") -> arguments.Parser:
    """Return the parser, which stores most options under the names of request fields.

    Args:
        verb: ``sync``, ``verify`` or ``plan``.
    """
    if verb == "sync":
        parser = _Parser(arguments.PROGRAM, _DESCRIPTION, _VERBS, usage=_USAGE)
    else:
        program = f"{arguments.PROGRAM} {verb}"
        parser = _Parser(program, _HELP[verb], "", usage=f"{program} [options] SRC DST")
    parser.add_argument(
        "source_path",
        metavar="SRC",
        type=_parse_source,
        help="source: a folder, file, prefix or object",
    )
    parser.add_argument(
        "destination_path", metavar="DST", type=arguments.parse_path, help="destination"
    )
    add_filter_options(parser.add_argument_group("filters"))
    add_file_filters(parser.add_argument_group("selection"))
    _add_comparison(parser.add_argument_group("comparison"))
    _add_deletions(parser.add_argument_group("deletion"))
    _add_execution(parser.add_argument_group("execution"))
    add_connection_options(parser, has_sides=True)
    arguments.add_output_options(parser, has_quiet=True)
    add_object_options(parser.add_rarely_used("storage of objects in S3"))
    add_limits(parser.add_rarely_used("limits"))
    _add_tuning(parser.add_rarely_used("tuning"))
    return parser


def _add_comparison(group: Group) -> None:
    group.add_argument(
        "--size-only",
        action="store_true",
        help="compare sizes and modification times, but not checksums",
    )
    group.add_argument(
        "--checksum",
        dest="ignore_times",
        action="store_true",
        default=None,
        help="compare sizes and checksums, but not modification times",
    )
    group.add_argument(
        "--force", action="store_true", help="transfer all files, even unchanged ones"
    )
    existing = group.add_mutually_exclusive_group()
    for option, value, text in (
        ("--update", "update", "do not replace files at DST that are newer"),
        ("--ignore-existing", "ignore", "do not replace files at DST at all"),
        ("--immutable", "immutable", "fail if files at DST differ, before any change if possible"),
    ):
        existing.add_argument(
            option, dest="existing", action="store_const", const=value, help=text
        )


def _add_deletions(group: Group) -> None:
    group.add_argument(
        "--delete",
        action="store_true",
        help="delete extraneous files at DST, but not excluded ones (default: off)",
    )
    group.add_argument(
        "--max-delete",
        metavar="N|SHARE",
        help="fail before any change if more would be deleted; such as 100 or 5%%",
    )
    group.add_argument(
        "--delete-excluded", action="store_true", help="with --delete: delete excluded files too"
    )
    # The default by now.
    group.add_argument("--protect-excluded", action="store_true", help=argparse.SUPPRESS)
    add_backup(group)
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
        help=f"write the plan of a dry run, for {arguments.PROGRAM} apply",
    )
    group.add_argument(
        "--switch",
        action="store_true",
        default=None,
        help="write to a new folder, or in S3 prefix, which replaces DST at the end",
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
        help="write actions to PATH as JSON Lines (- is stdout); charts to PATH.html",
    )
    group.add_argument(
        "--preserve",
        action="store_true",
        default=None,
        help="keep mode, owner and times of files; in S3 as rclone --metadata",
    )
    group.add_argument(
        "--jobs",
        "-j",
        metavar="N",
        type=arguments.positive,
        default=1,
        help="split the sync into batches of folders that run in up to N processes",
    )
    add_bandwidth(group)


def _add_tuning(group: Group) -> None:
    group.add_argument(
        "--stores",
        action="store_true",
        default=None,
        help="show stores, such as Zarr arrays, as single items",
    )
    group.add_argument(
        "--fail-fast",
        dest="continue_on_error",
        action="store_false",
        default=True,
        help="stop at the first file that fails, instead of syncing the others",
    )
    group.add_argument(
        "--inventory",
        metavar="URI",
        type=arguments.parse_path,
        help="list SRC by the manifest.json of an S3 Inventory report, without LIST requests",
    )
    group.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=arguments.not_negative,
        help="stop after this time; run the same command again to continue",
    )
    cache = group.add_mutually_exclusive_group()
    cache.add_argument(
        "--checksum-cache",
        metavar="FILE",
        type=arguments.parse_path,
        help="remember checksums of local files here, so that unchanged files are not read again "
        "(default: ~/.cache/data-sync/checksums.sqlite)",
    )
    cache.add_argument(
        "--no-checksum-cache",
        dest="checksum_cache",
        action="store_const",
        const=False,
        help="read all files that are compared",
    )
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
        "--skip-archived",
        action="store_true",
        default=None,
        help="leave out archived objects, which must be restored before they can be read",
    )
    group.add_argument(
        "--ignore-missing",
        dest="fail_if_missing",
        action="store_false",
        help="succeed if SRC does not exist",
    )
    group.add_argument(
        "--max-concurrency",
        metavar="N",
        type=arguments.positive,
        default=argparse.SUPPRESS,
        help="number of parallel transfers, of all processes together (default: 25, and more "
        "if S3 is distant)",
    )
    group.add_argument(
        "--batch-bytes",
        metavar="SIZE",
        type=arguments.parse_size,
        help="maximum size of a batch, such as 500MB; larger folders are split (default: "
        "16GiB, less for a smaller tree, or more for folders of very many small files)",
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
