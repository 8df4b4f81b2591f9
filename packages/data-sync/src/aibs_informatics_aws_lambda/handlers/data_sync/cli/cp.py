"""``data-sync cp SRC... DST``: copy files and objects."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.cli.errors import CommandError, ExitCode, UsageError
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..sync.request import SyncRequest
from ..sync.result import Counts, add_counts, as_counts_model
from .arguments import PROGRAM, Parser, add_output_options
from .connection import (
    add_connection_options,
    find_side_connection,
    use_connection,
)
from .copy_requests import CopyOptions, make_requests
from .failed_files import FailedFiles
from .limit_options import add_backup, add_bandwidth, add_limits, given_limits
from .messages import configure_logging
from .object_options import add_object_options, make_settings
from .object_reader import VERSION, ObjectReader
from .output import print_json, print_lines
from .progress import watch
from .summary import count_requests, format_counts

if TYPE_CHECKING:
    from ..sync.engine import Engine
    from ..sync.planner import Plan
    from ..sync.result import SyncResponse

_STREAM = "-"

_DESCRIPTION = {
    "cp": """\
Copy files, objects and, with -r, folders and prefixes. Existing files are replaced.
""",
    "mv": """\
Move files, objects and, with -r, folders and prefixes: copy them, then remove the sources.
Objects cannot be moved to local paths: copy them, then remove them with rm.
""",
}

_RULES = """\
Several sources, and sources with wildcards, are copied into the folder DST, and so is a single
source if DST is an existing local folder or a bucket, or ends in a slash; otherwise DST is the new
name. With wildcards, objects keep the part of their keys from the first wildcard on.
"""

_EXAMPLES = {
    "cp": """\
examples:
  {program} report.pdf s3://bucket/reports/
  {program} s3://bucket/run-1/x.csv x-1.csv
  {program} 's3://bucket/run-*/x.csv' tables/
  {program} -r results s3://bucket/archive/
  {program} 's3://bucket/table.csv?versionId=VERSION' table-before.csv
  zcat table.csv.gz | {program} - s3://bucket/table.csv
""",
    "mv": """\
examples:
  {program} report.pdf s3://bucket/reports/
  {program} s3://bucket/run-1/x.csv s3://bucket/x-1.csv
  {program} 's3://bucket/run-*/x.csv' s3://bucket/tables/
  {program} -r results s3://bucket/archive/
