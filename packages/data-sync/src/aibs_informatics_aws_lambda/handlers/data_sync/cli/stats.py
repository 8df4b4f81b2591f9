"""``data-sync stats``: show sizes and counts of a path and its children."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, UsageError
from aibs_informatics_aws_lambda.common.json_io import dump_json_line
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.locations import DataLocation

from ..external_sort import ExternalSorter
from ..housekeeping.contents import find_chosen_contents, sum_up
from ..housekeeping.node_paths import NodePaths
from ..housekeeping.times import to_datetime
from ..tree import Node
from .arguments import PROGRAM, Parser, add_output_options, parse_path
from .connection import add_connection_options, use_connection
from .messages import configure_logging
from .output import format_size, format_time, print_lines, print_pieces
from .progress import show_waiting

logger = logging.getLogger(__name__)

_PROGRAM = f"{PROGRAM} stats"
_STDIN = Path("/dev/stdin")
_BAR_WIDTH = 20
_HEADINGS = ("SIZE", "FILES", "LAST MODIFIED", "NAME")

_DESCRIPTION = """\
Show total size, number of files and latest modification time (UTC) of each file and folder
directly below a path, and of the path itself in the last line. A missing path counts as empty,
with a warning.
With --html, also write a page with a treemap, charts by folder, age and size, and a table.
"""

_EXAMPLES = f"""\
examples:
  {_PROGRAM} s3://bucket/results/
  {_PROGRAM} --json /mnt/efs/results
  {_PROGRAM} --html sizes.html s3://bucket/results/
  {_PROGRAM} --stores s3://bucket/images/
  {_PROGRAM} --files-from list s3://bucket/results/
"""


def run(arguments: Sequence[str]) -> ExitCode:
    """Show the stats of the path given by the arguments."""
    options = make_parser().parse_args(arguments)
    if options.stores and options.html:
        raise UsageError("--html has no effect with --stores: leave one of them out")
    for option, value in (
        ("--inventory", options.inventory),
        ("--files-from", options.files_from),
    ):
        if options.stores and value:
            raise UsageError(f"{option} has no effect with --stores: leave one of them out")
    if options.inventory and options.files_from:
        raise UsageError(
            "--inventory and --files-from are mutually exclusive: leave one of them out"
        )
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
    table = _Json(options.path) if options.json else _Table(str(options.path))
    with show_waiting(f"listing {options.path}"):
        root = _write_page(options, table.add) if options.html else _sum_up(options, table.add)
    table.print(root)
    if not root.object_count:
        # Its name may be mistyped.
        logger.warning("there are no files at %s", options.path)
    return ExitCode.DONE


def _sum_up(
    options: argparse.Namespace,
    take: Callable[[Node], None],
    visit: Callable[[Node], None] | None = None,
) -> Node:
    files_from = _STDIN if options.files_from == Path("-") else options.files_from
    return sum_up(find_chosen_contents(options.path, options.inventory, files_from), take, visit)


def _write_page(options: argparse.Namespace, take: Callable[[Node], None]) -> Node:
    """Write the page, and return the totals of the path."""
    from .pages.page import check_page_location, write_page
    from .pages.stats_page import StatsPage

    check_page_location(options.html)
    page = StatsPage(options.path)
    root = _sum_up(options, take, page.add)
    write_page(options.html, page.render(root))
    return root


class _Children:
    """The immediate children of a path, by name. Many are sorted on disk."""

    def __init__(self) -> None:
        self._sorter: ExternalSorter[tuple[Any, ...]] = ExternalSorter(itemgetter(0))

    def add(self, child: Node) -> None:
        """Add a child, in any order."""
        self._sorter.add((self._name_of(child.relative.removesuffix("/")), *child))

    def _name_of(self, name: str) -> str:
        return name

    def _by_name(self) -> Iterator[tuple[str, Node]]:
        """Yield the children in the order of their names; of one name, the one added last."""
        for name, rows in groupby(self._sorter.ordered(), itemgetter(0)):
            *_, (_, *fields) = rows
            yield name, Node(*fields)


class _Table(_Children):
    """A table of the children, and of the path in the last line."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._widths = [len(heading) for heading in _HEADINGS[:-1]]
        self._largest = 0

    def add(self, child: Node) -> None:
        super().add(child)
        self._fit(child)
        self._largest = max(self._largest, child.size_bytes)

    def print(self, root: Node) -> None:
        """Print the table, given the totals of the path."""
        self._fit(root)
        print_lines(self._lines(root))

    def _fit(self, node: Node) -> None:
        cells = _row(node, "")[:-1]
        self._widths = [
            max(width, len(cell)) for width, cell in zip(self._widths, cells, strict=True)
        ]

    def _lines(self, root: Node) -> Iterator[str]:
        yield self._line(_HEADINGS, "")
        for name, child in self._by_name():
            yield self._line(_row(child, name), self._bar(child.size_bytes))
        yield self._line(_row(root, self._path), "")

    def _line(self, row: Sequence[str], bar: str) -> str:
        size, files, time = self._widths
        column = f"{bar:<{_BAR_WIDTH}}  " if _shows_bars() else ""
        return f"{row[0]:>{size}}  {row[1]:>{files}}  {row[2]:<{time}}  {column}{row[3]}"

    def _bar(self, size: int) -> str:
        """Return a bar in proportion to the largest child."""
        return "█" * round(_BAR_WIDTH * size / (self._largest or 1))


class _Json(_Children):
    """The response of GetDataPathStats."""

    def __init__(self, path: DataLocation) -> None:
        super().__init__()
        self._path = path
        self._quote = NodePaths(path).quote

    def _name_of(self, name: str) -> str:
        return self._quote(name)

    def print(self, root: Node) -> None:
        """Print the response, given the totals of the path."""
        print_pieces(self._pieces(root))

    def _pieces(self, root: Node) -> Iterator[str]:
        # The table needs no models: they take longer to import than a small tree to list.
        from ..housekeeping.stats import make_stats_response, stats_of

        separator, is_empty = '{"children": {', True
        for name, child in self._by_name():
            yield f"{separator}{json.dumps(name)}: {dump_json_line(stats_of(child).to_dict())}"
            separator, is_empty = ", ", False
        yield f"{separator if is_empty else ''}}}, "
        rest = make_stats_response(self._path, root, {} if is_empty else {"": root}).to_dict()
        del rest["children"]
        yield dump_json_line(rest)[1:]


def _shows_bars() -> bool:
    """Return whether stdout is a terminal that has the characters of the bars."""
    return sys.stdout.isatty() and sys.stdout.encoding.lower().startswith("utf")


def _row(node: Node, name: str) -> tuple[str, str, str, str]:
    latest = format_time(to_datetime(node.last_modified)) if node.object_count else "-"
    return format_size(node.size_bytes), f"{node.object_count:,}", latest, name


def make_parser() -> Parser:
    """Return the parser."""
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES, "%(prog)s [options] PATH", shows_sizes=True)
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
        "--files-from",
        metavar="FILE",
        type=parse_path,
        help="count only the paths in FILE, one a line, relative to PATH; - is stdin",
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=parse_path,
        help="write the page, one file that needs no network",
    )
    # As du -h: sizes are readable anyway.
    parser.add_human(argparse.SUPPRESS)
    add_connection_options(parser)
    add_output_options(parser)
    return parser
