"""``data-sync stats``: show sizes and counts of a path and its children."""

from collections.abc import Callable, Iterator, Sequence

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.quoted_names import unquote_name

from ..file_system import GetDataPathStatsHandler
from ..housekeeping.models import DataPathStats, GetDataPathStatsRequest, GetDataPathStatsResponse
from .arguments import PROGRAM, Parser, add_output_options, parse_path
from .connection import add_connection_options, use_connection
from .housekeeping import with_plain_log
from .messages import configure_logging
from .output import format_size, format_time, print_json, print_lines
from .store_stats import show_stores

_PROGRAM = f"{PROGRAM} stats"

_DESCRIPTION = """\
Show total size, number of files and latest modification time (UTC) of each file and folder
directly below a path, and of the path itself in the last line. A missing path counts as empty.
"""

_EXAMPLES = f"""\
examples:
  {_PROGRAM} s3://bucket/results/
  {_PROGRAM} --json /mnt/efs/results
  {_PROGRAM} --stores s3://bucket/images/
"""


def run(arguments: Sequence[str]) -> ExitCode:
    """Show the stats of the path given by the arguments."""
    options = make_parser().parse_args(arguments)
    configure_logging(_PROGRAM, verbose=options.verbose, form=options.log_format)
    use_connection(options)
    if options.stores:
        show_stores(options.path, as_json=options.json)
        return ExitCode.DONE
    request = GetDataPathStatsRequest(path=options.path)
    response = with_plain_log(GetDataPathStatsHandler()).handle(request)
    if options.json:
        print_json(response)
    else:
        is_s3 = isinstance(options.path, S3Path)
        print_lines(_table(response, str(options.path), str if is_s3 else unquote_name))
    return ExitCode.DONE


def _table(
    response: GetDataPathStatsResponse, path: str, unquote: Callable[[str], str]
) -> Iterator[str]:
    rows = [("SIZE", "FILES", "LAST MODIFIED", "NAME")]
    rows += [_row(stats, unquote(name)) for name, stats in sorted(response.children.items())]
    rows.append(_row(response.path_stats, path))
    size, files, time = (max(map(len, column)) for column in list(zip(*rows, strict=True))[:3])
    for row in rows:
        yield f"{row[0]:>{size}}  {row[1]:>{files}}  {row[2]:<{time}}  {row[3]}"


def _row(stats: DataPathStats, name: str) -> tuple[str, str, str, str]:
    latest = format_time(stats.last_modified) if stats.object_count else "-"
    return format_size(stats.size_bytes), f"{stats.object_count:,}", latest, name


def make_parser() -> Parser:
    """Return the parser."""
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES)
    parser.add_argument(
        "path", metavar="PATH", type=parse_path, help="S3 URI, EFS path or local path"
    )
    parser.add_argument(
        "--stores",
        action="store_true",
        help="show each store, such as a Zarr array or a Delta table, as one item, at any depth",
    )
    add_connection_options(parser)
    add_output_options(parser)
    return parser
