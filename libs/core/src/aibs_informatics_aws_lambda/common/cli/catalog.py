"""Installed handlers, registered by entry points: list, find, describe."""

from importlib.metadata import EntryPoint, distributions, entry_points

from ..description import describe, summary_of
from ..handler import LambdaHandlerType
from ..handler_names import deserialize_handler
from ..json_io import JSONObject
from ..lambda_function import handler_class_of
from .errors import UsageError, error_message

GROUP = "aibs_informatics_aws_lambda.handlers"


def find_handler(name: str) -> LambdaHandlerType:
    """Return the handler with a qualified name, or with the name of an installed one.

    Raises:
        UsageError: there is no such handler; the message has the reason.
    """
    try:
        return deserialize_handler(_qualified(name))
    except ImportError as error:
        raise UsageError(
            f"cannot import the handler {name}: {error_message(error)} (is its package installed?)"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"cannot use the handler {name}: {error_message(error)} "
            "(--list shows the installed handlers)"
        ) from error
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"importing the handler {name} failed: {type(error).__name__}: {error_message(error)}"
        ) from error


def installed_names() -> list[str]:
    """Return the names of the installed handlers."""
    return [entry.name for entry in _installed()]


def list_handlers() -> str:
    """Return a table of the installed handlers: name, qualified name, summary."""
    rows = [(entry.name, _dotted(entry), _summary(entry)) for entry in _installed()]
    if not rows:
        return f"No handlers are installed (entry points of the group {GROUP})."
    name_width = max(len(name) for name, _, _ in rows)
    return "\n".join(
        f"{name:<{name_width}}  {dotted}\n{'':<{name_width}}  {summary}"
        for name, dotted, summary in rows
    )


def describe_handler(name: str) -> JSONObject:
    """Return the description of a handler, as `describe` does.

    Raises:
        UsageError: there is no such handler, or it has no models.
    """
    handler_cls = handler_class_of(find_handler(name))
    if handler_cls is None:
        raise UsageError(f"{name} is a plain function without models to describe")
    return describe(handler_cls)


def _installed() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda entry: entry.name)


def _qualified(name: str) -> str:
    if "." in name or ":" in name:
        # An entry point has a colon where a qualified name has its last dot.
        return name.replace(":", ".", 1)
    found = _find(name)
    if found is None:
        # Most names are right.
        from difflib import get_close_matches

        similar = get_close_matches(name, installed_names(), 1)
        raise ValueError(
            "not a qualified name, and not the name of an installed handler"
            + (f"; did you mean {similar[0]}?" if similar else "")
        )
    return _dotted(found)


def _find(name: str) -> EntryPoint | None:
    """Return the entry point of an installed handler, the first one on `sys.path`."""
    for distribution in distributions():
        # Reading the entry points of every distribution is much faster than parsing them.
        if GROUP in (distribution.read_text("entry_points.txt") or ""):
            found = distribution.entry_points.select(group=GROUP, name=name)
            if found:
                return next(iter(found))
    return None


def _dotted(entry: EntryPoint) -> str:
    return f"{entry.module}.{entry.attr}"


def _summary(entry: EntryPoint) -> str:
    try:
        return summary_of(entry.load())
    except (Exception, SystemExit) as error:
        return f"(cannot be imported: {error_message(error)})"
