"""``data-sync ls``: list files, folders and objects."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias

from aibs_informatics_aws_lambda.common.cli.errors import CommandError, ExitCode
from aibs_informatics_aws_lambda.storage.locations import DataLocation
from aibs_informatics_aws_lambda.storage.quoted_names import quote_name

from ..housekeeping.times import to_datetime
from ..sync.filters import compile_patterns, matches
from .arguments import PROGRAM, Parser, add_output_options, parse_path
from .connection import add_connection_options, check_side, use_connection
from .filters import add_filter_options, make_filter_config
from .housekeeping import absolute_paths, add_separator
from .levels import LevelEntry, list_buckets, list_level
from .messages import configure_logging
from .output import format_size, format_time, print_lines, print_pieces
from .progress import show_waiting

_PROGRAM = f"{PROGRAM} ls"
_BUCKETS = "s3://"

_Row: TypeAlias = tuple[str, int | None, float | None]
"""Name, size and time of an entry, as they are sorted on disk."""

_ORDERS: dict[str, Callable[[_Row], Any]] = {
    "name": lambda row: row[0],
    "size": lambda row: -(row[1] or 0),
    "time": lambda row: -(row[2] or 0),
}

# Where entries are shown while they are found, how wide the column will be is not known.
_SIZE_WIDTH = 12

_DESCRIPTION = """\
List what is directly below a path: time of the last modification (UTC), size in bytes and name.
Folders and prefixes end in a slash. Without PATH, or with s3://, list the buckets.

With -r, list the path and all files and folders below it, one absolute path or S3 URI per line.
With -l or --sort as well, list all files below the path, with time and size. With --stores, list
each store, such as a Zarr array or a Delta table, as one entry with its kind and total size.
The exit status is 1 if there is nothing.
"""

_EXAMPLES = f"""\
examples:
  {_PROGRAM} s3://bucket/results/
  {_PROGRAM} -H /mnt/efs/results
  {_PROGRAM} -r --include '*.csv' --exclude draft s3://bucket/results/
  {_PROGRAM} -r -H --sort size s3://bucket/results/ | head
  {_PROGRAM} -H --stores s3://bucket/images/
