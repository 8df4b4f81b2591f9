"""``--include`` and ``--exclude``: globs and regular expressions as filters of a request."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .arguments import as_argument, parse_path, parse_size, parse_time

if TYPE_CHECKING:
    from ..sync.plain_request import PlainFilters

_FILE_FILTERS = ("min_size_bytes", "max_size_bytes", "modified_after", "modified_before")

_HELP = """\
GLOB has *, **, ?, [abc] and {a,b}. As in .gitignore, it matches at any depth, or with a leading /
directly below SRC, and everything below a matching folder. The last matching option decides, as in
aws s3. Files that match none are selected, unless the first option is an --include.
"""


class FilterRule(NamedTuple):
    """One filter option.

    Args:
        action: ``include`` or ``exclude``.
        expression: a regular expression that must match a whole relative path.
    """

    action: str
    expression: str


def add_filter_options(group: argparse._ArgumentGroup) -> None:
    """Add the options, which are stored in order as ``rules``."""
    group.description = _HELP
    for option, kind, parse in (
        ("include", "GLOB", parse_glob),
        ("exclude", "GLOB", parse_glob),
        ("include-regex", "REGEX", parse_expression),
        ("exclude-regex", "REGEX", parse_expression),
    ):
        action = option.partition("-")[0]
        effect = "select" if action == "include" else "skip"
        how = "matching paths" if kind == "GLOB" else "paths that match REGEX in full"
        group.add_argument(
            f"--{option}",
            metavar=kind,
            dest="rules",
            action=_append_rule(action),
            type=parse,
            default=[],
            help=f"{effect} {how}; repeatable",
        )
    group.add_argument(
        "--filter-from",
        metavar="FILE",
        dest="rules",
        action=_ExtendRules,
        type=read_rules,
        help="read filters from lines '+ GLOB' and '- GLOB'; - is stdin",
    )


def add_file_filters(group: argparse._ArgumentGroup) -> None:
    """Add the options that select files by name, size and time."""
    group.add_argument(
        "--files-from",
        metavar="FILE",
        type=parse_path,
        help="look up only the paths in FILE, one a line, relative to SRC; - is stdin",
    )
    for option, dest, parse, metavar, effect in (
        (
            "--min-size",
            "min_size_bytes",
            parse_size,
            "SIZE",
            "skip files smaller than SIZE, such as 10MB",
        ),
        (
            "--max-size",
            "max_size_bytes",
            parse_size,
            "SIZE",
            "skip files larger than SIZE, such as 2GiB",
        ),
        (
            "--newer-than",
            "modified_after",
            parse_time,
            "TIME",
            "skip files older than TIME, such as 7d",
        ),
        (
            "--older-than",
            "modified_before",
            parse_time,
            "TIME",
            "skip files modified since TIME, such as 2026-01-31",
        ),
    ):
        group.add_argument(option, metavar=metavar, dest=dest, type=parse, help=effect)


class _ExtendRules(argparse.Action):
    """Adds the filters of a file, where the option stands."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        value: Any,
        _option: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), *value])


def _append_rule(action_name: str) -> type[argparse.Action]:
    class AppendRule(_ExtendRules):
        def __call__(
            self,
            parser: argparse.ArgumentParser,
            namespace: argparse.Namespace,
            value: Any,
            option: str | None = None,
        ) -> None:
            super().__call__(parser, namespace, [FilterRule(action_name, value)], option)

    return AppendRule


@as_argument
def parse_expression(text: str) -> str:
    """Return a valid regular expression unchanged."""
    from aibs_informatics_aws_lambda.storage.regular_expressions import compile_expression

    return compile_expression(text, "the pattern").pattern


@as_argument
def parse_glob(text: str) -> str:
    """Return the regular expression of a glob, for paths relative to the source."""
    return glob_to_regex(text)


@as_argument
def read_rules(name: str) -> list[FilterRule]:
    """Return the filters in a file of lines ``+ GLOB`` and ``- GLOB``."""
    actions = {"+ ": "include", "- ": "exclude"}
    rules = []
    for line in _lines_of(name):
        if line[:2] not in actions:
            raise ValueError(f"{name}: {line!r} does not start with '+ ' or '- '")
        rules.append(FilterRule(actions[line[:2]], glob_to_regex(line[2:].strip())))
    return rules


def _lines_of(name: str) -> list[str]:
    """Return the lines of a file, or of stdin, without empty ones and comments."""
    data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    lines = data.decode("utf-8-sig", errors="surrogateescape").split("\n")
    return [line.rstrip("\r") for line in lines if line.strip() and line[0] not in "#;"]


def glob_to_regex(text: str) -> str:
    """Return the regular expression that matches the whole relative paths of a glob.

    Raises:
        ValueError: the glob is empty.
    """
    # As long to import as argparse: only for commands with filters.
    from wcmatch import glob

    name = text.strip("/")
    if not name:
        raise ValueError(f"{text!r} is not a glob such as *.csv")
    pattern = name if text.startswith("/") else f"**/{name}"
    patterns = [f"{pattern}/**"] if text.endswith("/") else [pattern, f"{pattern}/**"]
    flags = glob.GLOBSTAR | glob.BRACE | glob.DOTGLOB | glob.FORCEUNIX
    included, _ = glob.translate(patterns, flags=flags)
    # Without $, which also matches before a newline: the expression must match in full anyway.
    return f"(?:{'|'.join(expression.removesuffix('$') for expression in included)})"


def make_filters(options: argparse.Namespace) -> PlainFilters | None:
    """Return the filters of a request for the options of `add_file_filters` and the rules."""
    config = make_filter_config(options.rules)
    given = {name: value for name in _FILE_FILTERS if (value := vars(options)[name]) is not None}
    if not given:
        return config
    from ..sync.plain_request import PlainFilters

    return replace(config or PlainFilters(), **given)


def make_filter_config(rules: Sequence[FilterRule]) -> PlainFilters | None:
    """Return the filters of a request, by which the last matching rule decides.

    In a request an exclude takes precedence. An include that comes after an exclude therefore
    becomes an expression of its own, which fails on paths that later excludes match.
    """
    if not rules:
        return None
    # Not for the help.
    from ..sync.plain_request import PlainFilters

    actions = [rule.action for rule in rules]
    if actions == sorted(actions, reverse=True):
        return PlainFilters(include=_of("include", rules), exclude=_of("exclude", rules))
    starts_with_exclude = actions[0] == "exclude"
    kept = [FilterRule("include", "(?s:.*)"), *rules] if starts_with_exclude else rules
    return PlainFilters(
        include=[
            _unless(_of("exclude", kept[position:]), rule.expression)
            for position, rule in enumerate(kept)
            if rule.action == "include"
        ]
    )


def _of(action: str, rules: Sequence[FilterRule]) -> list[str]:
    return [rule.expression for rule in rules if rule.action == action]


def _unless(excluded: Sequence[str], expression: str) -> str:
    if not excluded:
        return expression
    return rf"(?!(?:{'|'.join(excluded)})\Z)(?:{expression})"
