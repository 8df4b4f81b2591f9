"""``data-sync stats``: show sizes and counts of a path and its children."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, UsageError
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..housekeeping.contents import find_contents, find_listed_contents, sum_up_children
from ..housekeeping.times import to_datetime
from ..tree import Node
from .arguments import PROGRAM, Parser, add_output_options, parse_path
from .connection import add_connection_options, use_connection
from .messages import configure_logging
from .output import format_size, format_time, print_json, print_lines
from .progress import show_waiting

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
    if options.stores and options.inventory:
        raise UsageError("--inventory has no effect with --stores: leave one of them out")
    if options.inventory and not isinstance(options.path, S3Path):
        raise UsageError("--inventory is only for a path in S3")
    configure_logging(_PROGRAM, verbose=options.verbose, form=options.log_format)
    use_connection(options)
    # The table needs no models: they take longer to import than a small tree to list.
    if options.stores:
        from .store_stats import show_stores

        with show_waiting(f"listing {options.path}"):
            show_stores(options.path, as_json=options.json)
        return ExitCode.DONE
    with show_waiting(f"listing {options.path}"):
        root, children = _write_page(options) if options.html else _sum_up(options)
    if options.json:
        from ..housekeeping.stats import make_stats_response

        print_json(make_stats_response(options.path, root, children))
    else:
        print_lines(_table(str(options.path), root, children))
    return ExitCode.DONE


def _sum_up(
    options: argparse.Namespace, visit: Callable[[Node], None] | None = None
) -> tuple[Node, dict[str, Node]]:
    found = (
        find_contents(options.path)
        if options.inventory is None
        else find_listed_contents(options.path, options.inventory)
    )
    return sum_up_children(found, visit)


def _write_page(options: argparse.Namespace) -> tuple[Node, dict[str, Node]]:
    """Write the page, and return the totals of the path and of its children."""
    from .pages.page import check_page_location, write_page
    from .pages.stats_page import StatsPage

    check_page_location(options.html)
    page = StatsPage(options.path)
    root, children = _sum_up(options, page.add)
    write_page(options.html, page.render(root))
    return root, children


def _table(path: str, root: Node, by_name: Mapping[str, Node]) -> Iterator[str]:
    rows = [("SIZE", "FILES", "LAST MODIFIED", "NAME")]
    children = sorted(by_name.items())
    rows += [_row(child, name) for name, child in children]
    rows.append(_row(root, path))
    size, files, time = (max(map(len, column)) for column in list(zip(*rows, strict=True))[:3])
    bars = _bars([child.size_bytes for _, child in children])
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


def _row(node: Node, name: str) -> tuple[str, str, str, str]:
    latest = format_time(to_datetime(node.last_modified)) if node.object_count else "-"
    return format_size(node.size_bytes), f"{node.object_count:,}", latest, name


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
        "--inventory",
        metavar="URI",
        type=parse_path,
        help="read the manifest.json of an S3 Inventory report, without LIST requests",
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
