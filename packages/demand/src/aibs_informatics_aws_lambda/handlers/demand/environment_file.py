"""The file from which a job's bash reads its variables.

Batch bounds the size of what a submission overrides, 8192 bytes; a file on the job's volume has
no such bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

ENVIRONMENT_FILE_NAME: Final = ".demand.env"
ENVIRONMENT_FILE_KEY: Final = "_ENVIRONMENT_FILE"

# https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
_OVERRIDES_BYTES: Final = 8192
_SHARE_FOR_VARIABLES: Final = 0.9

_NAME = r"[_a-zA-Z][_a-zA-Z0-9]*"
_MENTION = re.compile(rf"\$\{{?({_NAME})")
_EXPANSION = re.compile(rf"\$(?:({_NAME})|\{{({_NAME})\}})")
# What bash does not leave as it is between double quotes: quotes, backslashes, backquotes, and
# a dollar sign before what it would expand, unless that is a plain $NAME or ${NAME}.
# https://www.gnu.org/software/bash/manual/html_node/Double-Quotes.html
_SPECIAL = re.compile(rf"""[\\"`]|\$(?!\{{{_NAME}\}})(?=[-({{\[$?!@*#0-9])""")


def exceeds_overrides(variables: Mapping[str, str]) -> bool:
    """Tell whether variables have too many bytes of UTF-8 to be overrides of a Batch job."""
    size = sum(len(text.encode()) for text in (*variables, *variables.values()))
    return size > _SHARE_FOR_VARIABLES * _OVERRIDES_BYTES


def variables_mentioned_in(texts: Iterable[str]) -> set[str]:
    """Return the variables that shell texts use as ``$NAME``, ``${NAME}`` or ``${NAME:-...}``."""
    return {name for text in texts for name in _MENTION.findall(text)}


def format_environment_file(variables: Mapping[str, str]) -> str:
    """Return the text of a file that sets variables when bash reads it.

    Bash gets exactly the values, but for ``$NAME`` and ``${NAME}`` in them, which it expands. So
    a variable comes after those that it uses; else the given order is kept as far as possible.

    Raises:
        ValueError: variables use each other in a circle; the message names them.
    """
    return "\n".join(f'export {name}="{quote(variables[name])}"' for name in _ordered(variables))


def quote(value: str) -> str:
    """Return what stands for a value between double quotes in bash."""
    return _SPECIAL.sub(r"\\\g<0>", value)


def _ordered(variables: Mapping[str, str]) -> list[str]:
    names = set(variables)
    used = {name: (_uses(value) & names) - {name} for name, value in variables.items()}
    waiting = sorted(variables, key=lambda name: len(used[name]))
    # A dict: a set that keeps the order.
    written: dict[str, None] = {}
    while waiting:
        ready = next((name for name in waiting if used[name] <= written.keys()), None)
        if ready is None:
            raise ValueError(
                f"the variables {', '.join(waiting)} cannot be set one after the other: some use "
                "each other in a circle"
            )
        waiting.remove(ready)
        written[ready] = None
    return list(written)


def _uses(value: str) -> set[str]:
    return {plain or braced for plain, braced in _EXPANSION.findall(value)}
