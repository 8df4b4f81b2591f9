"""Pages of the commands, from their argparse parsers."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module

from markdown_tables import table

_CORE = "aibs_informatics_aws_lambda.common.cli"
_ECR = "aibs_informatics_aws_lambda.handlers.ecr"
_DATA_SYNC = "aibs_informatics_aws_lambda.handlers.data_sync.cli"

_OPTION = re.compile(r"(?<![\w`/-])--[a-z][a-z-]*[a-z]")
_HELP = ("help", "help_all")
_USAGE = "usage: "
_INDENT = " " * len(_USAGE)
# Before a title, and before a paragraph.
_BLOCK_START = re.compile(r"\n+(?=\S.*:\n )|\n{2,}(?=\S)")


def commands() -> dict[str, dict[str, argparse.ArgumentParser]]:
    """Return the parsers of each command, by the names with which they are called."""
    return {
        "handle-lambda-request": _parsers(
            {
                "handle-lambda-request": f"{_CORE}.arguments",
                "handle-lambda-request serve": f"{_CORE}.serve",
                "handle-lambda-request mcp": f"{_CORE}.mcp_server",
                "handle-lambda-request watch": f"{_CORE}.watch",
            }
        ),
        "data-sync": _parsers(_data_sync_modules()),
        "replicate-image": _parsers({"replicate-image": f"{_ECR}.command"}),
    }


def _parsers(modules: Mapping[str, str]) -> dict[str, argparse.ArgumentParser]:
    return {name: import_module(module).make_parser() for name, module in modules.items()}


def _data_sync_modules() -> dict[str, str]:
    """Return the module of each verb; the first name of a verb that has two is the one to use."""
    verbs = import_module(f"{_DATA_SYNC}.arguments").MODULES
    names = {module: f"data-sync {verb}" for verb, module in reversed(verbs.items())}
    names["sync"] = "data-sync"
    return {names[module]: f"{_DATA_SYNC}.{module}" for module in dict.fromkeys(verbs.values())}


def command_page(command: str, parsers: Mapping[str, argparse.ArgumentParser], part: str) -> str:
    """Return the page of a command.

    Args:
        command: the name of the command.
        parsers: the parser of the command and of each of its verbs, by name.
        part: a link to the package that the command is part of.
    """
    sections = [_section(name, parser) for name, parser in parsers.items()]
    return "\n".join([f"# {command}\n\nPart of {part}.\n", *sections])


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    usage = parser.format_usage().removeprefix(_USAGE).rstrip().replace("\n" + _INDENT, "\n")
    description, *examples = _blocks(parser.description or "")
    parts = [f"## {name}", description, f"```text\n{usage}\n```", *examples]
    parts += [part for group in parser._action_groups for part in _options(group)]
    parts += _blocks(parser.epilog or "")
    return "\n\n".join(parts) + "\n"


def _blocks(text: str) -> list[str]:
    """Return the paragraphs of a text; indented lines below a title are preformatted."""
    return [_block(part) for part in _BLOCK_START.split(text.strip("\n")) if part]


def _block(text: str) -> str:
    title, _, body = text.partition("\n")
    if not (title.endswith(":") and body.startswith(" ")):
        return _with_code(text)
    return f"**{title[0].upper()}{title[1:-1]}**\n\n```text\n{textwrap.dedent(body)}\n```"


def _options(group: argparse._ArgumentGroup) -> Iterator[str]:
    """Yield the title and the table of a group of options."""
    rows = [
        (_names_of(action), _meaning(action))
        for action in group._group_actions
        if action.dest not in _HELP and action.help != argparse.SUPPRESS
    ]
    if rows:
        title = "arguments" if group.title == "positional arguments" else group.title or ""
        yield f"**{title[0].upper()}{title[1:]}**"
        yield table(("argument" if title == "arguments" else "option", "meaning"), rows)


def _names_of(action: argparse.Action) -> str:
    value = _value_of(action)
    names = action.option_strings or [value]
    shown = [f"`{name}`" for name in names]
    if action.option_strings and value:
        shown[-1] = f"`{names[-1]} {value}`"
    return ", ".join(shown)


def _value_of(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    metavar = action.metavar
    if isinstance(metavar, tuple):
        return " ".join(metavar)
    value = metavar or ("|".join(map(str, action.choices)) if action.choices else "")
    return value or (action.dest.upper() if action.option_strings else action.dest)


def _meaning(action: argparse.Action) -> str:
    text = " ".join((action.help or "").split()) % _values(action)
    choices = [str(choice) for choice in action.choices or ()]
    if choices and action.metavar and not all(choice in text for choice in choices):
        text += f" (one of {_listed(choices)})"
    return _with_code(text)


def _with_code(text: str) -> str:
    """Return a text with its options as code, so that a page does not show one dash for two."""
    return _OPTION.sub(r"`\g<0>`", text)


def _values(action: argparse.Action) -> dict[str, object]:
    return {"default": action.default, "metavar": action.metavar, "dest": action.dest}


def _listed(choices: Iterable[str]) -> str:
    return ", ".join(f"`{choice}`" for choice in choices)
