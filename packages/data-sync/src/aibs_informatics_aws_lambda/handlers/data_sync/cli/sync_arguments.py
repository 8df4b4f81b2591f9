"""The arguments of ``data-sync SRC DST``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from aibs_informatics_aws_lambda.common.cli.errors import UsageError, in_one_line
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from .arguments import (
    PROGRAM,
    VERBS,
    Parser,
    add_output_options,
    not_negative,
    parse_path,
    parse_pattern,
    parse_size,
    positive,
)

Group: TypeAlias = argparse._ArgumentGroup

_USAGE: Final = f"""\
{PROGRAM} [options] SRC DST
       {PROGRAM} {{{" | ".join(VERBS)}}} ...      ({PROGRAM} ls --help, for example, says more)"""

_DESCRIPTION: Final = """\
Make DST equal to SRC. Only files that differ are transferred, many at a time.

A location is an S3 URI (s3://BUCKET/KEY), an EFS path (efs://fs-ID:/PATH) or a local path. Write a
file or folder that has the name of a verb as ./ls. Unlike in requests to the handlers, nothing is
deleted at DST unless --delete asks for it.

  ls PATH      list all files and folders        stale PATH   find what is old
  stats PATH   sum up what is there              rm PATH ...  remove files and folders
"""

_EXAMPLES: Final = f"""\
examples:
  a folder to S3, then whatever has changed in it, as a mirror:
    {PROGRAM} results s3://bucket/results/
    {PROGRAM} --delete results s3://bucket/results/

  what a mirror would move and delete:
    {PROGRAM} --delete --dry-run results s3://bucket/results/

  only tables, without those of drafts:
    {PROGRAM} --include '.*\\.csv' --exclude 'draft/.*' s3://bucket/results/ tables

  terabytes, in four processes:
    {PROGRAM} --jobs 4 s3://bucket/run-1/ /mnt/data/run-1
"""


def request_of(options: argparse.Namespace) -> DataSyncRequest:
    """Return the request that was asked for.

    Raises:
        UsageError: a value does not fit, or something was asked for that would not be done.
    """
    given = {name: v for name, v in vars(options).items() if name in DataSyncRequest.model_fields}
    staging = options.staging_folder
    try:
        request = DataSyncRequest.from_dict(
            {
                **given,
                "filter_config": _patterns(options),
                "remote_to_local_config": {
                    "use_custom_tmp_dir": staging is not None,
                    "custom_tmp_dir": staging,
                },
            }
        )
    except ValidationError as error:
        raise UsageError(in_one_line(error)) from error
    for problem in _problems(request, options):
        raise UsageError(problem)
    return request


def _patterns(options: argparse.Namespace) -> dict[str, Any] | None:
    if not options.include and not options.exclude:
        return None
    return {"include": options.include, "exclude": options.exclude}


def _problems(request: DataSyncRequest, options: argparse.Namespace) -> Iterator[str]:
    """Yield what was asked for and would not be done."""
    from_s3 = isinstance(request.source_path, S3Path)
    to_s3 = isinstance(request.destination_path, S3Path)
    if request.delete and not from_s3 and not to_s3:
        yield "from one local path to another nothing is deleted: leave --delete out"
    if not request.delete and (request.max_delete is not None or request.protect_excluded):
        yield "--max-delete and --protect-excluded are about --delete, which is not given"
    if not request.retain_source_data and from_s3 and not to_s3:
        yield "objects are not removed after a sync to local files: leave --move out"
    if request.require_lock and not (from_s3 and not to_s3):
        yield "--require-lock is for syncs from S3 to local files"
    if request.source_path_prefix and not (from_s3 and to_s3):
        yield "--source-prefix is for syncs from S3 to S3"
    if request.filter_config and not from_s3 and not to_s3:
        yield "from one local path to another there are no --include and --exclude"
    if options.batch_bytes and options.jobs == 1:
        yield "--batch-bytes is about --jobs, which is not given"
    if options.jobs > 1 and request.verify:
        yield "--verify compares in one process: leave --jobs out"


def _parse_source(text: str) -> DataLocation:
    if text in VERBS:
        raise argparse.ArgumentTypeError(
            f"{text} is a verb and comes first; a file or folder of that name is ./{text}"
        )
    return parse_path(text)


def make_parser() -> Parser:
    """Return the parser. Most options are stored under the names of the fields of the request."""
    parser = Parser(PROGRAM, _DESCRIPTION, _EXAMPLES, usage=_USAGE)
    parser.add_argument(
        "source_path", metavar="SRC", type=_parse_source, help="a folder, a file or an object"
    )
    parser.add_argument("destination_path", metavar="DST", type=parse_path, help="where it goes")
    _add_choice(parser.add_argument_group("what is synced"))
    _add_decisions(parser.add_argument_group("what is transferred"))
    _add_deletions(parser.add_argument_group("what is deleted"))
    _add_conduct(parser.add_argument_group("how it is done"))
    output = add_output_options(parser)
    output.add_argument(
        "--quiet", "-q", action="store_true", help="show no progress, and no counts at the end"
    )
    return parser


def _add_choice(group: Group) -> None:
    group.add_argument(
        "--include",
        metavar="REGEX",
        action="append",
        type=parse_pattern,
        help="sync what matches, with its whole path below SRC or --filter-root; may be repeated",
    )
    group.add_argument(
        "--exclude",
        metavar="REGEX",
        action="append",
        type=parse_pattern,
        help="leave out what matches, whatever is included; may be repeated",
    )
    group.add_argument(
        "--filter-root", metavar="PATH", help="what patterns are relative to (default: SRC)"
    )
    group.add_argument(
        "--source-prefix",
        metavar="PREFIX",
        dest="source_path_prefix",
        help="S3 to S3: cut this off the keys, instead of SRC itself",
    )
    group.add_argument(
        "--ignore-missing",
        dest="fail_if_missing",
        action="store_false",
        help="do nothing, and succeed, if there is nothing at SRC",
    )


def _add_decisions(group: Group) -> None:
    group.add_argument(
        "--size-only",
        action="store_true",
        help="go by sizes and times, and leave checksums out of it",
    )
    group.add_argument(
        "--force", action="store_true", help="transfer everything, whatever DST has"
    )


def _add_deletions(group: Group) -> None:
    group.add_argument(
        "--delete",
        action="store_true",
        help="delete at DST what the filtered SRC does not have; off by default here, and on by "
        "default in requests to the handlers",
    )
    group.add_argument(
        "--max-delete",
        metavar="N|SHARE",
        help="fail before anything changes if more would be deleted: a number, or a share of "
        "DST (0.05 or 5%%)",
    )
    group.add_argument(
        "--protect-excluded",
        action="store_true",
        default=None,
        help="keep at DST what --include and --exclude leave out",
    )
    group.add_argument(
        "--move",
        dest="retain_source_data",
        action="store_false",
        help="remove at SRC what was synced, when all of it is at DST",
    )


def _add_conduct(group: Group) -> None:
    group.add_argument(
        "--dry-run",
        "-n",
        action="store_true",
        default=None,
        help="tell what would be done; change nothing",
    )
    group.add_argument(
        "--verify",
        action="store_true",
        default=None,
        help="compare SRC and DST by their contents; change nothing",
    )
    group.add_argument(
        "--report",
        metavar="PATH",
        dest="report_path",
        type=parse_path,
        help="write there what was done, or would be, with each entry: JSON Lines",
    )
    group.add_argument(
        "--max-concurrency",
        metavar="N",
        type=positive,
        default=DataSyncRequest.model_fields["max_concurrency"].default,
        help="transfers at a time, in each process (default: %(default)s)",
    )
    group.add_argument(
        "--jobs",
        "-j",
        metavar="N",
        type=positive,
        default=1,
        help="divide the sync into batches, and run them in up to N processes",
    )
    group.add_argument(
        "--batch-bytes",
        metavar="SIZE",
        type=parse_size,
        help="of a batch, such as 500MB; a larger folder is divided (default: 16GiB, or more if "
        "there would be very many small files among the parts)",
    )
    group.add_argument(
        "--require-lock",
        action="store_true",
        help="S3 to local: wait until no other sync with a lock is at DST",
    )
    group.add_argument(
        "--staging-folder",
        metavar="PATH",
        type=parse_path,
        help="put a single object together in this folder, not beside DST",
    )
    group.add_argument(
        "--fsync",
        action="store_true",
        default=None,
        help="have local files on the disk before they are in their location",
    )
    group.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=not_negative,
        help="stop after so long; the same command goes on from there",
    )
