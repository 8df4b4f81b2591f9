"""References between parameters: ``${NAME}`` is replaced by the value of a parameter."""

import re
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_REFERENCE = re.compile(rf"\$\{{({_NAME.pattern})\}}")

# Without a limit, thirty short parameters that refer to each other several times would become
# gigabytes. Linux limits a variable to this length (MAX_ARG_STRLEN with 4 KiB pages).
MAX_VALUE_LENGTH = 128 * 1024


def to_variable_name(name: str) -> str:
    """Return the environment variable of a parameter: ``my-in.file`` becomes ``MY_IN_FILE``.

    Raises:
        ValueError: the name is not valid for a variable.
    """
    plain = name.replace("-", "_").replace(".", "_")
    if not _NAME.fullmatch(plain):
        raise ValueError(
            f"invalid parameter name {name!r}: use letters, digits, '_', '-' and '.', and do not "
            "start with a digit"
        )
    return plain.upper()


def find_references(text: str) -> list[str]:
    """Return the variable names of the references in a text."""
    return [to_variable_name(name) for name in _REFERENCE.findall(text)]


def fill_references(text: str, values: Mapping[str, str]) -> str:
    """Replace the references in a text. References in the values are not replaced.

    Args:
        text: the text.
        values: the values by variable name.

    Raises:
        ValueError: the result would be longer than 131,072 characters.
    """
    references = find_references(text)
    if not references:
        return text
    if len(text) + sum(len(values[name]) for name in references) > MAX_VALUE_LENGTH:
        raise ValueError(f"its resolved value exceeds {MAX_VALUE_LENGTH} characters")
    return _REFERENCE.sub(lambda found: values[to_variable_name(found[1])], text)


def sort_by_references(
    references: Mapping[str, Iterable[str]], names: Mapping[str, str]
) -> list[str]:
    """Sort variable names: each follows those that it refers to.

    Args:
        references: the references of each parameter, by variable name.
        names: the names of the parameters, by variable name.

    Raises:
        ValueError: a reference is unknown or circular; the message names the parameters.
    """
    for variable, referred in references.items():
        for unknown in sorted(set(referred) - set(references)):
            raise ValueError(
                f"the parameter {names[variable]!r} refers to ${{{unknown}}}, which is not a "
                "parameter"
            )
    try:
        return list(TopologicalSorter(references).static_order())
    except CycleError as error:
        # The first name is repeated at the end.
        cycle = [repr(names[variable]) for variable in error.args[1][:-1]]
        raise ValueError(
            f"the parameter {cycle[0]} refers to itself"
            if len(cycle) == 1
            else f"circular reference among the parameters {', '.join(cycle)}"
        ) from None