""",
}

# Options that have an effect where DST is stdout, besides those of the connection to the source.
_OF_STREAMS = (
    *("bandwidth", "requests_per_second", "verbose", "quiet", "log_format", "debug"),
    *("profile", "region", "endpoint_url", "no_sign_request", "request_payer"),
    *("role_arn", "role_session_name", "external_id"),
)


def run(arguments: Sequence[str]) -> ExitCode:
    """Copy the sources given by the arguments.

    Raises:
        UsageError: the arguments are invalid. Nothing has been done.
        Exception: a transfer failed.
    """
    return copy("cp", arguments)


def copy(verb: str, arguments: Sequence[str]) -> ExitCode:
    """Copy, or with ``mv`` move, the sources given by the arguments; see `run`."""
    parser = make_parser(verb)
    options = parser.parse_args(arguments)
    if options.destination == _STREAM:
        _check_streamable(options, parser)
    configure_logging(f"{PROGRAM} {verb}", verbose=options.verbose, form=options.log_format)
    use_connection(options)
    streams = [options.destination, *options.sources].count(_STREAM)
    if streams and (verb == "mv" or streams > 1 or len(options.sources) > 1):
        raise UsageError("- is for a single source or the destination of cp")
    if verb == "mv" and any("?versionId=" in source for source in options.sources):
        raise UsageError("a version cannot be moved: copy it with cp")
    if options.destination == _STREAM:
        from ..rate_limits import RateLimits
        from .cat import write_to_stdout

        limits = RateLimits(options.bandwidth, options.requests_per_second)
        write_to_stdout(options.sources, find_side_connection(options, "source"), limits)
        return ExitCode.DONE
    with _sources(options) as sources:
        copying = CopyOptions(
            options.recursive,
            verb == "mv",
            options.dry_run,
            options.fail_fast,
            lambda from_s3, to_s3: make_settings(options, from_s3=from_s3, to_s3=to_s3),
            find_side_connection(options, "source"),
            find_side_connection(options, "destination"),
            given_limits(options),
            options.preserve,
            backup=options.backup_path,
        )
        requests = list(make_requests(sources, options.destination, copying))
        if verb == "mv":
            _check_moves(requests)
        return _run(requests, options)


def _run(requests: Sequence[SyncRequest], options: argparse.Namespace) -> ExitCode:
    from ..sync.engine import Engine
    from .actions import ActionLines

    start, failed = time.monotonic(), FailedFiles()
    is_shown = (options.dry_run or options.verbose) and not (options.json or options.quiet)
    with watch(options) as progress:
        engine = Engine(progress, listener=ActionLines(has_reasons=False) if is_shown else None)
        counts = _copy_all(requests, engine, failed)
    if options.json:
        print_json(as_counts_model(counts))
    elif not options.quiet:
        seconds = time.monotonic() - start
        found = count_requests(by_operation=options.verbose)
        print_lines([format_counts(counts, seconds, found, dry_run=options.dry_run)])
    failed.print(deletes=not requests[0].retain_source_data)
    return failed.exit_code(counts)


def _copy_all(requests: Sequence[SyncRequest], engine: Engine, failed: FailedFiles) -> Counts:
    counts, taken = Counts(), dict[str, str]()
    # Objects of wildcards keep their paths, which those of other sources may have as well.
    is_shared = len(requests) > 1 and any(map(_has_wildcards, requests))
    check = partial(_check_apart, taken, _done_before(requests)) if is_shared else _check_nothing
    for request in requests:
        response = _copy(request, engine, check)
        result = response.result
        failed.add(response)
        if not (result.files_transferred or result.files_failed) and isinstance(
            request.source_path, S3Path
        ):
            raise CommandError(_describe_nothing(request))
        add_counts(counts, result)
    return counts


def _done_before(requests: Sequence[SyncRequest]) -> str:
    if requests[0].dry_run:
        return "Nothing was changed"
    return f"The sources before were {'copied' if requests[0].retain_source_data else 'moved'}"


def _has_wildcards(request: SyncRequest) -> bool:
    return request.filter_config is not None and request.filter_root is None


def _check_nothing(_: Sequence[Plan]) -> None:
    pass


def _check_apart(taken: dict[str, str], done: str, plans: Sequence[Plan]) -> None:
    """Raise `CommandError` if an object would replace what another source has just become.

    Args:
        taken: what the sources before have become, with each of them.
        done: what was done with these, as a sentence.
        plans: the plans of the next source, whose entries are added.
    """
    for plan in plans:
        route = plan.route
        for step in plan.steps:
            source, target = route.source.name(step.entry.relative), route.target.name(step.target)
            first = taken.setdefault(target, source)
            if first != source:
                raise CommandError(
                    f"{first} and {source} would both become {target}: copy one of them to "
                    f"another name. {done}"
                )


def _copy(
    request: SyncRequest, engine: Engine, check: Callable[[Sequence[Plan]], None]
) -> SyncResponse:
    """Copy an object, also from a bucket that may not be listed, or several."""
    try:
        return engine.sync(request, restrict=check)
    except AWSError as error:
        response = _copy_unlisted(request, engine, check) if error.is_forbidden else None
        if response is None:
            raise
        return response


def _copy_unlisted(
    request: SyncRequest, engine: Engine, check: Callable[[Sequence[Plan]], None]
) -> SyncResponse | None:
    """Copy a single object without a listing, or return `None` if that is refused as well."""
    source = request.source_path
    is_single = request.filter_root is not None and request.retain_source_data
    if not is_single or not isinstance(source, S3Path):
        return None
    name = source.name
    if not name.isprintable() or name.startswith(("#", ";")):
        # A list has no form for it.
        return None
    with TemporaryDirectory(prefix="data-sync-") as folder:
        names = Path(folder, "names")
        names.write_text(name, encoding="utf-8")
        changes = {"files_from": names, "filter_config": None, "continue_on_error": True}
        response = engine.sync(request.model_copy(update=changes), restrict=check)
    return None if response.result.files_failed else response


def _describe_nothing(request: SyncRequest) -> str:
    """Return why a sync of objects has transferred none."""
    verb = "copy" if request.retain_source_data else "move"
    if request.filter_root:
        return (
            f"cannot {verb} {request.source_path}: no object has this name. Give -r to {verb} the "
            "objects below it"
        )
    if request.filter_config:
        return f"no object below {request.source_path} matches the wildcards"
    return f"nothing to {verb} at {request.source_path}"


def _check_streamable(options: argparse.Namespace, parser: Parser) -> None:
    """Refuse options that have no effect on what is written to stdout."""
    found = vars(options)
    for action in parser.actions:
        name = action.dest
        is_used = name in _OF_STREAMS or name.startswith("source_")
        is_given = action.option_strings and found.get(name, action.default) != action.default
        if is_given and not is_used:
            raise UsageError(
                f"{action.option_strings[0]} has no effect where DST is -: leave it out"
            )


def _check_moves(requests: Sequence[SyncRequest]) -> None:
    for request in requests:
        if isinstance(request.source_path, S3Path) and not isinstance(
            request.destination_path, S3Path
        ):
            raise UsageError(
                f"cannot move {request.source_path} to a local path: copy it with cp, then remove "
                "it with rm"
            )


@contextmanager
def _sources(options: argparse.Namespace) -> Iterator[list[str]]:
    """Give the sources. Stdin and versions of objects are first written to temporary files."""
    if options.sources == [_STREAM] and options.destination.endswith("/"):
        raise UsageError("stdin has no name: give the full path or URI of the copy")
    with TemporaryDirectory(prefix="data-sync-") as folder:
        reader = ObjectReader(find_side_connection(options, "source"))
        numbered = enumerate(options.sources)
        yield [_as_path(text, Path(folder, str(n)), reader) for n, text in numbered]


def _as_path(source: str, folder: Path, reader: ObjectReader) -> str:
    if source != _STREAM and VERSION not in source:
        return source
    is_stdin = source == _STREAM
    name = "stdin" if is_stdin else source.partition(VERSION)[0].rpartition("/")[2]
    folder.mkdir()
    with Path(folder, name).open("wb") as file:
        if is_stdin:
            shutil.copyfileobj(sys.stdin.buffer, file)
        else:
            file.writelines(reader.read(S3Path(source)))
    return str(Path(folder, name))


def make_parser(verb: str = "cp") -> Parser:
    """Return the parser of cp or mv."""
    program = f"{PROGRAM} {verb}"
    parser = Parser(
        program,
        f"{_DESCRIPTION[verb]}\n{_RULES}",
        _EXAMPLES[verb].replace("{program}", program),
        usage="%(prog)s [options] SRC... DST",
    )
    stream = "; - is stdin" if verb == "cp" else ""
    parser.add_argument(
        "sources", metavar="SRC", nargs="+", help=f"S3 URI, EFS path or local path{stream}"
    )
    output = "; - is stdout" if verb == "cp" else ""
    parser.add_argument("destination", metavar="DST", help=f"destination{output}")
    done, doing = ("copy", "copying") if verb == "cp" else ("move", "moving")
    parser.add_argument(
        "--recursive", "-r", action="store_true", help=f"{done} folders and prefixes too"
    )
    parser.add_argument(
        "--dry-run", "-n", action="store_true", help="show what would be done without any change"
    )
    parser.add_argument(
        "--preserve",
        "-p",
        action="store_true",
        help="keep mode, owner and times of files, in S3 in metadata",
    )
    parser.add_argument(
        "--fail-fast",
        action="store_true",
        help=f"stop at the first file that fails, instead of {doing} the others",
    )
    add_connection_options(parser, has_sides=True)
    add_output_options(parser, has_quiet=True)
    add_object_options(parser.add_rarely_used("storage of objects in S3"))
    limits = parser.add_rarely_used("limits")
    add_backup(limits)
    add_bandwidth(limits)
    add_limits(limits)
    return parser