"""


def run(arguments: Sequence[str]) -> ExitCode:
    """List the path given by the arguments.

    Raises:
        CommandError: there is nothing at the path.
    """
    options = make_parser().parse_args(arguments)
    configure_logging(_PROGRAM, verbose=options.verbose, form=options.log_format)
    use_connection(options)
    if options.path is None:
        check_side(None, options)
    elif options.stores:
        with show_waiting(f"listing {options.path}"):
            return _list_with_stores(options)
    is_tree = options.recursive and options.path is not None
    is_detailed = options.long or options.human or options.sort is not None
    if is_tree and not is_detailed:
        return _list_tree(options)
    if is_tree:
        found = _files_below(options)
    else:
        level = list_buckets() if options.path is None else list_level(options.path)
        found = filter(_selects(options), level)
    with show_waiting(f"listing {options.path or 'buckets'}"):
        if is_tree and options.sort in (None, "name"):
            # They are found in this order.
            _print_entries(found, _SIZE_WIDTH, options)
        else:
            _print_entries(*_in_order(found, options), options)
    return ExitCode.DONE


def _in_order(
    entries: Iterable[LevelEntry], options: argparse.Namespace
) -> tuple[Iterator[LevelEntry], int]:
    """Return entries in order, and the width of their sizes. Many are sorted on disk."""
    from ..external_sort import sort_externally

    width = 0

    def rows() -> Iterator[_Row]:
        nonlocal width
        for entry in entries:
            width = max(width, len(_size(entry, human=options.human)))
            yield _row(entry)

    ordered = sort_externally(rows(), _ORDERS[options.sort or "name"])
    return (
        LevelEntry(name, size, None if time is None else to_datetime(time))
        for name, size, time in ordered
    ), width


def _print_entries(entries: Iterator[LevelEntry], width: int, options: argparse.Namespace) -> None:
    first = next(entries, None)
    if first is None:
        raise _nothing_at(options.path)
    found = chain([first], entries)
    if options.json:
        print_lines(map(_to_json, found), options.end)
    else:
        lines = (_line(entry, width, human=options.human) for entry in found)
        print_lines(lines, options.end)


def _nothing_at(path: DataLocation | None) -> CommandError:
    if path is None:
        return CommandError("there are no buckets")
    advice = ". Wildcards are not expanded here: use --include GLOB" if "*" in str(path) else ""
    return CommandError(f"cannot list {path}: there is nothing{advice}")


def _list_with_stores(options: argparse.Namespace) -> ExitCode:
    from . import store_list

    found = store_list.list_with_stores(
        options.path, _selects(options), recursive=options.recursive
    )
    first = next(found, None)
    if first is None:
        raise _nothing_at(options.path)
    entries: Iterable[store_list.StoreEntry] = chain([first], found)
    if options.sort is not None:
        order = _ORDERS[options.sort]
        entries = sorted(entries, key=lambda entry: order(_row(entry.listed)))
    if options.json:
        print_lines((store_list.to_json(entry, _to_json) for entry in entries), options.end)
    else:
        lines = (
            f"{_line(entry.listed, _SIZE_WIDTH, human=options.human)}{entry.note}"
            for entry in entries
        )
        print_lines(lines, options.end)
    return ExitCode.DONE


def _row(entry: LevelEntry) -> _Row:
    time = None if entry.modified is None else entry.modified.timestamp()
    return entry.name, entry.size, time


def _line(entry: LevelEntry, width: int, *, human: bool) -> str:
    time = format_time(entry.modified) if entry.modified else ""
    return f"{time:19}  {_size(entry, human=human):>{width}}  {entry.name}"


def _files_below(options: argparse.Namespace) -> Iterator[LevelEntry]:
    """Yield all selected files or objects at and below the path, by their full names."""
    from ..housekeeping.contents import find_contents
    from ..locations import find_root

    root, selects = find_root(options.path).name(), _selects(options)
    contents = find_contents(options.path)
    for entry in chain([contents.single] if contents.single else [], contents.below):
        if selects(LevelEntry(entry.relative)):
            name = f"{root.rstrip('/')}/{entry.relative}" if entry.relative else root
            yield LevelEntry(name, entry.size, to_datetime(entry.modified))


def _list_tree(options: argparse.Namespace) -> ExitCode:
    """Print the paths while they are found, or a document that lists them."""
    from ..housekeeping.contents import find_contents, iter_nodes
    from ..housekeeping.node_paths import NodePaths

    filters = make_filter_config(options.rules)
    include = compile_patterns(_in_full(filters.include), "include") if filters else []
    exclude = compile_patterns(_in_full(filters.exclude), "exclude") if filters else []
    # Few of the paths may match, or none.
    with show_waiting(f"listing {options.path}"):
        found = find_contents(options.path)
        if not found.exists:
            raise _nothing_at(options.path)
        paths = map(NodePaths(options.path).of, iter_nodes(found, include, exclude))
        if options.json:
            print_pieces(_paths_as_json(paths))
        else:
            print_lines(absolute_paths(options.path, paths), options.end)
    return ExitCode.DONE


def _paths_as_json(paths: Iterable[str]) -> Iterator[str]:
    """Yield the response of ListDataPaths in pieces; many paths are sorted on disk."""
    from ..external_sort import sort_externally

    separator = '{"paths": ['
    for path in sort_externally(paths):
        yield f"{separator}{json.dumps(path)}"
        separator = ", "
    yield f"{separator if separator[0] == '{' else ''}]}}"


def _in_full(patterns: str | list[str] | None) -> list[str]:
    return [rf"(?:{pattern})\Z" for pattern in patterns or ()]


def _selects(options: argparse.Namespace) -> Callable[[LevelEntry], bool]:
    filters = make_filter_config(options.rules)
    include = compile_patterns(filters.include, "include") if filters else []
    exclude = compile_patterns(filters.exclude, "exclude") if filters else []

    def selects(entry: LevelEntry) -> bool:
        return matches(entry.name.removesuffix("/"), include, exclude, match="whole")

    return selects


def _size(entry: LevelEntry, *, human: bool) -> str:
    if entry.size is None:
        return "-"
    return format_size(entry.size) if human else str(entry.size)


def _to_json(entry: LevelEntry) -> str:
    document = {
        "name": quote_name(entry.name),
        "size_bytes": entry.size,
        "last_modified": entry.modified and f"{format_time(entry.modified, 'T')}Z",
    }
    return json.dumps({name: value for name, value in document.items() if value is not None})


def _parse_listable(text: str) -> DataLocation | None:
    return None if text == _BUCKETS else parse_path(text)


def make_parser() -> Parser:
    """Return the parser."""
    usage = "%(prog)s [options] [filters] [PATH]"
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES, usage, shows_sizes=True)
    parser.add_argument(
        "path",
        metavar="PATH",
        nargs="?",
        type=_parse_listable,
        help="S3 URI, EFS path or local path",
    )
    parser.add_argument("--recursive", "-r", action="store_true", help="list the whole tree")
    parser.add_argument(
        "--long", "-l", action="store_true", help="with -r: list files with time and size"
    )
    parser.add_argument(
        "--stores", action="store_true", help="list each store as one entry, with its kind"
    )
    parser.add_argument(
        "--sort", choices=sorted(_ORDERS), help="by name, size (largest first) or time (newest)"
    )
    parser.add_human("show sizes as 1.5 GiB (also -h: ls -lh)")
    add_connection_options(parser)
    add_separator(add_output_options(parser))
    add_filter_options(parser.add_rarely_used("filters"))
    return parser
