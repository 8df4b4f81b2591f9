"""``--include`` and ``--exclude``: globs and regular expressions as filters of a request."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .arguments import as_argument

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.filters import DataSyncFilterConfig

_HELP = """\
GLOB has *, **, ?, [abc] and {a,b}. As in .gitignore, it matches at any depth, or with a leading /
directly below the source, and matches everything below a matching folder. The last matching option
decides, as in aws s3. Other files are selected unless the first option is an --include.
"""


class FilterRule(NamedTuple):
    """One filter option.

    Args:
        action: ``include`` or ``exclude``.
        expression: a regular expression that must match a whole relative path.
    """

    action: str
    expression: str


def add_filter_options(parser: argparse.ArgumentParser) -> None:
    """Add the options, which are stored in order as ``rules``."""
    group = parser.add_argument_group("filters", _HELP)
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


def _append_rule(action_name: str) -> type[argparse.Action]:
    class AppendRule(argparse.Action):
        def __call__(
            self,
            _parser: argparse.ArgumentParser,
            namespace: argparse.Namespace,
            value: Any,
            _option: str | None = None,
        ) -> None:
            rule = FilterRule(action_name, value)
            setattr(namespace, self.dest, [*getattr(namespace, self.dest), rule])

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


def make_filter_config(rules: Sequence[FilterRule]) -> DataSyncFilterConfig | None:
    """Return the filters of a request, by which the last matching rule decides.

    In a request an exclude takes precedence. An include that comes after an exclude therefore
    becomes an expression of its own, which fails on paths that later excludes match.
    """
    if not rules:
        return None
    # Not for the help: models take half of the start-up time.
    from aibs_informatics_aws_lambda.storage.data_sync.filters import DataSyncFilterConfig

    actions = [rule.action for rule in rules]
    if actions == sorted(actions, reverse=True):
        return DataSyncFilterConfig(include=_of("include", rules), exclude=_of("exclude", rules))
    starts_with_exclude = actions[0] == "exclude"
    kept = [FilterRule("include", "(?s:.*)"), *rules] if starts_with_exclude else rules
    return DataSyncFilterConfig(
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
