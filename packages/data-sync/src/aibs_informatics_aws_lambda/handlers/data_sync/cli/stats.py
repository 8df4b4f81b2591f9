"""``data-sync stats``: show sizes and counts of a path and its children."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, UsageError
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.quoted_names import unquote_name

from ..file_system import get_path_stats
from ..housekeeping.models import DataPathStats, GetDataPathStatsResponse
from .arguments import PROGRAM, Parser, add_output_options, parse_path
from .connection import add_connection_options, use_connection
from .messages import configure_logging
from .output import format_size, format_time, print_json, print_lines
from .progress import show_waiting
from .store_stats import show_stores

_PROGRAM = f"{PROGRAM} stats"
_BAR_WIDTH = 20

_DESCRIPTION = """\
Show total size, number of files and latest modification time (UTC) of each file and folder
directly below a path, and of the path itself in the last line. A missing path counts as empty.
With --html, also write a page with a treemap, charts by folder, age and size, and a table.
"""

_EXAMPLES = f"""\
examples:
  {_PROGRAM} s3://bucket/results/
  {_PROGRAM} --json /mnt/efs/results
  {_PROGRAM} --html sizes.html s3://bucket/results/
  {_PROGRAM} --stores s3://bucket/images/
"""


def run(arguments: Sequence[str]) -> ExitCode:
    """Show the stats of the path given by the arguments."""
    options = make_parser().parse_args(arguments)
    if options.stores and options.html:
        raise UsageError("--html has no effect with --stores: leave one of them out")
    configure_logging(_PROGRAM, verbose=options.verbose, form=options.log_format)
    use_connection(options)
    if options.stores:
        with show_waiting(f"listing {options.path}"):
            show_stores(options.path, as_json=options.json)
        return ExitCode.DONE
    with show_waiting(f"listing {options.path}"):
        response = _write_page(options) if options.html else get_path_stats(options.path)
    if options.json:
        print_json(response)
    else:
        is_s3 = isinstance(options.path, S3Path)
        print_lines(_table(response, str(options.path), str if is_s3 else unquote_name))
    return ExitCode.DONE


def _write_page(options: argparse.Namespace) -> GetDataPathStatsResponse:
    """Write the page, and return the stats."""
    # Not for the table alone.
    from .pages.page import check_page_location, write_page
    from .pages.stats_page import StatsPage

    check_page_location(options.html)
    page = StatsPage(options.path)
    response = get_path_stats(options.path, page.add)
    write_page(options.html, page.render(response))
    return response


def _table(
    response: GetDataPathStatsResponse, path: str, unquote: Callable[[str], str]
) -> Iterator[str]:
    rows = [("SIZE", "FILES", "LAST MODIFIED", "NAME")]
    children = sorted(response.children.items())
    rows += [_row(stats, unquote(name)) for name, stats in children]
    rows.append(_row(response.path_stats, path))
    size, files, time = (max(map(len, column)) for column in list(zip(*rows, strict=True))[:3])
    bars = _bars([stats.size_bytes for _, stats in children])
    for row, bar in zip(rows, ["", *bars, ""], strict=True):
        column = f"{bar:<{_BAR_WIDTH}}  " if _shows_bars() else ""
        yield f"{row[0]:>{size}}  {row[1]:>{files}}  {row[2]:<{time}}  {column}{row[3]}"


def _bars(sizes: Sequence[int]) -> list[str]:
    """Return a bar for each size, in proportion to the largest."""
    most = max(sizes, default=0) or 1
    return ["█" * round(_BAR_WIDTH * size / most) for size in sizes]


def _shows_bars() -> bool:
    """Tell whether stdout is a terminal that has the characters of the bars."""
    return sys.stdout.isatty() and sys.stdout.encoding.lower().startswith("utf")


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
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=parse_path,
        help="write the page, one file that needs no network",
    )
    add_connection_options(parser)
    add_output_options(parser)
    return parser
