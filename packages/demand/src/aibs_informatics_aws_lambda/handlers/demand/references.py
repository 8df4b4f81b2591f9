"""References between parameters: ``${NAME}`` stands for the value of another parameter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_REFERENCE = re.compile(rf"\$\{{({_NAME.pattern})\}}")

# A parameter may refer to others many times: without a bound, thirty short parameters make
# gigabytes. No process can get a longer variable: MAX_ARG_STRLEN of Linux, with its usual pages.
LONGEST_FILLED: Final = 128 * 1024


def to_variable_name(name: str) -> str:
    """Return the environment variable of a parameter: ``my-in.file`` is ``MY_IN_FILE``.

    Raises:
        ValueError: no variable can have that name.
    """
    plain = name.replace("-", "_").replace(".", "_")
    if not _NAME.fullmatch(plain):
        raise ValueError(
            f"the parameter name {name!r} makes no environment variable: expected letters, "
            "digits, '_', '-' and '.', and no digit first"
        )
    return plain.upper()


def references_in(text: str) -> list[str]:
    """Return the variable names of the parameters that a text refers to."""
    return [to_variable_name(name) for name in _REFERENCE.findall(text)]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with each reference replaced; references in the values are left alone.

    Args:
        text: what may hold references.
        values: by variable name, one for each reference of the text.

    Raises:
        ValueError: the result would be longer than 128 KiB.
    """
    references = references_in(text)
    if not references:
        return text
    if len(text) + sum(len(values[name]) for name in references) > LONGEST_FILLED:
        raise ValueError(f"with its references filled in, it exceeds {LONGEST_FILLED} characters")
    return _REFERENCE.sub(lambda found: values[to_variable_name(found[1])], text)


def in_order_of_references(
    references: Mapping[str, Iterable[str]], names: Mapping[str, str]
) -> list[str]:
    """Return variable names so that each comes after those that it refers to.

    Args:
        references: by variable name, the variable names that it refers to.
        names: by variable name, what the caller calls the parameter.

    Raises:
        ValueError: a reference leads nowhere, or in a circle; the message names the parameters.
    """
    for variable, referred in references.items():
        for unknown in sorted(set(referred) - set(references)):
            raise ValueError(
                f"the parameter {names[variable]!r} refers to ${{{unknown}}}, and there is no "
                "parameter of that name"
            )
    try:
        return list(TopologicalSorter(references).static_order())
    except CycleError as error:
        # The first name of the circle comes again at its end.
        circle = [repr(names[variable]) for variable in error.args[1][:-1]]
        raise ValueError(
            f"the parameter {circle[0]} refers to itself"
            if len(circle) == 1
            else f"the parameters {', '.join(circle)} refer to each other in a circle"
        ) from None
