"""The environment file, from which the command of a job reads variables.

Batch limits the length of container overrides. A file on a volume of the job has no such limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from aibs_informatics_aws_lambda.handlers.batch.job_definition import to_environment_list
from aibs_informatics_aws_lambda.handlers.batch.overrides import (
    BATCH_VARIABLES_LENGTH,
    MAX_OVERRIDES_LENGTH,
    serialize_overrides,
)

ENVIRONMENT_FILE_NAME = ".demand.env"
ENVIRONMENT_FILE_KEY = "_ENVIRONMENT_FILE"

_SHARE_FOR_VARIABLES = 0.9

_NAME = r"[_a-zA-Z][_a-zA-Z0-9]*"
_MENTION = re.compile(rf"\$\{{?({_NAME})")
_EXPANSION = re.compile(rf"\$(?:({_NAME})|\{{({_NAME})\}})")
# What bash interprets between double quotes: quotes, backslashes, backquotes, and dollar signs
# that start an expansion. $NAME and ${NAME} are expanded on purpose.
# https://www.gnu.org/software/bash/manual/html_node/Double-Quotes.html
_SPECIAL = re.compile(rf"""[\\"`]|\$(?!\{{{_NAME}\}})(?=[-({{\[$?!@*#0-9])""")


def exceeds_overrides(variables: Mapping[str, str]) -> bool:
    """Return whether variables are too large for container overrides.

    They are if names and values exceed 90 % of the limit, in bytes of UTF-8, or if their JSON form
    leaves too little room for the variables that Batch adds. Bytes, not characters: the decision
    is on the safe side.
    """
    size = sum(len(text.encode()) for text in (*variables, *variables.values()))
    serialized = serialize_overrides(to_environment_list(variables), [])
    return (
        size > _SHARE_FOR_VARIABLES * MAX_OVERRIDES_LENGTH
        or len(serialized.encode()) > MAX_OVERRIDES_LENGTH - BATCH_VARIABLES_LENGTH
    )


def variables_mentioned_in(texts: Iterable[str]) -> set[str]:
    """Return the variables in shell text: ``$NAME``, ``${NAME}`` and ``${NAME:-...}``."""
    return {name for text in texts for name in _MENTION.findall(text)}


def format_environment_file(variables: Mapping[str, str]) -> str:
    """Return the text of a file that exports variables when bash sources it.

    Values are quoted, but ``$NAME`` and ``${NAME}`` in them are expanded. Each variable follows
    those that it uses; otherwise the order is kept as far as possible.

    Raises:
        ValueError: variables use each other in a cycle; the message names them.
    """
    return "\n".join(
        f'export {name}="{quote(variables[name])}"' for name in _sort_by_use(variables)
    )


def quote(value: str) -> str:
    """Escape a value for use between double quotes in bash."""
    return _SPECIAL.sub(r"\\\g<0>", value)


def _sort_by_use(variables: Mapping[str, str]) -> list[str]:
    names = set(variables)
    used = {name: (_uses(value) & names) - {name} for name, value in variables.items()}
    waiting = sorted(variables, key=lambda name: len(used[name]))
    # A dict: a set that keeps the order.
    written: dict[str, None] = {}
    while waiting:
        ready = next((name for name in waiting if used[name] <= written.keys()), None)
        if ready is None:
            raise ValueError(
                f"circular reference among the variables {', '.join(waiting)}: each must only use "
                "variables that do not use it"
            )
        waiting.remove(ready)
        written[ready] = None
    return list(written)


def _uses(value: str) -> set[str]:
    return {plain or braced for plain, braced in _EXPANSION.findall(value)}
