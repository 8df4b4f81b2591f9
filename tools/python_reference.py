"""Pages on the public Python names, by the packages that offer them."""

from __future__ import annotations

import json
from importlib import import_module
from inspect import ismodule

from markdown_tables import table

NAMESPACE = "aibs_informatics_aws_lambda"

FACES = (
    "common",
    "common.api",
    "storage",
    "storage.data_sync",
    "handlers.batch",
    "handlers.data_sync",
    "handlers.demand",
    "handlers.ecr",
    "handlers.notifications",
    "main",
)
"""The packages and modules whose names are for users, below the namespace."""

_OVERVIEW = f"""\
The public names of the packages below `{NAMESPACE}`. Each is loaded when it is first used. All
other names are internal, and may change."""

# Imports of these packages for their own use.
_OWN_USE = frozenset(
    ("Any", "Path", "Sequence", "TYPE_CHECKING", "annotations", "import_module", "lazy_names")
)


def reference_pages() -> dict[str, str]:
    """Return the page of each package, by the name of the package below the namespace."""
    return {face: _page(face) for face in FACES}


def overview() -> str:
    """Return the page that lists all packages and their names."""
    rows = [
        (
            f"[{face}]({face}.md)",
            ", ".join(
                f"[`{name}`]({face}.md#{NAMESPACE}.{face}.{name})" for name in names_of(face)
            ),
        )
        for face in FACES
    ]
    return f"# Python\n\n{_OVERVIEW}\n\n{table(('package', 'names'), rows)}\n"


def names_of(face: str) -> list[str]:
    """Return the names that a package offers, in the order of their definition or the alphabet."""
    module = import_module(f"{NAMESPACE}.{face}")
    return [
        name
        for name in dir(module)
        if not name.startswith(("_", "paused_collector"))
        and name not in _OWN_USE
        and not ismodule(getattr(module, name))
    ]


def _page(face: str) -> str:
    names = names_of(face)
    example = next((name for name in names if name[0].isupper()), names[0])
    return f"""\
# {face}

```python
from {NAMESPACE}.{face} import {example}
```

::: {NAMESPACE}.{face}
    options:
      members: {json.dumps(names)}
"""
